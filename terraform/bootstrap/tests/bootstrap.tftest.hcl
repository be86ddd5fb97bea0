mock_provider "google" {
  mock_resource "google_iam_workload_identity_pool" {
    override_during = plan
    defaults = {
      name = "projects/1/locations/global/workloadIdentityPools/github"
    }
  }
  mock_resource "google_project_iam_custom_role" {
    override_during = plan
    defaults = {
      id = "projects/my-project/roles/custom"
    }
  }
}

# One account is told from another by its member; mocked, all would be alike.
override_resource {
  target          = google_service_account.ci["deployer"]
  override_during = plan
  values = {
    name   = "projects/my-project/serviceAccounts/deployer@my-project.iam.gserviceaccount.com"
    email  = "deployer@my-project.iam.gserviceaccount.com"
    member = "serviceAccount:deployer@my-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target          = google_service_account.ci["infrastructure"]
  override_during = plan
  values = {
    name   = "projects/my-project/serviceAccounts/infrastructure@my-project.iam.gserviceaccount.com"
    email  = "infrastructure@my-project.iam.gserviceaccount.com"
    member = "serviceAccount:infrastructure@my-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target          = google_service_account.ci["planner"]
  override_during = plan
  values = {
    name   = "projects/my-project/serviceAccounts/planner@my-project.iam.gserviceaccount.com"
    email  = "planner@my-project.iam.gserviceaccount.com"
    member = "serviceAccount:planner@my-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target          = module.identity.google_service_account.runtime
  override_during = plan
  values = {
    name   = "projects/my-project/serviceAccounts/todo-runtime@my-project.iam.gserviceaccount.com"
    email  = "todo-runtime@my-project.iam.gserviceaccount.com"
    member = "serviceAccount:todo-runtime@my-project.iam.gserviceaccount.com"
  }
}

variables {
  project_id           = "my-project"
  github_owner         = "my-company"
  github_owner_id      = "1001"
  github_repository    = "my-company/todo"
  github_repository_id = "2002"
}

run "who_github_is" {
  command = plan

  assert {
    condition     = google_iam_workload_identity_pool_provider.github.attribute_condition == "assertion.repository_owner_id == '1001' && assertion.repository_id == '2002' && ((assertion.event_name == 'pull_request' && assertion.base_ref == 'main') || (assertion.event_name in ['push', 'workflow_dispatch'] && assertion.ref == 'refs/heads/main' && assertion.environment in ['production', 'infrastructure']))"
    error_message = "Tokens must be taken from this repository by its number only, and from the branch in an environment, or from a pull request."
  }
  assert {
    condition = google_iam_workload_identity_pool_provider.github.attribute_mapping == tomap({
      "google.subject"     = "assertion.sub"
      "attribute.identity" = "assertion.event_name == 'pull_request' ? 'pull-request' : 'environment-' + assertion.environment"
    })
    error_message = "A job must be told by its environment, and a pull request's by nothing else."
  }
  assert {
    condition     = google_iam_workload_identity_pool_provider.github.oidc[0].issuer_uri == "https://token.actions.githubusercontent.com" && length(google_iam_workload_identity_pool_provider.github.oidc[0].allowed_audiences == null ? [] : google_iam_workload_identity_pool_provider.github.oidc[0].allowed_audiences) == 0
    error_message = "Tokens must be GitHub's, and made for this provider: that is the audience where none is named."
  }
}

run "who_may_become_whom" {
  command = plan

  assert {
    condition = { for g in google_service_account_iam_member.github : trimsuffix(basename(g.service_account_id), "@my-project.iam.gserviceaccount.com") => g.member } == {
      deployer       = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/github/attribute.identity/environment-production"
      infrastructure = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/github/attribute.identity/environment-infrastructure"
      planner        = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/github/attribute.identity/pull-request"
    }
    error_message = "Each kind of job must become its own account."
  }
  assert {
    condition     = alltrue([for g in google_service_account_iam_member.github : g.role == "roles/iam.workloadIdentityUser"])
    error_message = "GitHub's jobs become an account, and do not administer it."
  }
}

run "another_branch_and_environment" {
  command = plan
  variables {
    branch      = "release/1.x"
    environment = "staging"
  }

  assert {
    condition     = strcontains(google_iam_workload_identity_pool_provider.github.attribute_condition, "assertion.ref == 'refs/heads/release/1.x' && assertion.environment in ['staging', 'infrastructure']") && endswith(google_service_account_iam_member.github["deployer"].member, "/environment-staging")
    error_message = "Branch and environment must be those that were given."
  }
}

run "the_planner_only_reads" {
  command = plan

  assert {
    condition     = alltrue([for g in google_project_iam_member.planner : can(regex("(reader|[vV]iewer)$", g.role)) && g.member == "serviceAccount:planner@my-project.iam.gserviceaccount.com"])
    error_message = "A pull request's code must change nothing."
  }
  assert {
    condition     = alltrue([for p in google_project_iam_custom_role.plan_reader.permissions : can(regex("\\.(get|getIamPolicy|list|use)$", p))])
    error_message = "A pull request's code must change nothing."
  }
  assert {
    condition     = google_storage_bucket_iam_member.planner.role == "roles/storage.objectViewer" && google_storage_bucket_iam_member.planner.member == "serviceAccount:planner@my-project.iam.gserviceaccount.com"
    error_message = "The planner must only read the state."
  }
}

run "infrastructure_cannot_make_itself_more" {
  command = plan

  assert {
    condition = toset([for g in google_project_iam_member.infrastructure : g.role]) == toset([
      "roles/artifactregistry.admin",
      "roles/cloudsql.admin",
      "roles/compute.networkAdmin",
      "roles/logging.configWriter",
      "roles/monitoring.editor",
      "roles/run.admin",
      "roles/servicenetworking.networksAdmin",
      "roles/serviceusage.serviceUsageConsumer",
    ])
    error_message = "Terraform must not administer accounts, roles, secrets or clusters: who may do what is made here."
  }
  assert {
    condition     = alltrue([for g in google_project_iam_member.infrastructure : g.member == "serviceAccount:infrastructure@my-project.iam.gserviceaccount.com"])
    error_message = "Terraform's roles must go to its own account."
  }
  assert {
    condition     = google_storage_bucket_iam_member.infrastructure.condition[0].expression == "!resource.name.startsWith('projects/_/buckets/my-project-terraform-state/objects/bootstrap/')"
    error_message = "A job must not write what a person, who may do everything, applies next."
  }
}

run "the_state_is_kept" {
  command = plan

  assert {
    condition     = google_storage_bucket.state.versioning[0].enabled && google_storage_bucket.state.soft_delete_policy[0].retention_duration_seconds == 2592000
    error_message = "What is overwritten or deleted must be retained."
  }
  assert {
    condition     = google_storage_bucket.state.uniform_bucket_level_access && google_storage_bucket.state.public_access_prevention == "enforced"
    error_message = "The bucket must not be public, and no object may have rights of its own."
  }
  assert {
    condition     = !google_storage_bucket.state.force_destroy && google_storage_bucket.state.deletion_policy == "PREVENT"
    error_message = "The bucket must not be destroyed by a mistake."
  }
  assert {
    condition     = [for r in google_storage_bucket.state.lifecycle_rule : [for c in r.condition : [c.num_newer_versions, c.days_since_noncurrent_time]]] == [[[10, 90]]]
    error_message = "Ten versions must stay, and all for 90 days."
  }
}

run "apis_stay_on" {
  command = plan

  assert {
    condition     = alltrue([for s in google_project_service.service : !s.disable_on_destroy]) && contains(keys(google_project_service.service), "containerscanning.googleapis.com")
    error_message = "What else uses an API must not be stopped, and images must be scanned."
  }
}

run "without_an_organisation" {
  command = plan

  assert {
    condition     = length(google_org_policy_policy.no_keys) == 0
    error_message = "A project without an organisation has no policies."
  }
}

run "with_an_organisation" {
  command = plan
  variables {
    has_organisation = true
  }

  assert {
    condition = { for k, p in google_org_policy_policy.no_keys : p.name => p.spec[0].rules[0].enforce } == {
      "projects/my-project/policies/iam.disableServiceAccountKeyCreation" = "TRUE"
      "projects/my-project/policies/iam.disableServiceAccountKeyUpload"   = "TRUE"
    }
    error_message = "Keys of service accounts must be refused."
  }
}

run "a_project_number" {
  command         = plan
  expect_failures = [var.project_id]
  variables {
    project_id = "123456789012"
  }
}

run "a_repository_of_another_owner" {
  command         = plan
  expect_failures = [var.github_repository]
  variables {
    github_repository = "somebody-else/todo"
  }
}

run "a_repository_without_its_owner" {
  command         = plan
  expect_failures = [var.github_repository]
  variables {
    github_repository = "todo"
  }
}

run "names_for_numbers" {
  command         = plan
  expect_failures = [var.github_owner_id, var.github_repository_id]
  variables {
    github_owner_id      = "my-company"
    github_repository_id = "1' || '1' == '1"
  }
}

run "a_name_too_long_for_accounts" {
  command         = plan
  expect_failures = [var.service_name]
  variables {
    service_name = "a-service-with-a-name-that-is-long"
  }
}

run "every_branch" {
  command         = plan
  expect_failures = [var.branch]
  variables {
    branch = "*"
  }
}

run "one_environment_for_both" {
  command         = plan
  expect_failures = [var.infrastructure_environment]
  variables {
    infrastructure_environment = "production"
  }
}

run "a_quote_in_the_environment" {
  command         = plan
  expect_failures = [var.environment]
  variables {
    environment = "production'"
  }
}

run "what_others_need" {
  command = plan

  assert {
    condition     = [output.deployer_email, output.infrastructure_email, output.planner_email] == [for who in ["deployer", "infrastructure", "planner"] : "${who}@my-project.iam.gserviceaccount.com"]
    error_message = "Each account must be put out under its own name."
  }
  assert {
    condition     = output.state_bucket == "my-project-terraform-state"
    error_message = "GitHub's jobs need the bucket of the state."
  }
  assert {
    condition     = output.service_account_email == "todo-runtime@my-project.iam.gserviceaccount.com" && output.service_account_member == "serviceAccount:todo-runtime@my-project.iam.gserviceaccount.com"
    error_message = "An environment needs the account that its service runs as."
  }
  assert {
    condition     = toset(keys(output.secret_ids)) == toset(["todo-session-keys", "todo-collector-config"])
    error_message = "It must be said which secrets a person writes."
  }
}
