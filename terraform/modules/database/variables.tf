variable "project_id" {
  description = "Id of the Google Cloud project, such as my-project; not its name or number."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be a project id: 6 to 30 lower-case letters, digits and hyphens, beginning with a letter. \"gcloud projects list\" shows yours."
  }
}

variable "region" {
  description = "Region that everything is in."
  type        = string
  default     = "europe-west2"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]{1,2}$", var.region))
    error_message = "region must be a region such as europe-west2: not a zone (europe-west2-a) and not a group of regions (eu)."
  }
}

variable "name" {
  description = "Name of the instance. After it is destroyed the name cannot be used again for a week."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,60}[a-z0-9])?$", var.name))
    error_message = "name must begin with a letter, and have at most 62 lower-case letters, digits and hyphens."
  }
}

variable "network_id" {
  description = "Network that the instance has its private address in, projects/PROJECT/global/networks/NAME."
  type        = string
}

variable "private_services_connection" {
  description = "Peering with Google's services in that network. It is waited for, since the private address comes from there."
  type        = string
}

variable "tier" {
  description = "Machine of the instance, such as db-custom-2-7680 (2 CPUs, 7680 MiB)."
  type        = string
  default     = "db-custom-2-7680"

  validation {
    condition     = can(regex("^db-(f1-micro|g1-small|custom-(1|[2-9]|[1-9][0-9])-[0-9]{4,6})$", var.tier))
    error_message = "tier must be db-custom-CPUS-MEBIBYTES, db-g1-small or db-f1-micro."
  }
  validation {
    condition     = var.allow_shared_core || !can(regex("^db-(f1-micro|g1-small)$", var.tier))
    error_message = "tier is a machine that shares its processor, which Google gives no guarantee for. Take db-custom-1-3840 or more, or set allow_shared_core = true where nobody depends on it."
  }
  validation {
    condition     = !var.high_availability || !can(regex("^db-(f1-micro|g1-small)$", var.tier))
    error_message = "tier is a machine that shares its processor, and a second one of it makes nothing highly available. Take db-custom-1-3840 or more, or set high_availability = false."
  }
}

variable "allow_shared_core" {
  description = "Allows the small machines without a guarantee, for trying things out."
  type        = bool
  default     = false
}

variable "high_availability" {
  description = "Keeps a second machine in another zone, which takes over in about a minute; it doubles the cost."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Makes Terraform and Google refuse to delete the instance. To delete it, apply with false first, and destroy then."
  type        = bool
  default     = true
}

variable "backup_retention_count" {
  description = "How many daily backups are kept."
  type        = number
  default     = 14

  validation {
    condition     = var.backup_retention_count >= 7 && var.backup_retention_count <= 365
    error_message = "backup_retention_count must be from 7 to 365: damage is often seen only days later."
  }
}

variable "transaction_log_retention_days" {
  description = "How many days back the database can be restored to any second."
  type        = number
  default     = 7

  validation {
    condition     = var.transaction_log_retention_days >= 1 && var.transaction_log_retention_days <= 7
    error_message = "transaction_log_retention_days must be from 1 to 7, which is as far as this edition of Cloud SQL goes."
  }
}

variable "backup_location" {
  description = "Where backups are kept: a region, or \"eu\" or \"us\" to have them survive the loss of one. null for the instance's region."
  type        = string
  default     = null
}

variable "maintenance_day" {
  description = "Day of the hour in which Google may restart the instance: 1 is Monday."
  type        = number
  default     = 2

  validation {
    condition     = contains([1, 2, 3, 4, 5, 6, 7], var.maintenance_day)
    error_message = "maintenance_day must be from 1 (Monday) to 7."
  }
}

variable "maintenance_hour" {
  description = "Hour of that day, UTC."
  type        = number
  default     = 3

  validation {
    condition     = var.maintenance_hour >= 0 && var.maintenance_hour <= 23
    error_message = "maintenance_hour must be from 0 to 23, UTC."
  }
}

variable "disk_limit_gb" {
  description = "Size in GB that the disk may grow to by itself. It never shrinks, and begins with 10."
  type        = number
  default     = 100

  validation {
    condition     = var.disk_limit_gb >= 10
    error_message = "disk_limit_gb must be at least 10, which is what the disk begins with."
  }
}

variable "database_name" {
  description = "Name of the database."
  type        = string
  default     = "todo"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database_name))
    error_message = "database_name must begin with a letter, and have at most 63 lower-case letters, digits and underscores."
  }
}

variable "iam_service_accounts" {
  description = "Service accounts that log in with their own identity: any name → email."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for email in var.iam_service_accounts : can(regex("^[a-z0-9-]{1,32}@[a-z0-9.-]+\\.gserviceaccount\\.com$", email))])
    error_message = "Each of iam_service_accounts must be the email of a service account, NAME@PROJECT.iam.gserviceaccount.com, with a NAME of at most 32 characters: MySQL has no room for more."
  }
  validation {
    condition     = length(distinct([for email in var.iam_service_accounts : split("@", email)[0]])) == length(var.iam_service_accounts)
    error_message = "Two of iam_service_accounts have the same name before the @, and MySQL would take them for one user."
  }
}

variable "database_flags" {
  description = "Further flags of MySQL, name → value. Those that the module sets itself cannot be changed."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.database_flags), ["cloudsql_iam_authentication", "local_infile", "skip_show_database"])) == 0
    error_message = "database_flags may not name cloudsql_iam_authentication, local_infile or skip_show_database: the module sets them for safety."
  }
}
