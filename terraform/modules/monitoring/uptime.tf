# From outside, from several continents, every minute: does the service answer,
# and does it reach its database?
resource "google_monitoring_uptime_check_config" "health" {
  project      = var.project_id
  display_name = "${var.service_name}: health"
  period       = "60s"
  timeout      = "10s"

  http_check {
    path         = "/health/ready"
    port         = 443
    use_ssl      = true
    validate_ssl = true

    accepted_response_status_codes {
      status_value = 200
    }

    dynamic "service_agent_authentication" {
      for_each = var.public ? [] : ["OIDC_TOKEN"]

      content {
        type = service_agent_authentication.value
      }
    }
  }

  # Another page that happens to answer 200 is not the service.
  content_matchers {
    content = "\"status\":\"ok\""
    matcher = "CONTAINS_STRING"
  }

  monitored_resource {
    type   = "uptime_url"
    labels = { project_id = var.project_id, host = var.host }
  }
}

# What TodoDown is to Prometheus: the service cannot be reached.
resource "google_monitoring_alert_policy" "down" {
  project               = var.project_id
  display_name          = "${var.service_name}: TodoDown"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.channels

  conditions {
    display_name = "TodoDown"

    condition_threshold {
      filter          = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.labels.check_id = \"${google_monitoring_uptime_check_config.health.uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1 # one place alone may have trouble of its own
      duration        = "120s"

      aggregations {
        alignment_period     = "120s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.host"]
      }
    }
  }

  documentation {
    subject   = "The to-do service cannot be reached"
    content   = "Two places or more get no good answer from https://${var.host}/health/ready."
    mime_type = "text/markdown"

    links {
      display_name = "Runbook"
      url          = "${var.runbooks}/TodoDown.md"
    }
  }
}
