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
  description = "Name of the cluster, and of what belongs to it."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,22}[a-z0-9])?$", var.name))
    error_message = "name must begin with a letter, and have at most 24 lower-case letters, digits and hyphens: an account's name has 30."
  }
}

variable "network_id" {
  description = "Network that the cluster is in, projects/PROJECT/global/networks/NAME; network_id of the module network."
  type        = string
}

variable "subnetwork_id" {
  description = "Subnetwork that nodes get their addresses from; subnetwork_id of the module network."
  type        = string
}

variable "pod_range" {
  description = "Private addresses for pods, in CIDR notation. It cannot be changed later."
  type        = string
  default     = "10.64.0.0/17"

  validation {
    condition     = can(cidrhost(var.pod_range, 0)) && can(regex("^(10|172\\.(1[6-9]|2[0-9]|3[01])|192\\.168)\\..*/(1[1-9]|2[01])$", var.pod_range))
    error_message = "pod_range must be a private range between /11 and /21, such as 10.64.0.0/17: every node takes 64 addresses or more of it."
  }
}

variable "release_channel" {
  description = "How soon Google brings Kubernetes up to date: REGULAR or STABLE."
  type        = string
  default     = "REGULAR"

  validation {
    condition     = contains(["REGULAR", "STABLE"], var.release_channel)
    error_message = "release_channel must be REGULAR or STABLE: RAPID has versions that Google itself gives no guarantee for."
  }
}

variable "maintenance_start" {
  description = "When the four hours a day begin in which Google may replace nodes, HH:MM UTC."
  type        = string
  default     = "02:00"

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", var.maintenance_start))
    error_message = "maintenance_start must be a time of day in UTC, such as 02:00."
  }
}

variable "authorized_networks" {
  description = "Networks that may reach the control plane by its address, name → CIDR. Without any it has none, and is reached by its DNS name with Google's credentials."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for n in values(var.authorized_networks) : can(cidrhost(n, 0)) && try(tonumber(split("/", n)[1]), 0) >= 16])
    error_message = "authorized_networks must be ranges of /16 or smaller in CIDR notation, such as { office = \"192.0.2.0/24\" }. To reach the cluster from anywhere leave it empty: the DNS name asks for credentials first."
  }
}

variable "binary_authorization" {
  description = "Holds images to the project's Binary Authorization policy. Set that first: what it does not allow does not start."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Makes Terraform refuse to delete the cluster. To delete it, apply with false first, and destroy then."
  type        = bool
  default     = true
}

variable "private_google_apis" {
  description = "Leads the names of Google's APIs to private.googleapis.com within the network, which the network policies of deploy/gke count on. false where the network does so already."
  type        = bool
  default     = true
}

variable "host" {
  description = "Host name of the service, such as todo.example.com."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.host))
    error_message = "host must be a full host name in lower case, such as todo.example.com, without https:// and without a path."
  }
}

variable "service_account_email" {
  description = "Account that the service runs as; service_account_email of bootstrap."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+@[a-z0-9.-]+\\.iam\\.gserviceaccount\\.com$", var.service_account_email))
    error_message = "service_account_email must be the email of a service account, NAME@PROJECT.iam.gserviceaccount.com; bootstrap puts it out as service_account_email."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the service, as in deploy/gke."
  type        = string
  default     = "todo"
}

variable "kubernetes_service_account" {
  description = "Kubernetes account of the service's pods, as in deploy/gke."
  type        = string
  default     = "todo"
}
