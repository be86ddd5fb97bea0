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
    condition     = contains(jsondecode(file("${path.module}/../regions.json")), var.region)
    error_message = "There is no Cloud Run in this region, or none that this list knows: \"gcloud run regions list\" shows them, terraform/regions.json lists them. A zone (europe-west2-a) is not a region."
  }
}

variable "service_name" {
  description = "Name of the service, as in its environment: accounts and secrets are named by it."
  type        = string
  default     = "todo"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,18}[a-z0-9]$", var.service_name))
    error_message = "The name of the service has 4 to 20 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen: names of accounts are made of it."
  }
}

variable "has_organisation" {
  description = "Whether the project belongs to an organisation. Its policies can then refuse keys of service accounts; who applies this must be its policy administrator (roles/orgpolicy.policyAdmin)."
  type        = bool
  default     = false
}

variable "github_owner" {
  description = "User or organisation on GitHub that owns the repository."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9]([A-Za-z0-9-]{0,37}[A-Za-z0-9])?$", var.github_owner))
    error_message = "github_owner must be a name on GitHub, such as my-company, without an @ and without the repository."
  }
}

variable "github_owner_id" {
  description = "Number of that owner, which stays when the name is changed and is not given to anybody else: gh api users/OWNER --jq .id"
  type        = string

  validation {
    condition     = can(regex("^[1-9][0-9]{0,18}$", var.github_owner_id))
    error_message = "github_owner_id must be a number; \"gh api users/OWNER --jq .id\" tells it."
  }
}

variable "github_repository" {
  description = "The repository, OWNER/NAME."
  type        = string

  validation {
    condition     = can(regex("^[^/]+/[A-Za-z0-9._-]{1,100}$", var.github_repository))
    error_message = "github_repository must be OWNER/NAME, such as my-company/todo."
  }
  validation {
    condition     = startswith(lower(var.github_repository), "${lower(var.github_owner)}/")
    error_message = "github_repository does not belong to github_owner: what is before the / must be the owner."
  }
}

variable "github_repository_id" {
  description = "Number of that repository: gh api repos/OWNER/NAME --jq .id"
  type        = string

  validation {
    condition     = can(regex("^[1-9][0-9]{0,18}$", var.github_repository_id))
    error_message = "github_repository_id must be a number; \"gh api repos/OWNER/NAME --jq .id\" tells it."
  }
}

variable "branch" {
  description = "Branch that is released and applied. Pull requests to it are planned."
  type        = string
  default     = "main"

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$", var.branch)) && !startswith(var.branch, "refs/")
    error_message = "branch must be the name of one branch, such as main, without refs/heads/ and without wildcards."
  }
}

variable "environment" {
  description = "Environment on GitHub whose jobs release."
  type        = string
  default     = "production"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,39}$", var.environment))
    error_message = "environment must begin with a letter, and have at most 40 lower-case letters, digits and hyphens."
  }
}

variable "infrastructure_environment" {
  description = "Environment on GitHub whose jobs apply Terraform, after an approval."
  type        = string
  default     = "infrastructure"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,39}$", var.infrastructure_environment))
    error_message = "infrastructure_environment must begin with a letter, and have at most 40 lower-case letters, digits and hyphens."
  }
  validation {
    condition     = var.infrastructure_environment != var.environment
    error_message = "infrastructure_environment must not be the environment that releases: an approval of one would be an approval of the other."
  }
}

variable "deletion_protection" {
  description = "Makes Terraform refuse to destroy the bucket of the state and the secrets."
  type        = bool
  default     = true
}
