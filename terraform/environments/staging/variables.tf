variable "project_id" {
  description = "Id of the environment's own project, such as my-project-123 (not its number or its name)."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "A project id has 6 to 30 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen. \"gcloud projects list\" shows it."
  }
}

variable "region" {
  description = "Region of everything."
  type        = string
  default     = "europe-west2"

  validation {
    condition     = contains(jsondecode(file("${path.module}/../../regions.json")), var.region)
    error_message = "There is no Cloud Run in this region, or none that this list knows: \"gcloud run regions list\" shows them, terraform/regions.json lists them. A zone (europe-west2-a) is not a region."
  }
}

variable "service_name" {
  description = "Name of the service, its network, repository and database; the same as service_name of bootstrap."
  type        = string
  default     = "todo"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,18}[a-z0-9]$", var.service_name))
    error_message = "The name of the service has 4 to 20 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen: names of accounts are made of it."
  }
}

variable "image" {
  description = "Image of the first revision, by digest. Later ones are set by releases."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "The image must be named by its digest (registry/path@sha256:…). Before the first release take Google's us-docker.pkg.dev/cloudrun/container/hello: \"gcloud artifacts docker images describe\" shows its digest."
  }
}

variable "metrics_collector_image" {
  description = "Google's collector of metrics, by digest (modules/service)."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.metrics_collector_image))
    error_message = "The collector must be named by its digest: \"gcloud artifacts docker images describe us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar:VERSION\" shows it."
  }
}

variable "session_keys_version" {
  description = "Number of the version of the secret of session keys. Its value is written outside of Terraform."
  type        = string
  default     = "1"

  validation {
    condition     = can(regex("^[1-9][0-9]*$", var.session_keys_version))
    error_message = "A version of a secret is a number here, not \"latest\"."
  }
}

variable "collector_config_version" {
  description = "Number of the version of the collector's settings, written outside of Terraform from modules/service/collector.yaml."
  type        = string
  default     = "1"

  validation {
    condition     = can(regex("^[1-9][0-9]*$", var.collector_config_version))
    error_message = "A version of a secret is a number here, not \"latest\"."
  }
}

variable "database_tier" {
  description = "Machine of the database."
  type        = string
  default     = "db-f1-micro"

  validation {
    condition     = can(regex("^db-(f1-micro|g1-small|custom-[1-9][0-9]*-[1-9][0-9]{3,})$", var.database_tier))
    error_message = "The database's machine is db-f1-micro, db-g1-small or db-custom-CPUS-MEBIBYTES, such as db-custom-1-3840."
  }
}

variable "database_high_availability" {
  description = "Whether a second machine in another zone takes over when the first fails. It doubles the database's cost."
  type        = bool
  default     = false
}

variable "min_instances" {
  description = "Instances that are kept when nobody asks."
  type        = number
  default     = 0
}

variable "max_instances" {
  description = "Instances at most."
  type        = number
  default     = 3
}

variable "cpu_always_allocated" {
  description = "Whether instances have a processor between requests too, so that metrics are read on time."
  type        = bool
  default     = false
}

variable "invokers" {
  description = "Who may call the service; [\"allUsers\"] makes it public. Unless it is public, Monitoring's service agent has to be among them for the check from outside."
  type        = list(string)
  default     = []
}

variable "environment" {
  description = "Further settings of the service (app/README.md)."
  type        = map(string)
  default     = {}
}

variable "notification_emails" {
  description = "Addresses that alerts are sent to."
  type        = list(string)

  validation {
    condition     = length(var.notification_emails) > 0 && alltrue([for a in var.notification_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", a))])
    error_message = "Give at least one e-mail address (name@example.com), and no empty one: an alert that nobody gets is none."
  }
}

variable "billing_account" {
  description = "Billing account, for a budget; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.billing_account == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "A billing account's id is XXXXXX-XXXXXX-XXXXXX. \"gcloud billing accounts list\" shows it; null is no budget."
  }
}

variable "budget_amount" {
  description = "What a month may cost, in whole units of the billing account's currency."
  type        = number
  default     = 50
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the service, the database and its network, and the images. To take everything down apply with false first."
  type        = bool
  default     = true
}
