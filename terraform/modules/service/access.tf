# Everybody is no member: main.tf then switches off the question who calls. An
# organisation that grants only its own domains anything would refuse the grant.
locals {
  invokers = setsubtract(var.invokers, ["allUsers"])
}

# Each may call the service.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = local.invokers

  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_service.service.name
  role     = "roles/run.invoker" # to send requests to this service, and to no other
  member   = each.value
}

# Releases change this service, and no other.
resource "google_cloud_run_v2_service_iam_member" "deployer" {
  count = var.deployer_email == null ? 0 : 1

  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_service.service.name
  role     = "roles/run.developer" # new revisions and traffic, but not who may call
  member   = "serviceAccount:${var.deployer_email}"
}
