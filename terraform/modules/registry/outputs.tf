output "repository_url" {
  description = "What an image's name begins with: REGION-docker.pkg.dev/PROJECT/REPOSITORY."
  value       = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}"
}

output "repository_id" {
  description = "Name of the repository."
  value       = google_artifact_registry_repository.images.repository_id
}
