mock_provider "google" {}

variables {
  project_id = "my-project"
  name       = "todo"
}

run "nothing_is_public" {
  command = plan

  assert {
    condition     = !google_compute_network.network.auto_create_subnetworks
    error_message = "A subnetwork in every region is more than the service uses."
  }
  assert {
    condition     = google_compute_subnetwork.service.private_ip_google_access
    error_message = "Google's APIs must be reached without leaving Google's network."
  }
  assert {
    condition     = google_compute_global_address.private_services.address_type == "INTERNAL" && google_compute_global_address.private_services.purpose == "VPC_PEERING"
    error_message = "The range of the databases must be a private one."
  }
  assert {
    condition     = length(google_compute_subnetwork.service.log_config) == 1
    error_message = "Who talks to whom must be in a log."
  }
  assert {
    condition     = google_compute_subnetwork.service.region == "europe-west2"
    error_message = "The region defaults to europe-west2."
  }
}

run "the_peering_is_kept_until_told" {
  command = plan

  assert {
    condition     = google_service_networking_connection.private_services.deletion_policy == "DELETE"
    error_message = "The peering must not be torn from under a database."
  }
}

run "taken_down_for_good" {
  command = plan
  variables {
    deletion_protection = false
  }

  assert {
    condition     = google_service_networking_connection.private_services.deletion_policy == "REMOVE_PEERING"
    error_message = "Else the network cannot be deleted for days."
  }
}

run "a_wrong_project_id" {
  command         = plan
  expect_failures = [var.project_id]
  variables {
    project_id = "My Project"
  }
}

run "a_zone_for_a_region" {
  command         = plan
  expect_failures = [var.region]
  variables {
    region = "europe-west2-a"
  }
}

run "public_addresses" {
  command         = plan
  expect_failures = [var.subnetwork_range]
  variables {
    subnetwork_range = "8.8.8.0/24"
  }
}

run "too_few_addresses" {
  command         = plan
  expect_failures = [var.subnetwork_range]
  variables {
    subnetwork_range = "10.10.0.0/27"
  }
}

run "a_range_without_room_for_a_database" {
  command         = plan
  expect_failures = [var.private_services_prefix_length]
  variables {
    private_services_prefix_length = 28
  }
}

run "a_wrong_name" {
  command         = plan
  expect_failures = [var.name]
  variables {
    name = "Todo_"
  }
}
