terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "8.0.0"
    }
  }

  # -backend-config="bucket=…": the output state_bucket of bootstrap/.
  backend "gcs" {
    prefix = "production"
  }
}

provider "google" {
  project = var.project_id
  region  = var.region

  # The API for budgets answers a person's login only when it is told which
  # project to count the call against.
  user_project_override = true
  billing_project       = var.project_id
}
