locals {
  # The Kubernetes account of deploy/gke, by its namespace and name.
  kubernetes_account = "serviceAccount:${var.project_id}.svc.id.goog[${var.namespace}/${var.kubernetes_service_account}]"
}

# The pods of this one Kubernetes account act as the service's account, without a key.
resource "google_service_account_iam_member" "workload" {
  service_account_id = "projects/${var.project_id}/serviceAccounts/${var.service_account_email}"
  role               = "roles/iam.workloadIdentityUser"
  member             = local.kubernetes_account
  depends_on         = [google_container_cluster.cluster] # the pool comes with the project's first cluster
}

# Nodes run as an account of their own: the project's default account may do far more.
resource "google_service_account" "nodes" {
  project      = var.project_id
  account_id   = "${var.name}-nodes"
  display_name = "Nodes of ${var.name}"
}

# Nodes write their logs and metrics. They pull images where the module registry has them among its readers.
resource "google_project_iam_member" "nodes" {
  project = var.project_id
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.nodes.member
}
