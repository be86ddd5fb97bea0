mock_provider "google" {
  mock_resource "google_monitoring_notification_channel" {
    defaults = { name = "projects/my-project-123/notificationChannels/1" }
  }
}

variables {
  project_id          = "my-project-123"
  host                = "todo.example.com"
  notification_emails = ["ops@example.com"]
}

run "smallest" {
  # Applied, so that what only an apply knows is there: the channels' names.
  assert {
    condition     = alltrue([for p in google_monitoring_alert_policy.rules : length(p.notification_channels) == 1]) && length(google_monitoring_alert_policy.down.notification_channels) == 1
    error_message = "Every alert is sent to somebody."
  }

  assert {
    condition     = length(google_billing_budget.month) == 0
    error_message = "Without a billing account there is no budget."
  }

  assert {
    condition     = length(google_logging_metric.messages) == 4 && alltrue([for m in google_logging_metric.messages : strcontains(m.filter, "jsonPayload.message=~")])
    error_message = "Each of the four messages is counted."
  }

  assert {
    condition     = strcontains(google_logging_metric.messages["csrf_failure"].filter, "severity=WARNING")
    error_message = "A forged form is a warning."
  }

  assert {
    condition     = alltrue([for d in google_monitoring_dashboard.dashboards : can(jsondecode(d.dashboard_json).mosaicLayout.tiles[0])])
    error_message = "The dashboards are JSON."
  }
}

run "check_from_outside" {
  command = plan

  assert {
    condition     = google_monitoring_uptime_check_config.health.http_check[0].use_ssl && google_monitoring_uptime_check_config.health.http_check[0].validate_ssl
    error_message = "The check is by TLS, and looks at the certificate."
  }

  assert {
    condition     = google_monitoring_uptime_check_config.health.http_check[0].path == "/health/ready" && google_monitoring_uptime_check_config.health.monitored_resource[0].labels.host == "todo.example.com"
    error_message = "The check asks the service whether it can serve."
  }

  assert {
    condition     = length(google_monitoring_uptime_check_config.health.http_check[0].service_agent_authentication) == 0
    error_message = "A public service is asked as the public asks it."
  }
}

run "objectives" {
  command = plan

  assert {
    condition = toset([for title, p in google_monitoring_alert_policy.rules : title if p.severity == "CRITICAL" && strcontains(title, "Burn")]) == toset([
      "TodoAvailabilityBudgetBurn in 1h and in 5m (critical)",
      "TodoAvailabilityBudgetBurn in 6h and in 30m (critical)",
      "TodoLatencyBudgetBurn in 1h and in 5m (critical)",
      "TodoLatencyBudgetBurn in 6h and in 30m (critical)",
    ])
    error_message = "Somebody is woken when the budget of a month burns in days."
  }

  assert {
    condition = toset([for title, p in google_monitoring_alert_policy.rules : title if p.severity == "WARNING" && strcontains(title, "Burn")]) == toset([
      "TodoAvailabilityBudgetBurn in 1d and in 2h (warning)",
      "TodoAvailabilityBudgetBurn in 3d and in 6h (warning)",
      "TodoLatencyBudgetBurn in 1d and in 2h (warning)",
      "TodoLatencyBudgetBurn in 3d and in 6h (warning)",
    ])
    error_message = "Somebody is told when the budget of a month burns before its end."
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.rules["TodoAvailabilityBudgetBurn in 1h and in 5m (critical)"].conditions[0].condition_prometheus_query_language[0].query, "> 14.4 * 0.001")
    error_message = "The fastest burn that is let be is 14.4."
  }

  assert {
    condition     = alltrue(flatten([for p in google_monitoring_alert_policy.rules : [for c in p.conditions : !strcontains(c.condition_prometheus_query_language[0].query, "job:")]]))
    error_message = "Cloud Monitoring records nothing, so no query names a record."
  }
}

run "another_service" {
  command = plan

  variables {
    service_name = "todo-staging"
    public       = false
  }

  assert {
    condition     = alltrue(flatten([for p in google_monitoring_alert_policy.rules : [for c in p.conditions : strcontains(c.condition_prometheus_query_language[0].query, "job=\"todo\", namespace=\"todo-staging\"")]]))
    error_message = "Each service has alerts of its own."
  }

  assert {
    condition     = alltrue([for d in google_monitoring_dashboard.dashboards : strcontains(d.dashboard_json, "job=\\\"todo\\\", namespace=\\\"todo-staging\\\"")])
    error_message = "Each service has dashboards of its own."
  }

  assert {
    condition     = google_monitoring_uptime_check_config.health.http_check[0].service_agent_authentication[0].type == "OIDC_TOKEN"
    error_message = "A service that is not public is told who asks."
  }
}

run "budget" {
  command = plan

  variables {
    billing_account = "012345-6789AB-CDEF01"
    budget_amount   = 120
  }

  assert {
    condition     = google_billing_budget.month[0].amount[0].specified_amount[0].units == "120"
    error_message = "The budget is what was asked for."
  }

  assert {
    condition     = toset([for r in google_billing_budget.month[0].threshold_rules : r.threshold_percent]) == toset([0.5, 0.9, 1])
    error_message = "Half of the budget is told of before all of it."
  }
}
