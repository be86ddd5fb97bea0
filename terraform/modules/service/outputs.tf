output "uri" {
  description = "Address of the service on run.app."
  value       = google_cloud_run_v2_service.service.uri
}

output "name" {
  description = "Name of the service, once those who may call it may."
  value       = google_cloud_run_v2_service.service.name

  depends_on = [google_cloud_run_v2_service_iam_member.invoker]
}

output "latest_ready_revision" {
  description = "Name of the newest revision that could start."
  value       = google_cloud_run_v2_service.service.latest_ready_revision
}
