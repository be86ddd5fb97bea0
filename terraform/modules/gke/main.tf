# A home for the service on Kubernetes, in place of modules/service. What runs in
# it is deploy/gke.

locals {
  services = [
    "certificatemanager.googleapis.com", # the certificate
    "container.googleapis.com",          # the cluster
    "dns.googleapis.com",                # where Google's APIs are found
  ]
}

resource "google_project_service" "service" {
  for_each           = toset(local.services)
  project            = var.project_id
  service            = each.key
  disable_on_destroy = false # what else uses it in the project is not ours to stop
}

# Autopilot: Google runs the nodes, and lets nothing on them that would leave its pod.
resource "google_container_cluster" "cluster" {
  project             = var.project_id
  location            = var.region
  name                = var.name
  enable_autopilot    = true
  deletion_protection = var.deletion_protection
  network             = var.network_id
  subnetwork          = var.subnetwork_id

  release_channel {
    channel = var.release_channel
  }

  ip_allocation_policy {
    cluster_ipv4_cidr_block = var.pod_range
  }

  # No node has an address on the Internet.
  private_cluster_config {
    enable_private_nodes = true
  }

  # The control plane is reached by its name, where Google asks for credentials
  # and the right to use it first; by an address only from networks that are named.
  control_plane_endpoints_config {
    dns_endpoint_config {
      allow_external_traffic = true
    }
    ip_endpoints_config {
      enabled = length(var.authorized_networks) > 0
    }
  }

  dynamic "master_authorized_networks_config" {
    for_each = length(var.authorized_networks) > 0 ? [true] : []
    content {
      gcp_public_cidrs_access_enabled = false
      dynamic "cidr_blocks" {
        for_each = var.authorized_networks
        content {
          display_name = cidr_blocks.key
          cidr_block   = cidr_blocks.value
        }
      }
    }
  }

  workload_identity_config {
    workload_pool = "${var.project_id}.svc.id.goog"
  }

  cluster_autoscaling {
    auto_provisioning_defaults {
      service_account = google_service_account.nodes.email
      oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"] # what they may do is said by roles
    }
  }

  # Whether only images that an attestor has signed may run. The policy itself is
  # the project's.
  binary_authorization {
    evaluation_mode = var.binary_authorization ? "PROJECT_SINGLETON_POLICY_ENFORCE" : "DISABLED"
  }

  # Not even by mistake is anything granted to everybody.
  rbac_binding_config {
    enable_insecure_binding_system_unauthenticated = false
    enable_insecure_binding_system_authenticated   = false
  }

  node_pool_auto_config {
    node_kubelet_config {
      insecure_kubelet_readonly_port_enabled = "FALSE"
    }
  }

  secret_manager_config {
    enabled = true # mounts secrets as files
  }

  gateway_api_config {
    channel = "CHANNEL_STANDARD"
  }

  monitoring_config {
    enable_components = ["SYSTEM_COMPONENTS"]
    managed_prometheus {
      enabled = true
    }
  }

  security_posture_config {
    mode               = "BASIC"
    vulnerability_mode = "VULNERABILITY_DISABLED" # the registry scans
  }

  maintenance_policy {
    daily_maintenance_window {
      start_time = var.maintenance_start
    }
  }

  depends_on = [google_project_service.service, google_project_iam_member.nodes]
}
