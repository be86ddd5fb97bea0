# Bad input is refused before anything is created.
mock_provider "google" {}

variables {
  project_id          = "my-project-123"
  host                = "todo.example.com"
  notification_emails = ["ops@example.com"]
}

run "project_id" {
  command         = plan
  expect_failures = [var.project_id]

  variables {
    project_id = "123456789"
  }
}

run "service_name" {
  command         = plan
  expect_failures = [var.service_name]

  variables {
    service_name = "To do"
  }
}

run "host" {
  command         = plan
  expect_failures = [var.host]

  variables {
    host = "https://todo.example.com/"
  }
}

run "host_2" {
  command         = plan
  expect_failures = [var.host]

  variables {
    host = ""
  }
}

run "notification_emails" {
  command         = plan
  expect_failures = [var.notification_emails]

  variables {
    notification_emails = []
  }
}

run "notification_emails_2" {
  command         = plan
  expect_failures = [var.notification_emails]

  variables {
    notification_emails = [""]
  }
}

run "notification_emails_3" {
  command         = plan
  expect_failures = [var.notification_emails]

  variables {
    notification_emails = ["ops@example.com", "ops"]
  }
}

run "runbooks" {
  command         = plan
  expect_failures = [var.runbooks]

  variables {
    runbooks = "http://example.com/runbooks"
  }
}

run "billing_account" {
  command         = plan
  expect_failures = [var.billing_account]

  variables {
    billing_account = "my account"
  }
}

run "budget_amount" {
  command         = plan
  expect_failures = [var.budget_amount]

  variables {
    budget_amount = 0
  }
}
