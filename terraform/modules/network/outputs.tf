output "network_id" {
  description = "Id of the network: projects/PROJECT/global/networks/NAME."
  value       = google_compute_network.network.id
}

output "network_name" {
  description = "Name of the network."
  value       = google_compute_network.network.name
}

output "subnetwork_id" {
  description = "Id of the subnetwork that instances of the service get their addresses from."
  value       = google_compute_subnetwork.service.id
}

output "private_services_connection" {
  description = "Id of the peering with Google's services. A database depends on it: its private address comes from there."
  value       = google_service_networking_connection.private_services.id
}
