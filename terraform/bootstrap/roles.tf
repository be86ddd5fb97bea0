# What the accounts may do. The deployer has no role on the project: modules give
# it the repository (registry), the service (service) and the service's account
# (identity). README.md says what breaks without each role.

locals {
  infrastructure_roles = [
    "roles/artifactregistry.admin",            # the repository, and who may push
    "roles/cloudsql.admin",                    # the instance, its database and users
    "roles/compute.networkAdmin",              # the network
    "roles/iam.serviceAccountAdmin",           # the service's account, and who may run as it
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
    "roles/iam.securityReviewer",    # who may do what
    "roles/monitoring.viewer",       # alerts, dashboards, uptime checks
    "roles/run.viewer",              # the service
    "roles/secretmanager.viewer",    # secrets, without their values
  ]

  # The roles on the project that modules give: to the service's account, and to
  # a cluster's machines. Terraform may give and take these and no other, so it cannot make itself an owner.
  granted_roles = concat(
    ["roles/cloudsql.client", "roles/cloudsql.instanceUser", "roles/monitoring.metricWriter"],
    var.gke ? ["roles/container.defaultNodeServiceAccount"] : [],
  )
}

# Terraform creates what the modules describe; each role is for one kind of thing.
resource "google_project_iam_member" "infrastructure" {
  for_each = toset(local.infrastructure_roles)
  project  = var.project_id
  role     = each.key
  member   = google_service_account.ci["infrastructure"].member
}

# Terraform creates the cluster, where there is one.
resource "google_project_iam_member" "infrastructure_gke" {
  count   = var.gke ? 1 : 0
  project = var.project_id
  role    = "roles/container.admin"
  member  = google_service_account.ci["infrastructure"].member
}

# A plan reads the cluster.
resource "google_project_iam_member" "planner_gke" {
  count   = var.gke ? 1 : 0
  project = var.project_id
  role    = "roles/container.clusterViewer"
  member  = google_service_account.ci["planner"].member
}

# Roles on the project are given by Terraform as well, but only the service's.
resource "google_project_iam_member" "infrastructure_grants" {
  project = var.project_id
  role    = "roles/resourcemanager.projectIamAdmin"
  member  = google_service_account.ci["infrastructure"].member

  condition {
    title       = "only the service's roles"
    description = "Other roles can be neither given nor taken away"
    expression  = "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([${join(", ", [for r in local.granted_roles : "'${r}'"])}])"
  }
}

# roles/secretmanager.admin would read every secret's value.
resource "google_project_iam_custom_role" "secret_keeper" {
  project     = var.project_id
  role_id     = "secretKeeper"
  title       = "Secret keeper"
  description = "Creates secrets and says who may read them, and cannot read or write a value"
  permissions = [
    "secretmanager.secrets.create",
    "secretmanager.secrets.delete",
    "secretmanager.secrets.get",
    "secretmanager.secrets.getIamPolicy",
    "secretmanager.secrets.list",
    "secretmanager.secrets.setIamPolicy",
    "secretmanager.secrets.update",
  ]
  depends_on = [google_project_service.service]
}

# Terraform makes secrets; their values are none of its business.
resource "google_project_iam_member" "infrastructure_secrets" {
  project = var.project_id
  role    = google_project_iam_custom_role.secret_keeper.id
  member  = google_service_account.ci["infrastructure"].member
}

# Terraform writes its state, and the lock beside it.
resource "google_storage_bucket_iam_member" "infrastructure" {
  bucket = google_storage_bucket.state.name
  role   = "roles/storage.objectUser"
  member = google_service_account.ci["infrastructure"].member
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
  description = "Reads accounts, APIs, metrics made of logs, and peerings with Google's services"
  permissions = [
    "iam.serviceAccounts.get",
    "logging.logMetrics.get",
    "logging.logMetrics.list",
    "servicenetworking.services.get",
    "serviceusage.services.get",
    "serviceusage.services.list",
    "serviceusage.services.use",
  ]
  depends_on = [google_project_service.service]
}

# A plan reads accounts, APIs, metrics made of logs and the peering, and is counted against this project.
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
