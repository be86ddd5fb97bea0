# The account that the service runs as. It has no key: Google gives a token to
# the service where it runs, and to nobody else.
resource "google_service_account" "runtime" {
  project      = var.project_id
  account_id   = "${var.name}-runtime"
  display_name = "What ${var.name} runs as"
}

locals {
  database_roles = var.database_instance == null ? [] : [
    "roles/cloudsql.client",       # opens a connection through the connector
    "roles/cloudsql.instanceUser", # logs in there as itself, without a password
  ]
}

# The service keeps its lists in this instance, and has no business with others.
resource "google_project_iam_member" "database" {
  for_each = toset(local.database_roles)
  project  = var.project_id
  role     = each.key
  member   = google_service_account.runtime.member

  condition {
    title       = "only ${var.database_instance}"
    description = "The service's own database"
    expression  = "resource.service == 'sqladmin.googleapis.com' && resource.name == 'projects/${var.project_id}/instances/${var.database_instance}'"
  }
}

# The sidecar writes the service's metrics. It has no role for logs: Cloud Run writes those itself.
resource "google_project_iam_member" "metrics" {
  project = var.project_id
  role    = "roles/monitoring.metricWriter"
  member  = google_service_account.runtime.member
}

# Whoever deploys a service must be allowed to run something as its account: on this account only.
resource "google_service_account_iam_member" "deployer" {
  service_account_id = google_service_account.runtime.name
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${var.deployer_email}"
}

# Terraform creates the service, before anything was deployed.
resource "google_service_account_iam_member" "infrastructure" {
  count              = var.infrastructure_email == null ? 0 : 1
  service_account_id = google_service_account.runtime.name
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${var.infrastructure_email}"
}
