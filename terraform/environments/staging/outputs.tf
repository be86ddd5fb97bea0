output "uri" {
  description = "Where the service answers."
  value       = module.service.uri
}

output "service_name" {
  description = "Name of the service on Cloud Run."
  value       = module.service.name
}

output "repository_url" {
  description = "Where releases push the image."
  value       = module.registry.repository_url
}

output "database_connection_name" {
  description = "Cloud SQL instance, as connectors name it."
  value       = module.database.connection_name
}

output "database_grants" {
  description = "Statements that an administrator of the database runs once, before the first release."
  value       = module.database.grants
}

output "dashboard_id" {
  description = "Id of the dashboard of the service."
  value       = module.monitoring.dashboard_id
}
