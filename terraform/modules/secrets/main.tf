# Secrets without their values, which never come near Terraform: they would be
# in its state. A value is written by whoever makes it:
#
#   gcloud secrets versions add ID --data-file=-

resource "google_secret_manager_secret" "secret" {
  for_each            = var.secrets
  project             = var.project_id
  secret_id           = each.key
  deletion_protection = var.deletion_protection

  # A version that is destroyed by mistake can be had back for a week.
  version_destroy_ttl = "604800s"

  replication {
    user_managed {
      replicas {
        location = var.region # values stay in the region
      }
    }
  }
}

locals {
  accessors = merge([for id, secret in var.secrets : {
    for member in secret.accessors : "${id}/${member}" => { secret = id, member = member }
  }]...)
}

# The service reads a secret when an instance starts; on this secret only, so that
# one more secret in the project is not one more that it can read.
resource "google_secret_manager_secret_iam_member" "accessor" {
  for_each  = local.accessors
  project   = var.project_id
  secret_id = google_secret_manager_secret.secret[each.value.secret].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value.member
}
