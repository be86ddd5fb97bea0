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

variable "secrets" {
  description = "Secrets, and who may read each: id of the secret → { accessors = members of IAM }."
  type = map(object({
    accessors = optional(set(string), [])
  }))

  validation {
    condition     = alltrue([for id in keys(var.secrets) : can(regex("^[A-Za-z0-9_-]{1,255}$", id))])
    error_message = "Each of secrets must be named by letters, digits, hyphens and underscores."
  }
  validation {
    condition     = alltrue(flatten([for s in values(var.secrets) : [for m in s.accessors : can(regex("^serviceAccount:[^@]+@[^@]+$", m))]]))
    error_message = "Each of accessors must be \"serviceAccount:EMAIL\": a person who may read a secret is given that by hand, for a while."
  }
}

variable "deletion_protection" {
  description = "Makes Terraform refuse to destroy secrets."
  type        = bool
  default     = true
}
