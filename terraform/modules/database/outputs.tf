output "instance_name" {
  description = "Name of the instance."
  value       = google_sql_database_instance.mysql.name
}

output "connection_name" {
  description = "What connectors call the instance: PROJECT:REGION:NAME."
  value       = google_sql_database_instance.mysql.connection_name
}

output "private_ip_address" {
  description = "Address of the instance in the network."
  value       = google_sql_database_instance.mysql.private_ip_address
}

output "database_name" {
  description = "Name of the database."
  value       = google_sql_database.database.name
}

output "iam_users" {
  description = "MySQL user of each service account, by the names of iam_service_accounts."
  value       = local.users
  depends_on  = [google_sql_user.service] # who uses a name finds the user
}

output "grants" {
  description = "Statement for each user, to be run once by an administrator of the database. The service migrates its own tables, which only adds to them."
  value = { for name, user in local.users : name =>
    "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX ON `${var.database_name}`.* TO '${user}'@'%';"
  }
}
