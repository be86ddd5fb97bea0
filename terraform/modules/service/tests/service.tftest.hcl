mock_provider "google" {}

variables {
  project_id            = "my-project-123"
  image                 = "europe-west2-docker.pkg.dev/my-project-123/app/todo@sha256:0000000000000000000000000000000000000000000000000000000000000001"
  service_account_email = "todo-run@my-project-123.iam.gserviceaccount.com"
  network_id            = "projects/my-project-123/global/networks/app"
  subnetwork_id         = "projects/my-project-123/regions/europe-west2/subnetworks/app"
}

run "smallest" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.service.deletion_protection && google_cloud_run_v2_service.service.location == "europe-west2"
    error_message = "The service is protected, and in London, unless told otherwise."
  }

  assert {
    condition     = !google_cloud_run_v2_service.service.invoker_iam_disabled && length(google_cloud_run_v2_service_iam_member.invoker) == 0 && length(google_cloud_run_v2_service_iam_member.deployer) == 0
    error_message = "Nobody may call the service who was not named."
  }

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].service_account == var.service_account_email
    error_message = "The service runs as its own account."
  }

  assert {
    condition     = length(google_cloud_run_v2_service.service.template[0].containers) == 1 && length(google_cloud_run_v2_service.service.template[0].volumes) == 0
    error_message = "Without a collector there is one container."
  }

  assert {
    condition     = one(google_cloud_run_v2_service.service.template[0].vpc_access).egress == "PRIVATE_RANGES_ONLY"
    error_message = "Private addresses are reached through the network."
  }

  assert {
    condition = { for e in google_cloud_run_v2_service.service.template[0].containers[0].env : e.name => e.value } == {
      GOOGLE_CLOUD_PROJECT = "my-project-123"
      GOMEMLIMIT           = "460MiB"
      TRUSTED_HEADERS      = "X-Forwarded-Proto,X-Forwarded-For"
      TRUSTED_PROXIES      = "1"
    }
    error_message = "The service is told no more than it needs."
  }
}

run "probes" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].containers[0].startup_probe[0].http_get[0].path == "/health/ready"
    error_message = "A revision without its database must not start."
  }

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].containers[0].liveness_probe[0].http_get[0].path == "/health/live"
    error_message = "An instance must not be ended because the database is away."
  }

  assert {
    condition     = google_cloud_run_v2_service.service.template[0].containers[0].readiness_probe[0].http_get[0].path == "/health/ready"
    error_message = "An instance without its database gets no requests."
  }

  assert {
    condition = alltrue([for p in [
      google_cloud_run_v2_service.service.template[0].containers[0].startup_probe[0],
      google_cloud_run_v2_service.service.template[0].containers[0].liveness_probe[0],
      google_cloud_run_v2_service.service.template[0].containers[0].readiness_probe[0],
    ] : p.timeout_seconds < p.period_seconds && p.timeout_seconds > 2])
    error_message = "A probe waits for longer than the database may take (2 s), and ends before the next."
  }
}

run "everything" {
  command = plan

  variables {
    deployer_email           = "deployer@my-project-123.iam.gserviceaccount.com"
    environment              = { LOG_LEVEL = "warning" }
    secret_environment       = { SESSION_KEYS = { secret = "todo-session-keys", version = "3" } }
    database_connection_name = "my-project-123:europe-west2:todo"
    database_name            = "todo"
    database_user            = "todo-run"
    min_instances            = 2
    max_instances            = 5
    memory                   = "1Gi"
    ingress                  = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    default_uri              = false
    invokers                 = ["allUsers", "group:testers@example.com"]
    cpu_always_allocated     = true
    metrics_collector = {
      image   = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar@sha256:0000000000000000000000000000000000000000000000000000000000000002"
      secret  = "todo-collector-config"
      version = "1"
    }
  }

  assert {
    condition = { for e in google_cloud_run_v2_service.service.template[0].containers[0].env : e.name => e.value if length(e.value_source) == 0 } == {
      GOOGLE_CLOUD_PROJECT     = "my-project-123"
      GOMEMLIMIT               = "921MiB"
      TRUSTED_HEADERS          = "X-Forwarded-Proto,X-Forwarded-For"
      TRUSTED_PROXIES          = "2"
      METRICS_ADDR             = "127.0.0.1:9464"
      INSTANCE_CONNECTION_NAME = "my-project-123:europe-west2:todo"
      PRIVATE_IP               = "true"
      DB_NAME                  = "todo"
      DB_USER                  = "todo-run"
      LOG_LEVEL                = "warning"
    }
    error_message = "The service is told where its database, its metrics and its proxies are."
  }

  assert {
    condition     = [for e in google_cloud_run_v2_service.service.template[0].containers[0].env : e.value_source[0].secret_key_ref[0].version if e.name == "SESSION_KEYS"] == ["3"]
    error_message = "A secret comes from Secret Manager, by its version."
  }

  assert {
    condition = (
      google_cloud_run_v2_service.service.template[0].containers[1].name == "collector" &&
      google_cloud_run_v2_service.service.template[0].containers[1].image == var.metrics_collector.image &&
      google_cloud_run_v2_service.service.template[0].volumes[0].secret[0].items[0].version == "1" &&
      google_cloud_run_v2_service.service.template[0].volumes[0].secret[0].items[0].path == "config.yaml" &&
      google_cloud_run_v2_service.service.template[0].containers[1].volume_mounts[0].mount_path == "/etc/rungmp"
    )
    error_message = "The collector runs beside the service, with its settings."
  }

  assert {
    condition     = google_cloud_run_v2_service.service.default_uri_disabled
    error_message = "Behind a load balancer nothing answers on run.app."
  }

  assert {
    condition     = google_cloud_run_v2_service_iam_member.deployer[0].role == "roles/run.developer"
    error_message = "A release changes revisions and traffic, and not who may call the service."
  }

  assert {
    condition     = google_cloud_run_v2_service.service.invoker_iam_disabled && keys(google_cloud_run_v2_service_iam_member.invoker) == ["group:testers@example.com"]
    error_message = "The service is public where that is asked for, and nothing is granted to everybody."
  }
}

run "a_release_is_left_alone" {
  # The first run applies, the second has another image.
  assert {
    condition     = output.name == "todo"
    error_message = "The name of the service is given to others."
  }
}

run "and_not_taken_back" {
  command = plan

  variables {
    image = "europe-west2-docker.pkg.dev/my-project-123/app/todo@sha256:0000000000000000000000000000000000000000000000000000000000000009"
  }

  assert {
    condition     = endswith(google_cloud_run_v2_service.service.template[0].containers[0].image, "0001")
    error_message = "The image that runs is not Terraform's to change."
  }
}
