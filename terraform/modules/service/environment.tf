# What the service is told of where it runs (app/README.md, "Settings").
locals {
  port = 8080 # Cloud Run tells it to the service as PORT

  memory_mib = tonumber(trimsuffix(trimsuffix(var.memory, "Gi"), "Mi")) * (endswith(var.memory, "Gi") ? 1024 : 1)

  environment = merge(
    {
      GOOGLE_CLOUD_PROJECT = var.project_id
      # Nobody reaches an instance but through Google's front end, which sets both.
      TRUSTED_HEADERS = "X-Forwarded-Proto,X-Forwarded-For"
      TRUSTED_PROXIES = var.ingress == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" ? "2" : "1"
      # The alert on memory knows the limit by this: nine tenths of the container's.
      GOMEMLIMIT = "${floor(local.memory_mib * 0.9)}MiB"
    },
    length(local.collectors) == 0 ? {} : {
      # In the same instance, and never reachable from outside.
      METRICS_ADDR = "127.0.0.1:${local.metrics_port}"
    },
    var.database_connection_name == null ? {} : {
      # By the connector inside the service, with IAM in the place of a password.
      INSTANCE_CONNECTION_NAME = var.database_connection_name
      PRIVATE_IP               = "true"
      DB_NAME                  = var.database_name
      DB_USER                  = var.database_user
    },
  )
}
