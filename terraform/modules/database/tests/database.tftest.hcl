mock_provider "google" {}

variables {
  project_id                  = "my-project"
  name                        = "todo"
  network_id                  = "projects/my-project/global/networks/todo"
  private_services_connection = "projects%2Fmy-project:servicenetworking.googleapis.com"
  iam_service_accounts = {
    runtime = "todo-runtime@my-project.iam.gserviceaccount.com"
  }
}

run "out_of_reach_from_the_internet" {
  command = plan

  assert {
    condition     = !google_sql_database_instance.mysql.settings[0].ip_configuration[0].ipv4_enabled
    error_message = "The instance must have no public address."
  }
  assert {
    condition     = length(google_sql_database_instance.mysql.settings[0].ip_configuration[0].authorized_networks) == 0
    error_message = "No network may be let in."
  }
  assert {
    condition     = google_sql_database_instance.mysql.settings[0].ip_configuration[0].private_network == "projects/my-project/global/networks/todo"
    error_message = "The instance must be in the service's network."
  }
  assert {
    condition     = google_sql_database_instance.mysql.settings[0].connector_enforcement == "REQUIRED"
    error_message = "Connectors must be the only way in."
  }
  assert {
    condition     = google_sql_database_instance.mysql.settings[0].data_api_access == "DISALLOW_DATA_API"
    error_message = "The data API is a way in from the Internet."
  }
}

run "encrypted_and_by_identity" {
  command = plan

  assert {
    condition     = google_sql_database_instance.mysql.settings[0].ip_configuration[0].ssl_mode == "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
    error_message = "TLS must be required, with a certificate of the client."
  }
  assert {
    condition     = { for f in google_sql_database_instance.mysql.settings[0].database_flags : f.name => f.value }["cloudsql_iam_authentication"] == "on"
    error_message = "Accounts must be able to log in by IAM."
  }
  assert {
    condition     = { for f in google_sql_database_instance.mysql.settings[0].database_flags : f.name => f.value }["local_infile"] == "off"
    error_message = "The client's files are not the database's to read."
  }
  assert {
    condition     = google_sql_user.service["runtime"].type == "CLOUD_IAM_SERVICE_ACCOUNT" && google_sql_user.service["runtime"].password == null
    error_message = "Users must have no password, which would be in the state."
  }
  assert {
    condition     = google_sql_database_instance.mysql.root_password == null
    error_message = "There must be no password of root in the state."
  }
  assert {
    condition     = output.iam_users == { runtime = "todo-runtime" }
    error_message = "MySQL's user is what is before the @."
  }
  assert {
    condition     = endswith(output.grants["runtime"], "ON `todo`.* TO 'todo-runtime'@'%';")
    error_message = "The user's privileges must be on its own database."
  }
}

run "kept" {
  command = plan

  assert {
    condition     = google_sql_database_instance.mysql.deletion_protection && google_sql_database_instance.mysql.settings[0].deletion_protection_enabled
    error_message = "Terraform and Google must both refuse to delete the instance."
  }
  assert {
    condition     = google_sql_database.database.deletion_policy == "PREVENT"
    error_message = "Terraform must refuse to delete the database within the instance, too."
  }
  assert {
    condition     = google_sql_database_instance.mysql.settings[0].backup_configuration[0].enabled && google_sql_database_instance.mysql.settings[0].backup_configuration[0].binary_log_enabled
    error_message = "There must be backups, and logs to restore to any second."
  }
  assert {
    condition     = google_sql_database_instance.mysql.settings[0].backup_configuration[0].transaction_log_retention_days == 7 && google_sql_database_instance.mysql.settings[0].backup_configuration[0].backup_retention_settings[0].retained_backups == 14
    error_message = "Backups must go back two weeks, and to any second of the last one."
  }
  assert {
    condition     = google_sql_database_instance.mysql.settings[0].backup_configuration[0].location == "europe-west2"
    error_message = "Backups stay in the region unless told."
  }
  assert {
    condition     = google_sql_database_instance.mysql.settings[0].retain_backups_on_delete && google_sql_database_instance.mysql.settings[0].final_backup_config[0].enabled
    error_message = "Backups must outlive the instance."
  }
  assert {
    condition     = google_sql_database_instance.mysql.settings[0].availability_type == "REGIONAL"
    error_message = "Two zones are the default."
  }
  assert {
    condition     = google_sql_database_instance.mysql.database_version == "MYSQL_8_4" && length(google_sql_database_instance.mysql.settings[0].maintenance_window) == 1
    error_message = "The version and the hour of maintenance must be ours to choose."
  }
}

run "destroyed_when_told" {
  command = plan
  variables {
    deletion_protection = false
  }

  assert {
    condition     = !google_sql_database_instance.mysql.deletion_protection && !google_sql_database_instance.mysql.settings[0].deletion_protection_enabled && google_sql_database.database.deletion_policy == "DELETE"
    error_message = "One variable must lift every protection."
  }
}

run "small_for_trying_out" {
  command = plan
  variables {
    tier              = "db-f1-micro"
    allow_shared_core = true
    high_availability = false
  }

  assert {
    condition     = google_sql_database_instance.mysql.settings[0].availability_type == "ZONAL"
    error_message = "One zone, where that was asked for."
  }
}

run "a_weak_tier" {
  command         = plan
  expect_failures = [var.tier]
  variables {
    tier              = "db-f1-micro"
    high_availability = false
  }
}

run "a_weak_tier_twice" {
  command         = plan
  expect_failures = [var.tier]
  variables {
    tier              = "db-g1-small"
    allow_shared_core = true
  }
}

run "an_unknown_tier" {
  command         = plan
  expect_failures = [var.tier]
  variables {
    tier = "n2-standard-2"
  }
}

run "few_backups" {
  command         = plan
  expect_failures = [var.backup_retention_count, var.transaction_log_retention_days]
  variables {
    backup_retention_count         = 1
    transaction_log_retention_days = 0
  }
}

run "iam_switched_off" {
  command         = plan
  expect_failures = [var.database_flags]
  variables {
    database_flags = { cloudsql_iam_authentication = "off" }
  }
}

run "a_person_for_an_account" {
  command         = plan
  expect_failures = [var.iam_service_accounts]
  variables {
    iam_service_accounts = { me = "somebody@example.com" }
  }
}

run "two_accounts_of_one_name" {
  command         = plan
  expect_failures = [var.iam_service_accounts]
  variables {
    iam_service_accounts = {
      one = "todo@my-project.iam.gserviceaccount.com"
      two = "todo@other-project.iam.gserviceaccount.com"
    }
  }
}

run "an_injection_into_the_grants" {
  command         = plan
  expect_failures = [var.database_name]
  variables {
    database_name = "todo`.* TO 'x'; --"
  }
}

run "times_that_are_none" {
  command         = plan
  expect_failures = [var.maintenance_day, var.maintenance_hour]
  variables {
    maintenance_day  = 0
    maintenance_hour = 24
  }
}

run "no_peering" {
  command         = plan
  expect_failures = [google_sql_database_instance.mysql]
  variables {
    private_services_connection = ""
  }
}
