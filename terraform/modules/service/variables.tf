variable "project_id" {
  description = "Id of the project, such as my-project-123 (not its number or its name)."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "A project id has 6 to 30 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen. \"gcloud projects list\" shows it."
  }
}

variable "region" {
  description = "Region of the service."
  type        = string
  default     = "europe-west2"
}

variable "name" {
  description = "Name of the service. It becomes the label \"namespace\" of its metrics."
  type        = string
  default     = "todo"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,47}[a-z0-9])?$", var.name)) && var.name != "collector"
    error_message = "The name has at most 49 lower-case letters, digits and hyphens, begins with a letter, does not end with a hyphen, and is not that of the collector."
  }
}

variable "image" {
  description = "Image of the first revision, by digest. Later ones are set by releases, and this is ignored."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "The image must be named by its digest (registry/path@sha256:…) and without a tag, since a tag may name something else tomorrow."
  }
}

variable "service_account_email" {
  description = "E-mail address of the account that the service runs as."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+@[a-z0-9-]+\\.iam\\.gserviceaccount\\.com$", var.service_account_email))
    error_message = "The service needs an account of its own, name@project.iam.gserviceaccount.com. The default accounts of a project may do far too much."
  }
}

variable "deployer_email" {
  description = "E-mail address of the account that releases; null where a person does."
  type        = string
  default     = null
}

variable "network_id" {
  description = "Id of the network that private addresses are reached through."
  type        = string
}

variable "subnetwork_id" {
  description = "Id of the subnetwork in the region that instances get addresses from."
  type        = string
}

variable "egress" {
  description = "What leaves through the network: PRIVATE_RANGES_ONLY, or ALL_TRAFFIC (which then needs Private Google Access)."
  type        = string
  default     = "PRIVATE_RANGES_ONLY"

  validation {
    condition     = contains(["PRIVATE_RANGES_ONLY", "ALL_TRAFFIC"], var.egress)
    error_message = "Egress is PRIVATE_RANGES_ONLY or ALL_TRAFFIC."
  }
}

variable "environment" {
  description = "Settings of the service by name, beside those that this module knows."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.environment), ["PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"])) == 0
    error_message = "PORT, K_SERVICE, K_REVISION and K_CONFIGURATION are set by Cloud Run. Leave them out."
  }

  validation {
    condition     = length(setintersection(keys(var.environment), ["DB_PASS", "SESSION_KEYS"])) == 0
    error_message = "DB_PASS and SESSION_KEYS are secret, and would be in the state in plain text. Give them in secret_environment."
  }
}

variable "secret_environment" {
  description = "Settings whose values are in Secret Manager: by name, the secret (id or name) and the number of its version."
  type        = map(object({ secret = string, version = string }))
  default     = {}

  validation {
    condition     = alltrue([for s in var.secret_environment : can(regex("^[1-9][0-9]*$", s.version))])
    error_message = "Name each secret's version by its number. \"latest\" would change what runs without a rollout, and cannot be rolled back."
  }

  validation {
    condition     = length(setintersection(keys(var.environment), keys(var.secret_environment))) == 0
    error_message = "A setting is in environment and in secret_environment. Decide for one."
  }
}

variable "database_connection_name" {
  description = "Cloud SQL instance as project:region:instance; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.database_connection_name == null || can(regex("^[^:]+(:[^:]+)?:[^:]+:[^:]+$", var.database_connection_name))
    error_message = "The database's connection name is project:region:instance."
  }
}

variable "database_name" {
  description = "Name of the database in the instance."
  type        = string
  default     = null

  validation {
    condition     = var.database_connection_name == null || (var.database_name != null && var.database_user != null)
    error_message = "With database_connection_name, set database_name and database_user too."
  }
}

variable "database_user" {
  description = "MySQL user of the service's account, which logs in by IAM and without a password."
  type        = string
  default     = null
}

variable "min_instances" {
  description = "Instances that are kept when nobody asks. 0 costs least, and makes the first visitor wait."
  type        = number
  default     = 0

  validation {
    condition     = var.min_instances >= 0 && floor(var.min_instances) == var.min_instances
    error_message = "min_instances is a whole number from 0."
  }
}

variable "max_instances" {
  description = "Instances at most. It bounds the cost, and the database's connections."
  type        = number
  default     = 10

  validation {
    condition     = var.max_instances >= max(1, var.min_instances) && var.max_instances <= 100 && floor(var.max_instances) == var.max_instances
    error_message = "max_instances is a whole number from min_instances (and 1) to 100."
  }
}

variable "concurrency" {
  description = "Requests that one instance works at at once."
  type        = number
  default     = 80

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 1000 && floor(var.concurrency) == var.concurrency
    error_message = "concurrency is a whole number from 1 to 1000. The alert TodoRequestsPilingUp expects 80."
  }
}

variable "cpu" {
  description = "Processors of an instance."
  type        = string
  default     = "1"

  validation {
    condition     = contains(["1", "2", "4"], var.cpu)
    error_message = "cpu is \"1\", \"2\" or \"4\"."
  }
}

variable "memory" {
  description = "Memory of an instance, such as 512Mi."
  type        = string
  default     = "512Mi"

  validation {
    condition     = can(regex("^(51[2-9]|5[2-9][0-9]|[6-9][0-9]{2}|[1-9][0-9]{3,4})Mi$|^([1-9]|[12][0-9]|3[0-2])Gi$", var.memory))
    error_message = "memory is at least 512Mi and at most 32Gi, in Mi or Gi: the second generation of Cloud Run gives no less."
  }
}

variable "cpu_always_allocated" {
  description = "Whether instances have a processor between requests too. The collector then reads the metrics on time; it costs more."
  type        = bool
  default     = false
}

variable "ingress" {
  description = "Where requests may come from."
  type        = string
  default     = "INGRESS_TRAFFIC_ALL"

  validation {
    condition     = contains(["INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"], var.ingress)
    error_message = "ingress is INGRESS_TRAFFIC_ALL, INGRESS_TRAFFIC_INTERNAL_ONLY or INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER."
  }
}

variable "default_uri" {
  description = "Whether the service answers at its address on run.app. Switch it off behind a load balancer, which could be passed by otherwise."
  type        = bool
  default     = true
}

variable "invokers" {
  description = "Who may call the service, such as serviceAccount:…; allUsers makes it public."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for m in var.invokers : m == "allUsers" || can(regex("^(serviceAccount|user|group|domain|principal|principalSet):.+$", m))])
    error_message = "An invoker is allUsers, or begins with serviceAccount:, user:, group:, domain:, principal: or principalSet:. allAuthenticatedUsers is anybody with a Google account: say allUsers if you mean it."
  }
}

variable "metrics_collector" {
  description = "Google's collector of metrics: its image (us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar) by digest, and the secret (id or name) that collector.yaml was written to, with the number of the version. null for no metrics."
  type        = object({ image = string, secret = string, version = string })
  default     = null

  validation {
    condition     = var.metrics_collector == null || can(regex("^us-docker\\.pkg\\.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar@sha256:[0-9a-f]{64}$", var.metrics_collector.image))
    error_message = "The collector is Google's own image, by its digest: \"gcloud artifacts docker images describe us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar:VERSION\" shows it."
  }

  validation {
    condition     = var.metrics_collector == null || can(regex("^[1-9][0-9]*$", var.metrics_collector.version))
    error_message = "Name the version of the collector's settings by its number, not \"latest\": a revision is then always the same."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the service."
  type        = bool
  default     = true
}
