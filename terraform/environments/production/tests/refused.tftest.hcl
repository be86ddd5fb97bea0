# Bad input is refused before anything is created.
mock_provider "google" {}

variables {
  project_id              = "my-project-123"
  image                   = "us-docker.pkg.dev/cloudrun/container/hello@sha256:0000000000000000000000000000000000000000000000000000000000000001"
  metrics_collector_image = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar@sha256:0000000000000000000000000000000000000000000000000000000000000002"
  notification_emails     = ["ops@example.com"]
}

run "project_id" {
  command         = plan
  expect_failures = [var.project_id]

  variables {
    project_id = "My Project"
  }
}

run "project_id_number" {
  command         = plan
  expect_failures = [var.project_id]

  variables {
    project_id = "123456789012"
  }
}

run "region_zone" {
  command         = plan
  expect_failures = [var.region]

  variables {
    region = "europe-west2-a"
  }
}

run "region_unknown" {
  command         = plan
  expect_failures = [var.region]

  variables {
    region = "europe-west99"
  }
}

run "service_name" {
  command         = plan
  expect_failures = [var.service_name]

  variables {
    service_name = "to do"
  }
}

run "image_by_tag" {
  command         = plan
  expect_failures = [var.image]

  variables {
    image = "us-docker.pkg.dev/cloudrun/container/hello:latest"
  }
}

run "metrics_collector_image_by_tag" {
  command         = plan
  expect_failures = [var.metrics_collector_image]

  variables {
    metrics_collector_image = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar:latest"
  }
}

run "session_keys_version" {
  command         = plan
  expect_failures = [var.session_keys_version]

  variables {
    session_keys_version = "latest"
  }
}

run "collector_config_version" {
  command         = plan
  expect_failures = [var.collector_config_version]

  variables {
    collector_config_version = "latest"
  }
}

run "database_tier_weak" {
  command         = plan
  expect_failures = [var.database_tier]

  variables {
    database_tier = "db-f1-micro"
  }
}

run "database_tier_shared" {
  command         = plan
  expect_failures = [var.database_tier]

  variables {
    database_tier = "db-g1-small"
  }
}

run "notification_emails_none" {
  command         = plan
  expect_failures = [var.notification_emails]

  variables {
    notification_emails = []
  }
}

run "notification_emails_empty" {
  command         = plan
  expect_failures = [var.notification_emails]

  variables {
    notification_emails = [""]
  }
}

run "notification_emails_no_address" {
  command         = plan
  expect_failures = [var.notification_emails]

  variables {
    notification_emails = ["ops"]
  }
}

run "billing_account" {
  command         = plan
  expect_failures = [var.billing_account]

  variables {
    billing_account = "mine"
  }
}
