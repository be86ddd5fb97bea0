# What the load balancer needs and the Gateway of deploy/gke names: an address
# that stays, a certificate that Google renews, and which TLS is spoken.

resource "google_compute_global_address" "entrance" {
  project = var.project_id
  name    = var.name
}

resource "google_certificate_manager_dns_authorization" "host" {
  project    = var.project_id
  name       = var.name
  domain     = var.host
  depends_on = [google_project_service.service]
}

resource "google_certificate_manager_certificate" "host" {
  project = var.project_id
  name    = var.name

  managed {
    domains            = [var.host]
    dns_authorizations = [google_certificate_manager_dns_authorization.host.id]
  }
}

resource "google_certificate_manager_certificate_map" "host" {
  project    = var.project_id
  name       = var.name
  depends_on = [google_project_service.service]
}

resource "google_certificate_manager_certificate_map_entry" "host" {
  project      = var.project_id
  name         = var.name
  map          = google_certificate_manager_certificate_map.host.name
  hostname     = var.host
  certificates = [google_certificate_manager_certificate.host.id]
}

resource "google_compute_ssl_policy" "modern" {
  project         = var.project_id
  name            = var.name
  profile         = "RESTRICTED"
  min_tls_version = "TLS_1_2"
}
