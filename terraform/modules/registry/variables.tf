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

variable "repository_id" {
  description = "Name of the repository."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.repository_id))
    error_message = "repository_id must begin with a letter, and have at most 63 lower-case letters, digits and hyphens."
  }
}

variable "kms_key_name" {
  description = "Cloud KMS key that encrypts what is stored, projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY; null for a key of Google's. It cannot be changed later. Artifact Registry's account has to exist: gcloud beta services identity create --service=artifactregistry.googleapis.com"
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_name == null || can(regex("^projects/[^/]+/locations/${var.region}/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key_name))
    error_message = "kms_key_name must be projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY, in the region of the repository."
  }
}

variable "readers" {
  description = "Who may pull, as members of IAM."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for m in var.readers : can(regex("^serviceAccount:[^@]+@[^@]+$", m))])
    error_message = "Each of readers must be \"serviceAccount:EMAIL\": people and the public do not pull from here."
  }
}

variable "writers" {
  description = "Who may push, as members of IAM: the account that releases."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for m in var.writers : can(regex("^serviceAccount:[^@]+@[^@]+$", m))])
    error_message = "Each of writers must be \"serviceAccount:EMAIL\": images come from the pipeline and from nowhere else."
  }
}

variable "kept_tag_prefixes" {
  description = "What is tagged so is never cleaned up: images that were deployed, and their evidence."
  type        = list(string)
  default     = ["release-", "evidence-"]

  validation {
    condition     = length(var.kept_tag_prefixes) > 0 && alltrue([for p in var.kept_tag_prefixes : can(regex("^[a-z0-9][a-z0-9._-]{2,}$", p))])
    error_message = "kept_tag_prefixes must name at least one prefix of three characters or more: without any, a deployed image could be deleted."
  }
}

variable "keep_count" {
  description = "How many of the newest versions of each image are kept, however old and untagged."
  type        = number
  default     = 30

  validation {
    condition     = var.keep_count >= 10
    error_message = "keep_count must be at least 10: a roll back needs images to go to."
  }
}

variable "delete_after_days" {
  description = "Age in days at which versions that nothing keeps are deleted."
  type        = number
  default     = 90

  validation {
    condition     = var.delete_after_days >= 30
    error_message = "delete_after_days must be at least 30: a release may wait for its approval, and an image is pushed before it is deployed."
  }
}

variable "deletion_protection" {
  description = "Makes Terraform refuse to destroy the repository, and with it the images that are running."
  type        = bool
  default     = true
}
