# What the accounts may do. The deployer has no role on the project: modules give
# it the repository (registry), the service (service) and the service's account
# (identity). No role lets Terraform in GitHub's jobs say who may do what on the
# project, an account or a secret: that is all made here. README.md says what
# breaks without each role.

locals {
  infrastructure_roles = [
    "roles/artifactregistry.admin",            # the repository, and who may push
    "roles/cloudsql.admin",                    # the instance, its database and users
    "roles/compute.networkAdmin",              # the network
    "roles/logging.configWriter",              # metrics made of logs
    "roles/monitoring.editor",                 # alerts, dashboards, uptime checks
    "roles/run.admin",                         # the service, and who may call it
    "roles/servicenetworking.networksAdmin",   # the peering with Google's services
    "roles/serviceusage.serviceUsageConsumer", # calls are counted against this project
  ]

  planner_roles = [
    "roles/artifactregistry.reader", # the repository
    "roles/cloudsql.viewer",         # the instance, its database and users
    "roles/compute.networkViewer",   # the network
    "roles/monitoring.viewer",       # alerts, dashboards, uptime checks
    "roles/run.viewer",              # the service, and who may call it
  ]
}

# Terraform creates what the modules describe; each role is for one kind of thing.
resource "google_project_iam_member" "infrastructure" {
  for_each = toset(local.infrastructure_roles)
  project  = var.project_id
  role     = each.key
  member   = google_service_account.ci["infrastructure"].member
}

# Terraform writes an environment's state, and the lock beside it. Bootstrap's own
# a person applies, who may do everything: what is in it must not come from a job.
resource "google_storage_bucket_iam_member" "infrastructure" {
  bucket = google_storage_bucket.state.name
  role   = "roles/storage.objectUser"
  member = google_service_account.ci["infrastructure"].member

  condition {
    title       = "not the state of bootstrap"
    description = "The states of environments, and a list of all"
    expression  = "!resource.name.startsWith('projects/_/buckets/${google_storage_bucket.state.name}/objects/bootstrap/')"
  }
}

# A plan compares the state with what is there. A pull request's code runs with
# this, so all of it is for reading, and none of it reads data.
resource "google_project_iam_member" "planner" {
  for_each = toset(local.planner_roles)
  project  = var.project_id
  role     = each.key
  member   = google_service_account.ci["planner"].member
}

# What no predefined role gives without letting its holder read logs, too.
resource "google_project_iam_custom_role" "plan_reader" {
  project     = var.project_id
  role_id     = "planReader"
  title       = "Plan reader"
  description = "Reads who may push and pull images, APIs, metrics made of logs, and peerings with Google's services"
  permissions = [
    "artifactregistry.repositories.getIamPolicy",
    "logging.logMetrics.get",
    "logging.logMetrics.list",
    "servicenetworking.services.get",
    "serviceusage.services.get",
    "serviceusage.services.list",
    "serviceusage.services.use",
  ]
  depends_on = [google_project_service.service]
}

# A plan reads who may push and pull, APIs, metrics made of logs and the peering, and is counted against this project.
resource "google_project_iam_member" "planner_reader" {
  project = var.project_id
  role    = google_project_iam_custom_role.plan_reader.id
  member  = google_service_account.ci["planner"].member
}

# A plan reads the state; it takes no lock (-lock=false), since that would be writing.
resource "google_storage_bucket_iam_member" "planner" {
  bucket = google_storage_bucket.state.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.ci["planner"].member
}
