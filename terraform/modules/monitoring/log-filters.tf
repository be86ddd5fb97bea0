# The four messages of the log that the application before this one had, too.
# Cloud Logging takes severity out of the JSON, and keeps the rest as jsonPayload.
# Held to real lines by ../../monitoring_test.go.
locals {
  log_of_service = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${var.service_name}\" AND resource.labels.location=\"${var.region}\""

  log_filters = {
    app_started    = "${local.log_of_service} AND severity=INFO AND jsonPayload.message=~\"^App started successfully$\""
    task_added     = "${local.log_of_service} AND severity=INFO AND jsonPayload.message=~\"^Task added: \""
    task_completed = "${local.log_of_service} AND severity=INFO AND jsonPayload.message=~\"^Task completed: \""
    csrf_failure   = "${local.log_of_service} AND severity=WARNING AND jsonPayload.message=~\"^CSRF failure: \""
  }
}
