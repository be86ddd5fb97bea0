# Within the network Google's APIs are found at four addresses, so that the
# network policy of deploy/gke can let pods reach these and nothing else. It holds
# for everything in the network; what is not in it is not concerned.

resource "google_dns_managed_zone" "apis" {
  count       = var.private_google_apis ? 1 : 0
  project     = var.project_id
  name        = "${var.name}-google-apis"
  description = "Google's APIs as private.googleapis.com"
  dns_name    = "googleapis.com."
  visibility  = "private"
  depends_on  = [google_project_service.service]

  private_visibility_config {
    networks {
      network_url = var.network_id
    }
  }
}

resource "google_dns_record_set" "private" {
  count        = var.private_google_apis ? 1 : 0
  project      = var.project_id
  managed_zone = google_dns_managed_zone.apis[0].name
  name         = "private.googleapis.com."
  type         = "A"
  ttl          = 300
  rrdatas      = ["199.36.153.8", "199.36.153.9", "199.36.153.10", "199.36.153.11"]
}

resource "google_dns_record_set" "all" {
  count        = var.private_google_apis ? 1 : 0
  project      = var.project_id
  managed_zone = google_dns_managed_zone.apis[0].name
  name         = "*.googleapis.com."
  type         = "CNAME"
  ttl          = 300
  rrdatas      = [google_dns_record_set.private[0].name]
}
