output "cluster_name" {
  description = "Name of the cluster: gcloud container clusters get-credentials NAME --region REGION --dns-endpoint"
  value       = google_container_cluster.cluster.name
}

output "node_service_account_member" {
  description = "Account of the nodes as a member of IAM. They pull images: put it among the readers of the module registry."
  value       = google_service_account.nodes.member
}

output "dns_records" {
  description = "Records to make where the host name is administered: the service's address, and the proof that lets Google renew the certificate."
  value = [
    { name = "${var.host}.", type = "A", data = google_compute_global_address.entrance.address },
    one([for r in google_certificate_manager_dns_authorization.host.dns_resource_record : { name = r.name, type = r.type, data = r.data }]),
  ]
}

output "settings" {
  description = "The part of an overlay's settings.yaml (deploy/gke) that this module knows."
  value = {
    PROJECT         = var.project_id
    SERVICE_ACCOUNT = var.service_account_email
    HOST            = var.host
    ADDRESS         = google_compute_global_address.entrance.name
    CERTIFICATE_MAP = google_certificate_manager_certificate_map.host.name
    SSL_POLICY      = google_compute_ssl_policy.modern.name
  }
}
