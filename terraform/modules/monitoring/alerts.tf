# The alerts that dashboards/rules has for Prometheus, with the same windows, burn
# rates and thresholds: "go generate ./dashboards" writes alerts.json from there.
locals {
  # The collector's label of the service (modules/service/collector.yaml).
  job = ["job=\\\"todo\\\"", "job=\\\"todo\\\", namespace=\\\"${var.service_name}\\\""]

  policies = { for p in jsondecode(replace(file("${path.module}/alerts.json"), local.job[0], local.job[1])) : "${p.title} (${lower(p.severity)})" => p }
}

resource "google_monitoring_alert_policy" "rules" {
  for_each = local.policies

  project               = var.project_id
  display_name          = "${var.service_name}: ${each.key}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.channels

  # Cloud Monitoring takes no second condition where the first is PromQL.
  conditions {
    display_name = each.value.title

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = each.value.duration
      evaluation_interval = each.value.every
      alert_rule          = each.value.name
      rule_group          = each.value.group
      # Before the first request the metrics do not exist.
      disable_metric_validation = true
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
