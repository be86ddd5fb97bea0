# How often each message is logged, as logging.googleapis.com/user/SERVICE/NAME.
resource "google_logging_metric" "messages" {
  for_each = local.log_filters

  project     = var.project_id
  name        = "${var.service_name}/${each.key}"
  description = "Lines of the log of ${var.service_name}: ${replace(each.key, "_", " ")}."
  filter      = each.value

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"
  }
}
