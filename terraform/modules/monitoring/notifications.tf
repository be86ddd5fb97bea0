# Who is told. Each address gets every alert.
resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.notification_emails)

  project      = var.project_id
  display_name = "${var.service_name}: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }
  force_delete = false # an alert that tells nobody must be noticed
}

locals {
  channels = [for c in google_monitoring_notification_channel.email : c.name]
}
