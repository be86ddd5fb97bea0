mock_provider "google" {}

variables {
  project_id = "my-project"
  secrets = {
    session-keys = { accessors = ["serviceAccount:todo@my-project.iam.gserviceaccount.com"] }
    unread       = {}
  }
}

run "each_read_by_its_own" {
  command = plan

  assert {
    condition = { for k, g in google_secret_manager_secret_iam_member.accessor : k => [g.secret_id, g.role, g.member] } == {
      "session-keys/serviceAccount:todo@my-project.iam.gserviceaccount.com" = ["session-keys", "roles/secretmanager.secretAccessor", "serviceAccount:todo@my-project.iam.gserviceaccount.com"]
    }
    error_message = "A secret must be read by those it names, and by nobody else."
  }
  assert {
    condition     = alltrue([for s in google_secret_manager_secret.secret : s.deletion_protection && s.version_destroy_ttl == "604800s"])
    error_message = "Secrets and their versions must not be lost by a mistake."
  }
  assert {
    condition     = alltrue([for s in google_secret_manager_secret.secret : [for r in s.replication[0].user_managed[0].replicas : r.location] == ["europe-west2"]])
    error_message = "Values must stay in the region."
  }
}

run "named_for_others" {
  assert {
    condition     = keys(output.secret_ids) == ["session-keys", "unread"]
    error_message = "Every secret must have an id for others."
  }
}

run "the_public_reads_no_secret" {
  command         = plan
  expect_failures = [var.secrets]
  variables {
    secrets = { session-keys = { accessors = ["allAuthenticatedUsers"] } }
  }
}

run "a_wrong_name" {
  command         = plan
  expect_failures = [var.secrets]
  variables {
    secrets = { "session keys" = {} }
  }
}
