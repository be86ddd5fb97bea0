output "dashboard_id" {
  description = "Id of the dashboard of the service."
  value       = google_monitoring_dashboard.dashboards["service"].id
}

output "database_dashboard_id" {
  description = "Id of the dashboard of its database."
  value       = google_monitoring_dashboard.dashboards["database"].id
}

output "uptime_check_id" {
  description = "Id of the check from outside."
  value       = google_monitoring_uptime_check_config.health.uptime_check_id
}

output "notification_channels" {
  description = "Names of the channels that alerts go to."
  value       = local.channels
}

output "log_metrics" {
  description = "Types of the metrics made from the log, by message."
  value       = { for key, m in google_logging_metric.messages : key => "logging.googleapis.com/user/${m.name}" }
}
