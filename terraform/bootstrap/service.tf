# Who the service is, and its secrets. They are here, and not in an environment,
# for two reasons: whoever applies environments need not be able to say who may
# do what, and a secret has its value before anything reads it.

module "identity" {
  source = "../modules/identity"

  project_id           = var.project_id
  name                 = var.service_name
  deployer_email       = google_service_account.ci["deployer"].email
  infrastructure_email = google_service_account.ci["infrastructure"].email
  database_instance    = var.service_name # the environment makes it, by this name
  depends_on           = [google_project_service.service]
}

module "secrets" {
  source = "../modules/secrets"

  project_id          = var.project_id
  region              = var.region
  deletion_protection = var.deletion_protection
  depends_on          = [google_project_service.service]

  secrets = { for kind in ["session-keys", "collector-config"] :
    "${var.service_name}-${kind}" => { accessors = [module.identity.service_account_member] }
  }
}
