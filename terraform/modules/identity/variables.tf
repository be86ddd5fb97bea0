variable "project_id" {
  description = "Id of the Google Cloud project, such as my-project; not its name or number."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be a project id: 6 to 30 lower-case letters, digits and hyphens, beginning with a letter. \"gcloud projects list\" shows yours."
  }
}

variable "name" {
  description = "Name of the service. Its account is NAME-runtime."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,20}[a-z0-9])?$", var.name))
    error_message = "name must begin with a letter, and have at most 22 lower-case letters, digits and hyphens: an account's name has 30."
  }
}

variable "deployer_email" {
  description = "Account that releases the service."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+@[a-z0-9.-]+\\.gserviceaccount\\.com$", var.deployer_email))
    error_message = "deployer_email must be the email of a service account, NAME@PROJECT.iam.gserviceaccount.com; bootstrap puts it out as deployer_email."
  }
}

variable "infrastructure_email" {
  description = "Account that applies Terraform and so creates the service; null where a person does."
  type        = string
  default     = null

  validation {
    condition     = var.infrastructure_email == null || can(regex("^[a-z0-9-]+@[a-z0-9.-]+\\.gserviceaccount\\.com$", var.infrastructure_email))
    error_message = "infrastructure_email must be the email of a service account, NAME@PROJECT.iam.gserviceaccount.com; bootstrap puts it out as infrastructure_email."
  }
}

variable "database_instance" {
  description = "Name of the only Cloud SQL instance that the service may log in to; null for a service without a database."
  type        = string
  default     = null
}
