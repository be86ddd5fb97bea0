# The dashboards that Grafana has, written by "go generate ./dashboards".
resource "google_monitoring_dashboard" "dashboards" {
  for_each = toset(["service", "database"])

  project        = var.project_id
  dashboard_json = replace(file("${path.module}/dashboards/${each.key}.json"), local.job[0], local.job[1])
}
