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
  description = "Name of the network; its parts are named after it."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,40}[a-z0-9])?$", var.name))
    error_message = "name must begin with a letter, and have at most 42 lower-case letters, digits and hyphens."
  }
}

variable "subnetwork_range" {
  description = "Addresses of the subnetwork that instances of the service get, in CIDR notation."
  type        = string
  default     = "10.10.0.0/24"

  validation {
    condition     = can(cidrhost(var.subnetwork_range, 0)) && can(regex("^(10|172\\.(1[6-9]|2[0-9]|3[01])|192\\.168)\\..*/(1[6-9]|2[0-6])$", var.subnetwork_range))
    error_message = "subnetwork_range must be a private range between /16 and /26, such as 10.10.0.0/24: Cloud Run takes two addresses for each instance, and at least a /26."
  }
}

variable "private_services_prefix_length" {
  description = "Length of the prefix of the range that Google's services get for databases: 16 is 65,536 addresses, 24 is 256."
  type        = number
  default     = 20

  validation {
    condition     = var.private_services_prefix_length >= 16 && var.private_services_prefix_length <= 24
    error_message = "private_services_prefix_length must be from 16 to 24: each kind of database takes a /24 of its own."
  }
}

variable "deletion_protection" {
  description = "Keeps the peering with Google's services when the network is destroyed before they have let go of it. Set it to false to take an environment down for good."
  type        = bool
  default     = true
}
