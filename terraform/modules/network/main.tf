# The service reaches its database in this network and the Internet directly;
# nothing in it has an address of its own on the Internet, and nothing may be
# connected to from outside, since no firewall rule lets it.

resource "google_compute_network" "network" {
  project                 = var.project_id
  name                    = var.name
  description             = "The service and its database"
  auto_create_subnetworks = false
  routing_mode            = "REGIONAL"
}

resource "google_compute_subnetwork" "service" {
  project                  = var.project_id
  region                   = var.region
  name                     = "${var.name}-service"
  network                  = google_compute_network.network.id
  ip_cidr_range            = var.subnetwork_range
  private_ip_google_access = true # Google's APIs are reached without leaving Google's network

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1 # enough to see who talks to whom, a tenth of the cost
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

# Google runs databases in a network of its own, which is joined to ours; this
# range is theirs.
resource "google_compute_global_address" "private_services" {
  project       = var.project_id
  name          = "${var.name}-private-services"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = var.private_services_prefix_length
  network       = google_compute_network.network.id
}

resource "google_service_networking_connection" "private_services" {
  network                 = google_compute_network.network.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.private_services.name]

  # Google's side holds on to the peering for days after the last database is
  # gone, and the network cannot be deleted while it does.
  deletion_policy = var.deletion_protection ? "DELETE" : "REMOVE_PEERING"
}
