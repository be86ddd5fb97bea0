mock_provider "google" {
  mock_resource "google_service_account" {
    override_during = plan
    defaults = {
      name   = "projects/my-project/serviceAccounts/todo-runtime@my-project.iam.gserviceaccount.com"
      email  = "todo-runtime@my-project.iam.gserviceaccount.com"
      member = "serviceAccount:todo-runtime@my-project.iam.gserviceaccount.com"
    }
  }
}

variables {
  project_id        = "my-project"
  name              = "todo"
  deployer_email    = "deployer@my-project.iam.gserviceaccount.com"
  database_instance = "todo"
}

run "least_roles" {
  command = plan

  assert {
    condition     = toset([for g in google_project_iam_member.database : g.role]) == toset(["roles/cloudsql.client", "roles/cloudsql.instanceUser"])
    error_message = "The service connects and logs in, and administers nothing."
  }
  assert {
    condition     = alltrue([for g in google_project_iam_member.database : g.condition[0].expression == "resource.service == 'sqladmin.googleapis.com' && resource.name == 'projects/my-project/instances/todo'"])
    error_message = "The service must reach its own database only."
  }
  assert {
    condition     = google_project_iam_member.metrics.role == "roles/monitoring.metricWriter"
    error_message = "The service writes metrics, and reads none."
  }
  assert {
    condition     = alltrue([for g in concat(values(google_project_iam_member.database), [google_project_iam_member.metrics]) : g.member == "serviceAccount:todo-runtime@my-project.iam.gserviceaccount.com"])
    error_message = "The service's roles must go to its own account."
  }
}

run "who_may_run_as_it" {
  command = plan

  assert {
    condition     = google_service_account_iam_member.deployer.member == "serviceAccount:deployer@my-project.iam.gserviceaccount.com" && google_service_account_iam_member.deployer.role == "roles/iam.serviceAccountUser"
    error_message = "The deployer may run something as the account, and not make tokens for it."
  }
  assert {
    condition     = length(google_service_account_iam_member.infrastructure) == 0
    error_message = "Nobody else may, unless named."
  }
}

run "terraform_creates_the_service" {
  command = plan
  variables {
    infrastructure_email = "infrastructure@my-project.iam.gserviceaccount.com"
  }

  assert {
    condition     = google_service_account_iam_member.infrastructure[0].role == "roles/iam.serviceAccountUser"
    error_message = "Terraform's account must be able to create the service."
  }
}

run "without_a_database" {
  command = plan
  variables {
    database_instance = null
  }

  assert {
    condition     = length(google_project_iam_member.database) == 0
    error_message = "Without a database there is nothing to log in to."
  }
}

run "a_person_for_a_deployer" {
  command         = plan
  expect_failures = [var.deployer_email]
  variables {
    deployer_email = "somebody@example.com"
  }
}

run "a_person_for_terraform" {
  command         = plan
  expect_failures = [var.infrastructure_email]
  variables {
    infrastructure_email = ""
  }
}

run "a_name_too_long" {
  command         = plan
  expect_failures = [var.name]
  variables {
    name = "a-service-with-a-name-that-is-long"
  }
}
