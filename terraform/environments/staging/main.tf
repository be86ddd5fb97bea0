# What bootstrap made, by the names that it gives.
locals {
  deployer_email        = "deployer@${var.project_id}.iam.gserviceaccount.com"
  service_account_email = "${var.service_name}-runtime@${var.project_id}.iam.gserviceaccount.com"
  session_keys          = "projects/${var.project_id}/secrets/${var.service_name}-session-keys"
  collector_config      = "projects/${var.project_id}/secrets/${var.service_name}-collector-config"
}

module "network" {
  source = "../../modules/network"

  project_id          = var.project_id
  region              = var.region
  name                = var.service_name
  deletion_protection = var.deletion_protection
}

module "registry" {
  source = "../../modules/registry"

  project_id          = var.project_id
  region              = var.region
  repository_id       = var.service_name
  writers             = ["serviceAccount:${local.deployer_email}"]
  deletion_protection = var.deletion_protection
}

module "database" {
  source = "../../modules/database"

  project_id                  = var.project_id
  region                      = var.region
  name                        = var.service_name
  network_id                  = module.network.network_id
  private_services_connection = module.network.private_services_connection
  tier                        = var.database_tier
  allow_shared_core           = true
  high_availability           = var.database_high_availability
  deletion_protection         = var.deletion_protection
  iam_service_accounts        = { service = local.service_account_email }
}

module "service" {
  source = "../../modules/service"

  project_id            = var.project_id
  region                = var.region
  name                  = var.service_name
  image                 = var.image
  service_account_email = local.service_account_email
  deployer_email        = local.deployer_email
  network_id            = module.network.network_id
  subnetwork_id         = module.network.subnetwork_id
  min_instances         = var.min_instances
  max_instances         = var.max_instances
  cpu_always_allocated  = var.cpu_always_allocated
  invokers              = var.invokers
  environment           = var.environment
  deletion_protection   = var.deletion_protection

  database_connection_name = module.database.connection_name
  database_name            = module.database.database_name
  database_user            = module.database.iam_users["service"]

  secret_environment = {
    SESSION_KEYS = { secret = local.session_keys, version = var.session_keys_version }
  }

  metrics_collector = {
    image   = var.metrics_collector_image
    secret  = local.collector_config
    version = var.collector_config_version
  }
}

module "monitoring" {
  source = "../../modules/monitoring"

  project_id          = var.project_id
  region              = var.region
  service_name        = module.service.name
  host                = trimprefix(module.service.uri, "https://")
  public              = contains(var.invokers, "allUsers")
  notification_emails = var.notification_emails
  billing_account     = var.billing_account
  budget_amount       = var.budget_amount
}
