mock_provider "google" {}

variables {
  project_id              = "my-project-123"
  image                   = "us-docker.pkg.dev/cloudrun/container/hello@sha256:0000000000000000000000000000000000000000000000000000000000000001"
  metrics_collector_image = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar@sha256:0000000000000000000000000000000000000000000000000000000000000002"
  deployer_email          = "deployer@my-project-123.iam.gserviceaccount.com"
  infrastructure_email    = "infrastructure@my-project-123.iam.gserviceaccount.com"
  notification_emails     = ["ops@example.com"]
}

run "plan" {
  command = plan

  assert {
    condition     = var.deletion_protection && var.region == "europe-west2"
    error_message = "What holds data is protected, and in London, unless told otherwise."
  }

  assert {
    condition     = length(var.invokers) == 0
    error_message = "The service is public only where that is asked for."
  }
}

run "public_with_a_budget" {
  command = plan

  variables {
    invokers        = ["allUsers"]
    billing_account = "012345-6789AB-CDEF01"
    region          = "europe-west1"
  }
}
