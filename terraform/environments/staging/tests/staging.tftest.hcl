mock_provider "google" {
  mock_resource "google_compute_network" {
    defaults = { id = "projects/my-project-123/global/networks/todo" }
  }

  mock_resource "google_cloud_run_v2_service" {
    defaults = { uri = "https://todo-1234567890.europe-west2.run.app" }
  }

  mock_resource "google_sql_database_instance" {
    defaults = { connection_name = "my-project-123:europe-west2:todo" }
  }

  mock_resource "google_monitoring_notification_channel" {
    defaults = { name = "projects/my-project-123/notificationChannels/1" }
  }
}

variables {
  project_id              = "my-project-123"
  image                   = "us-docker.pkg.dev/cloudrun/container/hello@sha256:0000000000000000000000000000000000000000000000000000000000000001"
  metrics_collector_image = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar@sha256:0000000000000000000000000000000000000000000000000000000000000002"
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

  assert {
    condition     = startswith(output.repository_url, "europe-west1-docker.pkg.dev/")
    error_message = "It is all in the region that is asked for."
  }
}

run "apply" {
  # What one module gives, the next accepts.
  assert {
    condition     = output.uri == "https://todo-1234567890.europe-west2.run.app" && output.service_name == "todo"
    error_message = "It is said where the service answers."
  }

  assert {
    condition     = startswith(output.database_grants["service"], "GRANT ") && output.repository_url == "europe-west2-docker.pkg.dev/my-project-123/todo"
    error_message = "It is said what the database is told once, and where images are pushed."
  }
}
