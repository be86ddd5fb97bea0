output "workload_identity_provider" {
  description = "What a job of GitHub's asks for its token with: projects/NUMBER/locations/global/workloadIdentityPools/github/providers/github."
  value       = google_iam_workload_identity_pool_provider.github.name
}

output "deployer_email" {
  description = "Account of the jobs that release."
  value       = google_service_account.ci["deployer"].email
}

output "infrastructure_email" {
  description = "Account of the jobs that apply Terraform, in the approved environment."
  value       = google_service_account.ci["infrastructure"].email
}

output "planner_email" {
  description = "Account of the jobs that plan a pull request; it only reads."
  value       = google_service_account.ci["planner"].email
}

output "state_bucket" {
  description = "Bucket of Terraform's state."
  value       = google_storage_bucket.state.name
}

output "service_account_email" {
  description = "Account that the service runs as."
  value       = module.identity.service_account_email
}

output "service_account_member" {
  description = "The same account as a member of IAM, serviceAccount:EMAIL."
  value       = module.identity.service_account_member
}

output "secret_ids" {
  description = "Secrets that a person writes values to before the environment is applied, by name."
  value       = module.secrets.secret_ids
}
