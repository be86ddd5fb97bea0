output "secret_ids" {
  description = "Id of each secret as other resources name it, by the keys of secrets: projects/PROJECT/secrets/ID."
  value       = { for id, secret in google_secret_manager_secret.secret : id => secret.id }
}
