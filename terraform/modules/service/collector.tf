# Google's collector for Managed Service for Prometheus, beside each instance: it
# reads that instance's own counters, so that they are right with any number of
# instances.
locals {
  collectors       = var.metrics_collector == null ? [] : [var.metrics_collector]
  collector_volume = "collector-config"
  metrics_port     = yamldecode(file("${path.module}/collector.yaml")).spec.endpoints[0].port
}
