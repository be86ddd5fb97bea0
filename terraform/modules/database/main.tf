# MySQL without an address on the Internet and without passwords: service
# accounts log in by IAM, through Cloud SQL's connectors only.

locals {
  flags = merge(var.database_flags, {
    cloudsql_iam_authentication = "on"
    local_infile                = "off" # no reading of the client's files
    skip_show_database          = "on"  # a user does not see others' databases
    slow_query_log              = "on"
    long_query_time             = "1" # s; the service gives a call two
    log_output                  = "FILE"
  })

  shared_core = can(regex("^db-(f1-micro|g1-small)$", var.tier))

  # Cloud SQL calls the MySQL user of an account by what is before the @.
  users = { for name, email in var.iam_service_accounts : name => split("@", email)[0] }
}

resource "google_sql_database_instance" "mysql" {
  project             = var.project_id
  region              = var.region
  name                = var.name
  database_version    = "MYSQL_8_4"
  deletion_protection = var.deletion_protection # Terraform's own refusal

  settings {
    tier                        = var.tier
    edition                     = "ENTERPRISE"
    availability_type           = var.high_availability ? "REGIONAL" : "ZONAL"
    deletion_protection_enabled = var.deletion_protection # Google's, for the console and others
    connector_enforcement       = "REQUIRED"
    data_api_access             = "DISALLOW_DATA_API"
    retain_backups_on_delete    = true
    disk_type                   = "PD_SSD"
    disk_autoresize             = true
    disk_autoresize_limit       = var.disk_limit_gb

    ip_configuration {
      ipv4_enabled    = false
      private_network = var.network_id
      ssl_mode        = "TRUSTED_CLIENT_CERTIFICATE_REQUIRED" # connectors have one, for an hour each
    }

    backup_configuration {
      enabled                        = true
      binary_log_enabled             = true # restoring to any second, and a second machine, need it
      start_time                     = "02:00"
      location                       = coalesce(var.backup_location, var.region)
      transaction_log_retention_days = var.transaction_log_retention_days

      backup_retention_settings {
        retained_backups = var.backup_retention_count
        retention_unit   = "COUNT"
      }
    }

    final_backup_config {
      enabled        = true
      retention_days = 30
    }

    maintenance_window {
      day          = var.maintenance_day
      hour         = var.maintenance_hour
      update_track = "stable"
    }

    insights_config {
      query_insights_enabled  = !local.shared_core # they have no memory to spare for it
      record_client_address   = false
      record_application_tags = false
    }

    dynamic "database_flags" {
      for_each = local.flags
      content {
        name  = database_flags.key
        value = database_flags.value
      }
    }
  }

  lifecycle {
    ignore_changes = [settings[0].disk_size] # it grows by itself
    precondition {
      # The value is of no use, but naming it makes the instance wait.
      condition     = var.private_services_connection != ""
      error_message = "private_services_connection is empty: the instance needs the peering of the network module."
    }
  }
}

resource "google_sql_database" "database" {
  project         = var.project_id
  instance        = google_sql_database_instance.mysql.name
  name            = var.database_name
  charset         = "utf8mb4"
  collation       = "utf8mb4_0900_ai_ci"
  deletion_policy = var.deletion_protection ? "PREVENT" : "DELETE"
}

# A user has no password, and no privileges until the statement of the output
# "grants" has been run: MySQL's privileges are beyond Google's API.
resource "google_sql_user" "service" {
  for_each = var.iam_service_accounts
  project  = var.project_id
  instance = google_sql_database_instance.mysql.name
  name     = each.value
  type     = "CLOUD_IAM_SERVICE_ACCOUNT"
}
