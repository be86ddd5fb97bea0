# What runs must never be deleted, and neither must the evidence for it. Artifact
# Registry does not know what is deployed. It goes by tags, ages and counts:
#
# - A version that a KEEP policy matches stays, whatever DELETE policies say.
#   KEEP alone deletes nothing, so there is one DELETE, by age.
# - Evidence is a manifest whose "subject" is the image. To the clean-up it is a
#   version like any other, and an untagged one is deleted though its image stays.
# - So what deploys gives the image a tag "release-…", and every manifest of its
#   evidence a tag "evidence-…", before any traffic goes there. Prefixes match
#   tags of the image and of the evidence alike.
# - Tags can be neither moved nor deleted here (immutable_tags). Otherwise who
#   may push could take the mark from an image, and the clean-up would do the rest.
#   Nothing relies on a tag for what it runs: images are named by digest.
# - Parts of an image for several platforms are untagged; Artifact Registry
#   refuses to delete a manifest that another one names.
# - The newest versions are kept as well, for releases that are under way.
resource "google_artifact_registry_repository" "images" {
  project         = var.project_id
  location        = var.region
  repository_id   = var.repository_id
  description     = "Images of the service, and the evidence for them"
  format          = "DOCKER"
  mode            = "STANDARD_REPOSITORY"
  kms_key_name    = var.kms_key_name
  deletion_policy = var.deletion_protection ? "PREVENT" : "DELETE"
  depends_on      = [google_kms_crypto_key_iam_member.registry]

  docker_config {
    immutable_tags = true
  }

  # On, as the project has the Container Scanning API enabled (bootstrap).
  vulnerability_scanning_config {
    enablement_config = "INHERITED"
  }

  cleanup_policies {
    id     = "keep-deployed-and-evidence"
    action = "KEEP"
    condition {
      tag_state    = "TAGGED"
      tag_prefixes = var.kept_tag_prefixes
    }
  }

  cleanup_policies {
    id     = "keep-newest"
    action = "KEEP"
    most_recent_versions {
      keep_count = var.keep_count
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      tag_state  = "ANY"
      older_than = "${var.delete_after_days * 86400}s" # seconds, as the API gives it back
    }
  }
}

# Pulling is per repository, so that an account sees no other team's images.
resource "google_artifact_registry_repository_iam_member" "reader" {
  for_each   = var.readers
  project    = var.project_id
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.reader"
  member     = each.value
}

# Pushing does not include deleting or changing tags: roles/artifactregistry.writer has no delete permission.
resource "google_artifact_registry_repository_iam_member" "writer" {
  for_each   = var.writers
  project    = var.project_id
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = each.value
}

# Artifact Registry's own account in the project.
data "google_project" "project" {
  count      = var.kms_key_name == null ? 0 : 1
  project_id = var.project_id
}

locals {
  service_agent = [for p in data.google_project.project : "serviceAccount:service-${p.number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"]
}

# Artifact Registry encrypts with the key by that account; without a key of ours nothing is granted.
resource "google_kms_crypto_key_iam_member" "registry" {
  count         = var.kms_key_name == null ? 0 : 1
  crypto_key_id = var.kms_key_name
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = local.service_agent[0]
}
