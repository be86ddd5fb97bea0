# The service on Cloud Run. Terraform says what a revision is like; which image
# it runs, and who gets traffic, is decided by releases (ignore_changes below).
resource "google_cloud_run_v2_service" "service" {
  project  = var.project_id
  location = var.region
  name     = var.name

  ingress              = var.ingress
  default_uri_disabled = !var.default_uri
  invoker_iam_disabled = contains(var.invokers, "allUsers") # public, without a grant to everybody
  deletion_protection  = var.deletion_protection

  template {
    service_account                  = var.service_account_email
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = var.concurrency
    # The service gives a request 10 s, and the database 2 s of that.
    timeout = "15s"

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = var.max_instances
    }

    vpc_access {
      egress = var.egress

      network_interfaces {
        network    = var.network_id
        subnetwork = var.subnetwork_id
      }
    }

    containers {
      name  = var.name
      image = var.image

      ports {
        container_port = local.port
      }

      resources {
        limits            = { cpu = var.cpu, memory = var.memory }
        cpu_idle          = !var.cpu_always_allocated
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = merge(local.environment, var.environment)

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = var.secret_environment

        content {
          name = env.key

          value_source {
            secret_key_ref {
              secret  = env.value.secret
              version = env.value.version
            }
          }
        }
      }

      # A revision that cannot reach its database never gets traffic. Bringing
      # the tables up to date takes seconds; two minutes are plenty.
      startup_probe {
        period_seconds    = 5
        timeout_seconds   = 3
        failure_threshold = 24

        http_get {
          path = "/health/ready"
          port = local.port
        }
      }

      # Starting anew would not bring a database back, so this asks only whether
      # the process answers.
      liveness_probe {
        period_seconds    = 10
        timeout_seconds   = 3
        failure_threshold = 3

        http_get {
          path = "/health/live"
          port = local.port
        }
      }

      readiness_probe {
        period_seconds    = 5
        timeout_seconds   = 3
        failure_threshold = 3
        success_threshold = 1

        http_get {
          path = "/health/ready"
          port = local.port
        }
      }
    }

    dynamic "containers" {
      for_each = local.collectors

      content {
        name       = "collector"
        image      = containers.value.image
        depends_on = [var.name]

        resources {
          limits            = { cpu = "1", memory = "512Mi" }
          cpu_idle          = !var.cpu_always_allocated
          startup_cpu_boost = true
        }

        volume_mounts {
          name       = local.collector_volume
          mount_path = "/etc/rungmp"
        }
      }
    }

    dynamic "volumes" {
      for_each = local.collectors

      content {
        name = local.collector_volume

        secret {
          secret = volumes.value.secret

          items {
            path    = "config.yaml"
            version = volumes.value.version
          }
        }
      }
    }
  }

  lifecycle {
    # What a release decides. Without these an apply would undo the last rollout.
    ignore_changes = [
      client,
      client_version,
      traffic,
      template[0].labels, # gcloud's, one for each release
      template[0].revision,
      template[0].containers[0].image,
    ]
  }
}
