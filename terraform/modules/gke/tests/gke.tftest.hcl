mock_provider "google" {
  mock_resource "google_service_account" {
    override_during = plan
    defaults = {
      email  = "todo-nodes@my-project.iam.gserviceaccount.com"
      member = "serviceAccount:todo-nodes@my-project.iam.gserviceaccount.com"
    }
  }
  mock_resource "google_certificate_manager_dns_authorization" {
    override_during = plan
    defaults = {
      id                  = "projects/my-project/locations/global/dnsAuthorizations/todo"
      dns_resource_record = [{ name = "_acme-challenge.todo.example.com.", type = "CNAME", data = "1.authorize.certificatemanager.goog." }]
    }
  }
  mock_resource "google_certificate_manager_certificate" {
    override_during = plan
    defaults = {
      id = "projects/my-project/locations/global/certificates/todo"
    }
  }
}

variables {
  project_id            = "my-project"
  name                  = "todo"
  network_id            = "projects/my-project/global/networks/todo"
  subnetwork_id         = "projects/my-project/regions/europe-west2/subnetworks/todo-service"
  host                  = "todo.example.com"
  service_account_email = "todo-runtime@my-project.iam.gserviceaccount.com"
}

run "nothing_on_the_internet" {
  command = plan

  assert {
    condition     = google_container_cluster.cluster.enable_autopilot && google_container_cluster.cluster.location == "europe-west2"
    error_message = "The cluster must be Google's to run, and of a region, not of a zone."
  }
  assert {
    condition     = google_container_cluster.cluster.private_cluster_config[0].enable_private_nodes
    error_message = "A node must have no address on the Internet."
  }
  assert {
    condition     = google_container_cluster.cluster.control_plane_endpoints_config[0].ip_endpoints_config[0].enabled == false && google_container_cluster.cluster.control_plane_endpoints_config[0].dns_endpoint_config[0].allow_external_traffic
    error_message = "The control plane must be reached by its name only, where Google asks for credentials."
  }
  assert {
    condition     = length(google_container_cluster.cluster.master_authorized_networks_config) == 0
    error_message = "Without an address there is nobody to authorise."
  }
}

run "an_office" {
  command = plan
  variables {
    authorized_networks = { office = "192.0.2.0/24" }
  }

  assert {
    condition     = google_container_cluster.cluster.control_plane_endpoints_config[0].ip_endpoints_config[0].enabled && [for b in google_container_cluster.cluster.master_authorized_networks_config[0].cidr_blocks : b.cidr_block] == ["192.0.2.0/24"] && google_container_cluster.cluster.master_authorized_networks_config[0].gcp_public_cidrs_access_enabled == false
    error_message = "The control plane's address must answer the networks that were named, and no other."
  }
}

run "hardened" {
  command = plan

  assert {
    condition     = google_container_cluster.cluster.deletion_protection
    error_message = "The cluster must not be deleted before that was said."
  }
  assert {
    condition     = google_container_cluster.cluster.release_channel[0].channel == "REGULAR"
    error_message = "Google must keep Kubernetes up to date."
  }
  assert {
    condition     = google_container_cluster.cluster.workload_identity_config[0].workload_pool == "my-project.svc.id.goog"
    error_message = "Pods must have an identity without keys."
  }
  assert {
    condition     = google_container_cluster.cluster.cluster_autoscaling[0].auto_provisioning_defaults[0].service_account == "todo-nodes@my-project.iam.gserviceaccount.com"
    error_message = "Nodes must not run as the project's default account."
  }
  assert {
    condition     = google_container_cluster.cluster.secret_manager_config[0].enabled && google_container_cluster.cluster.gateway_api_config[0].channel == "CHANNEL_STANDARD" && google_container_cluster.cluster.monitoring_config[0].managed_prometheus[0].enabled
    error_message = "deploy/gke needs the Secret Manager add-on, the Gateway API and Managed Prometheus."
  }
  assert {
    condition     = google_container_cluster.cluster.rbac_binding_config[0].enable_insecure_binding_system_unauthenticated == false && google_container_cluster.cluster.rbac_binding_config[0].enable_insecure_binding_system_authenticated == false
    error_message = "Nothing may be granted to everybody."
  }
  assert {
    condition     = google_container_cluster.cluster.node_pool_auto_config[0].node_kubelet_config[0].insecure_kubelet_readonly_port_enabled == "FALSE"
    error_message = "A node must not tell whoever asks what runs on it."
  }
  assert {
    condition     = google_container_cluster.cluster.binary_authorization[0].evaluation_mode == "DISABLED"
    error_message = "Binary Authorization must wait until its policy is there."
  }
}

