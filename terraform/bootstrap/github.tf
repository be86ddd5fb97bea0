# GitHub's jobs say who they are by a token that GitHub signs for each, and get
# one of Google's for an hour. No key is made, downloaded or stored.
#
# GitHub has one issuer for the whole world, so the condition is what keeps
# others out. It names owner and repository by number: a name can be given up and
# taken by somebody else. A token that lacks a claim is refused, since asking for
# a claim that is not there is an error, and that is no "true".

locals {
  # What a job must be to become an account: bound to "identity" below.
  identities = {
    deployer       = "environment-${var.environment}"
    infrastructure = "environment-${var.infrastructure_environment}"
    planner        = "pull-request"
  }

  repository   = "assertion.repository_owner_id == '${var.github_owner_id}' && assertion.repository_id == '${var.github_repository_id}'"
  pull_request = "assertion.event_name == 'pull_request' && assertion.base_ref == '${var.branch}'"
  merged       = "assertion.event_name in ['push', 'workflow_dispatch'] && assertion.ref == 'refs/heads/${var.branch}'"
  approved     = "assertion.environment in ['${var.environment}', '${var.infrastructure_environment}']"
}

resource "google_iam_workload_identity_pool" "github" {
  project                   = var.project_id
  workload_identity_pool_id = "github"
  display_name              = "GitHub"
  description               = "Jobs of GitHub Actions"
  depends_on                = [google_project_service.service]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  project                            = var.project_id
  workload_identity_pool_id          = google_iam_workload_identity_pool.github.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub Actions"
  description                        = "Jobs of ${var.github_repository}"
  attribute_condition                = "${local.repository} && ((${local.pull_request}) || (${local.merged} && ${local.approved}))"

  # A pull request's job is nothing but that, whatever environment it names.
  attribute_mapping = {
    "google.subject"     = "assertion.sub"
    "attribute.identity" = "assertion.event_name == 'pull_request' ? 'pull-request' : 'environment-' + assertion.environment"
  }

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account" "ci" {
  for_each = {
    deployer       = "Pushes images and moves traffic"
    infrastructure = "Applies Terraform, after an approval"
    planner        = "Reads, to plan a pull request"
  }
  project      = var.project_id
  account_id   = each.key
  display_name = each.value
  depends_on   = [google_project_service.service]
}

# Jobs of the one kind may become the one account, and no other.
resource "google_service_account_iam_member" "github" {
  for_each           = local.identities
  service_account_id = google_service_account.ci[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.github.name}/attribute.identity/${each.value}"
}
