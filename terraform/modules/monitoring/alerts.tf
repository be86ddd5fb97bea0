# The alerts that dashboards/rules has for Prometheus, with the same windows, burn
# rates and thresholds: "go generate ./dashboards" writes alerts.json from there.
locals {
  # The collector's label of the service (modules/service/collector.yaml).
  job = ["job=\\\"todo\\\"", "job=\\\"todo\\\", namespace=\\\"${var.service_name}\\\""]

  policies = { for p in jsondecode(replace(file("${path.module}/alerts.json"), local.job[0], local.job[1])) : "${p.name}-${lower(p.severity)}" => p }
}

resource "google_monitoring_alert_policy" "rules" {
  for_each = local.policies

  project               = var.project_id
  display_name          = "${var.service_name}: ${each.value.name} (${lower(each.value.severity)})"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.channels

  dynamic "conditions" {
    for_each = each.value.conditions

    content {
      display_name = conditions.value.name

      condition_prometheus_query_language {
        query               = conditions.value.query
        duration            = conditions.value.duration
        evaluation_interval = conditions.value.every
        alert_rule          = each.value.name
        rule_group          = conditions.value.group
        # Before the first request the metrics do not exist.
        disable_metric_validation = true
      }
    }
  }

  documentation {
    subject   = each.value.summary
    content   = "${each.value.summary}."
    mime_type = "text/markdown"

    links {
      display_name = "Runbook"
      url          = "${var.runbooks}/${each.value.name}.md"
    }
  }
}
