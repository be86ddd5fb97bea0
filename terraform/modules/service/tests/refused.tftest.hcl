# Bad input is refused before anything is created.
mock_provider "google" {}

variables {
  project_id            = "my-project-123"
  image                 = "europe-west2-docker.pkg.dev/my-project-123/app/todo@sha256:0000000000000000000000000000000000000000000000000000000000000001"
  service_account_email = "todo-run@my-project-123.iam.gserviceaccount.com"
  network_id            = "projects/my-project-123/global/networks/app"
  subnetwork_id         = "projects/my-project-123/regions/europe-west2/subnetworks/app"
}

run "project_id" {
  command         = plan
  expect_failures = [var.project_id]

  variables {
    project_id = "My Project"
  }
}

run "name" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = "Todo"
  }
}

run "image" {
  command         = plan
  expect_failures = [var.image]

  variables {
    image = "europe-west2-docker.pkg.dev/my-project-123/app/todo:latest"
  }
}

run "service_account_email" {
  command         = plan
  expect_failures = [var.service_account_email]

  variables {
    service_account_email = "123456-compute@developer.gserviceaccount.com"
  }
}

run "egress" {
  command         = plan
  expect_failures = [var.egress]

  variables {
    egress = "EVERYTHING"
  }
}

run "environment" {
  command         = plan
  expect_failures = [var.environment]

  variables {
    environment = { PORT = "8000" }
  }
}

run "environment_2" {
  command         = plan
  expect_failures = [var.environment]

  variables {
    environment = { SESSION_KEYS = "c2VjcmV0" }
  }
}

run "secret_environment" {
  command         = plan
  expect_failures = [var.secret_environment]

  variables {
    secret_environment = { SESSION_KEYS = { secret = "todo-session-keys", version = "latest" } }
  }
}

run "database_connection_name" {
  command         = plan
  expect_failures = [var.database_connection_name]

  variables {
    database_connection_name = "my-project-123"
    database_name            = "todo"
    database_user            = "todo-run"
  }
}

run "min_instances" {
  command         = plan
  expect_failures = [var.min_instances]

  variables {
    min_instances = -1
  }
}

run "max_instances" {
  command         = plan
  expect_failures = [var.max_instances]

  variables {
    max_instances = 0
  }
}

run "max_instances_2" {
  command         = plan
  expect_failures = [var.max_instances]

  variables {
    max_instances = 1000
  }
}

run "concurrency" {
  command         = plan
  expect_failures = [var.concurrency]

  variables {
    concurrency = 0
  }
}

run "cpu" {
  command         = plan
  expect_failures = [var.cpu]

  variables {
    cpu = "3"
  }
}

run "memory" {
  command         = plan
  expect_failures = [var.memory]

  variables {
    memory = "256Mi"
  }
}

run "memory_2" {
  command         = plan
  expect_failures = [var.memory]

  variables {
    memory = "1 GB"
  }
}

run "ingress" {
  command         = plan
  expect_failures = [var.ingress]

  variables {
    ingress = "all"
  }
}

run "invokers" {
  command         = plan
  expect_failures = [var.invokers]

  variables {
    invokers = ["allAuthenticatedUsers"]
  }
}

run "metrics_collector" {
  command         = plan
  expect_failures = [var.metrics_collector]

  variables {
    metrics_collector = { image = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar:1.2.0", secret = "todo-collector-config", version = "1" }
  }
}

run "metrics_collector_2" {
  command         = plan
  expect_failures = [var.metrics_collector]

  variables {
    metrics_collector = { image = "docker.io/somebody/collector@sha256:0000000000000000000000000000000000000000000000000000000000000002", secret = "todo-collector-config", version = "1" }
  }
}

run "metrics_collector_3" {
  command         = plan
  expect_failures = [var.metrics_collector]

  variables {
    metrics_collector = { image = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar@sha256:0000000000000000000000000000000000000000000000000000000000000002", secret = "todo-collector-config", version = "latest" }
  }
}

run "database_without_a_user" {
  command         = plan
  expect_failures = [var.database_name]

  variables {
    database_connection_name = "my-project-123:europe-west2:todo"
    database_name            = "todo"
  }
}

run "a_setting_twice" {
  command         = plan
  expect_failures = [var.secret_environment]

  variables {
    environment        = { MAX_ITEMS = "10" }
    secret_environment = { MAX_ITEMS = { secret = "items", version = "1" } }
  }
}
