output "service_account_email" {
  description = "Account that the service runs as."
  value       = google_service_account.runtime.email
}

output "service_account_member" {
  description = "The same account as a member of IAM, serviceAccount:EMAIL."
  value       = google_service_account.runtime.member
}