run "signed_images_only" {
  command = plan
  variables {
    binary_authorization = true
  }

  assert {
    condition     = google_container_cluster.cluster.binary_authorization[0].evaluation_mode == "PROJECT_SINGLETON_POLICY_ENFORCE"
    error_message = "The project's policy must be enforced."
  }
}

run "identities" {
  command = plan

  assert {
    condition     = google_service_account_iam_member.workload.member == "serviceAccount:my-project.svc.id.goog[todo/todo]" && google_service_account_iam_member.workload.role == "roles/iam.workloadIdentityUser" && google_service_account_iam_member.workload.service_account_id == "projects/my-project/serviceAccounts/todo-runtime@my-project.iam.gserviceaccount.com"
    error_message = "The one Kubernetes account must act as the service's account."
  }
  assert {
    condition     = google_project_iam_member.nodes.role == "roles/container.defaultNodeServiceAccount" && google_project_iam_member.nodes.member == "serviceAccount:todo-nodes@my-project.iam.gserviceaccount.com"
    error_message = "Nodes must have the role of nodes, and no more."
  }
}

run "entrance" {
  command = plan

  assert {
    condition     = google_compute_ssl_policy.modern.min_tls_version == "TLS_1_2" && google_compute_ssl_policy.modern.profile == "RESTRICTED"
    error_message = "TLS before 1.2 must not be spoken."
  }
  assert {
    condition     = google_certificate_manager_certificate_map_entry.host.hostname == "todo.example.com" && google_certificate_manager_certificate.host.managed[0].dns_authorizations == tolist(["projects/my-project/locations/global/dnsAuthorizations/todo"])
    error_message = "The certificate must be that of the host, renewed by DNS."
  }
  assert {
    condition     = output.settings.HOST == "todo.example.com" && output.settings.ADDRESS == google_compute_global_address.entrance.name && output.settings.CERTIFICATE_MAP == "todo" && output.settings.SSL_POLICY == "todo"
    error_message = "deploy/gke must be told the names of what was made."
  }
}

run "google_apis" {
  command = plan

  assert {
    condition     = google_dns_managed_zone.apis[0].visibility == "private" && google_dns_record_set.private[0].rrdatas == tolist(["199.36.153.8", "199.36.153.9", "199.36.153.10", "199.36.153.11"]) && google_dns_record_set.all[0].name == "*.googleapis.com."
    error_message = "Google's APIs must be at the addresses that the network policy lets pods reach, and for this network only."
  }
}

run "google_apis_elsewhere" {
  command = plan
  variables {
    private_google_apis = false
  }

  assert {
    condition     = length(google_dns_managed_zone.apis) == 0 && length(google_dns_record_set.all) == 0
    error_message = "A network that does so already must be left as it is."
  }
}

run "the_whole_internet" {
  command         = plan
  expect_failures = [var.authorized_networks]
  variables {
    authorized_networks = { everybody = "0.0.0.0/0" }
  }
}

run "a_channel_without_a_guarantee" {
  command         = plan
  expect_failures = [var.release_channel]
  variables {
    release_channel = "RAPID"
  }
}

run "a_zone" {
  command         = plan
  expect_failures = [var.region]
  variables {
    region = "europe-west2-a"
  }
}

run "an_address_for_a_host" {
  command         = plan
  expect_failures = [var.host]
  variables {
    host = "https://todo.example.com/"
  }
}

run "public_pods" {
  command         = plan
  expect_failures = [var.pod_range]
  variables {
    pod_range = "8.8.0.0/17"
  }
}

run "a_person_for_the_service" {
  command         = plan
  expect_failures = [var.service_account_email]
  variables {
    service_account_email = "somebody@example.com"
  }
}

run "a_wrong_project" {
  command         = plan
  expect_failures = [var.project_id]
  variables {
    project_id = "My Project"
  }
}

run "a_name_too_long" {
  command         = plan
  expect_failures = [var.name]
  variables {
    name = "a-cluster-with-a-very-long-name"
  }
}

run "midnight" {
  command         = plan
  expect_failures = [var.maintenance_start]
  variables {
    maintenance_start = "24:00"
  }
}
