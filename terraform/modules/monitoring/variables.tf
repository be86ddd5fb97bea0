variable "project_id" {
  description = "Id of the project, such as my-project-123 (not its number or its name)."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "A project id has 6 to 30 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen. \"gcloud projects list\" shows it."
  }
}

variable "region" {
  description = "Region of the service, whose log is read."
  type        = string
  default     = "europe-west2"
}

variable "service_name" {
  description = "Name of the service on Cloud Run, which is also the label \"namespace\" of its metrics."
  type        = string
  default     = "todo"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$", var.service_name))
    error_message = "The name of the service has at most 49 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen."
  }
}

variable "host" {
  description = "Host that people reach the service at, such as todo.example.com."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.host))
    error_message = "host is a name such as todo.example.com: without https://, port or path."
  }
}

variable "public" {
  description = "Whether everybody may call the service. Otherwise the check from outside says who it is, and Monitoring's service agent has to be one of the service's invokers."
  type        = bool
  default     = true
}

variable "notification_emails" {
  description = "Addresses that alerts are sent to."
  type        = list(string)

  validation {
    condition     = length(var.notification_emails) > 0
    error_message = "Give at least one address: an alert that nobody gets is none."
  }

  validation {
    condition     = alltrue([for a in var.notification_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", a))])
    error_message = "A notification address is empty or not an e-mail address (name@example.com)."
  }
}

variable "runbooks" {
  description = "Address of the folder of runbooks, without a slash at its end."
  type        = string
  default     = "https://github.com/sluice-ci/sluice/blob/main/docs/runbooks"

  validation {
    condition     = can(regex("^https://.*[^/]$", var.runbooks))
    error_message = "runbooks begins with https:// and does not end with a slash."
  }
}

variable "billing_account" {
  description = "Id of the billing account, XXXXXX-XXXXXX-XXXXXX, for a budget; null for none."
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

  validation {
    condition     = var.budget_amount >= 1 && floor(var.budget_amount) == var.budget_amount
    error_message = "budget_amount is a whole number from 1."
  }
}
