# What has to be there before anything else can be: applied once by a person, by
# their own login, and hardly ever again.

provider "google" {
  project = var.project_id
  region  = var.region

  # The API for policies of the organisation answers a person's login only when
  # it is told which project to count the call against.
  user_project_override = true
  billing_project       = var.project_id
}

locals {
  services = [
    "artifactregistry.googleapis.com",     # images
    "billingbudgets.googleapis.com",       # the budget and its alarm
    "cloudresourcemanager.googleapis.com", # roles on the project
    "compute.googleapis.com",              # the network
    "containerscanning.googleapis.com",    # images are scanned as they come
    "iam.googleapis.com",                  # accounts
    "iamcredentials.googleapis.com",       # tokens for accounts, in place of keys
    "logging.googleapis.com",              # logs and metrics made of them
    "monitoring.googleapis.com",           # metrics, alerts, dashboards
    "orgpolicy.googleapis.com",            # no keys of service accounts
    "run.googleapis.com",                  # the service
    "secretmanager.googleapis.com",        # secrets
    "servicenetworking.googleapis.com",    # the database's private address
    "sqladmin.googleapis.com",             # the database
    "storage.googleapis.com",              # the state
    "sts.googleapis.com",                  # GitHub's tokens for Google's
  ]
}

resource "google_project_service" "service" {
  for_each           = toset(local.services)
  project            = var.project_id
  service            = each.key
  disable_on_destroy = false # what else uses it in the project is not ours to stop
}

# The state. It holds no secret's value, but all that one would want to know.
resource "google_storage_bucket" "state" {
  project                     = var.project_id
  name                        = "${var.project_id}-terraform-state"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  deletion_policy             = var.deletion_protection ? "PREVENT" : "DELETE"
  depends_on                  = [google_project_service.service]

  versioning {
    enabled = true
  }

  # A retention policy would forbid overwriting the state, which every apply
  # does. So what is overwritten or deleted is retained: ten versions for ever,
  # others for 90 days, and for 30 days even when somebody deletes those.
  soft_delete_policy {
    retention_duration_seconds = 30 * 86400
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions         = 10
      days_since_noncurrent_time = 90
    }
  }
}

# Keys of service accounts are passwords that do not end; nothing here needs one.
resource "google_org_policy_policy" "no_keys" {
  for_each = var.has_organisation ? toset(["iam.disableServiceAccountKeyCreation", "iam.disableServiceAccountKeyUpload"]) : toset([])
  name     = "projects/${var.project_id}/policies/${each.key}"
  parent   = "projects/${var.project_id}"

  spec {
    rules {
      enforce = "TRUE"
    }
  }

  depends_on = [google_project_service.service]
}

# Who read which secret, gave it a value, or looked at who may, is in the audit log.
resource "google_project_iam_audit_config" "secrets" {
  project = var.project_id
  service = "secretmanager.googleapis.com"

  dynamic "audit_log_config" {
    for_each = toset(["ADMIN_READ", "DATA_READ", "DATA_WRITE"])
    content {
      log_type = audit_log_config.value
    }
  }

  depends_on = [google_project_service.service]
}
