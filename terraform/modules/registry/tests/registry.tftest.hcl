mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      number = "12345"
    }
  }
}

variables {
  project_id    = "my-project"
  repository_id = "todo"
  readers       = ["serviceAccount:todo@my-project.iam.gserviceaccount.com"]
  writers       = ["serviceAccount:deployer@my-project.iam.gserviceaccount.com"]
}

run "what_is_deployed_is_kept" {
  command = plan

  assert {
    condition     = [for p in google_artifact_registry_repository.images.cleanup_policies : p.condition[0].tag_prefixes if p.action == "KEEP" && length(p.condition) == 1] == [tolist(["release-", "evidence-"])]
    error_message = "Deployed images and their evidence must be kept by their tags."
  }
  assert {
    condition     = [for p in google_artifact_registry_repository.images.cleanup_policies : p.most_recent_versions[0].keep_count if length(p.most_recent_versions) == 1] == [30]
    error_message = "The newest versions must be kept."
  }
  assert {
    condition     = [for p in google_artifact_registry_repository.images.cleanup_policies : p.condition[0].older_than if p.action == "DELETE"] == ["7776000s"]
    error_message = "The only policy that deletes must go by age."
  }
  assert {
    condition     = google_artifact_registry_repository.images.docker_config[0].immutable_tags
    error_message = "A mark that can be taken away protects nothing."
  }
  assert {
    condition     = google_artifact_registry_repository.images.deletion_policy == "PREVENT"
    error_message = "The repository holds what is running."
  }
}

run "scanned_and_named" {
  command = plan

  assert {
    condition     = google_artifact_registry_repository.images.vulnerability_scanning_config[0].enablement_config == "INHERITED"
    error_message = "Images must be scanned."
  }
  assert {
    condition     = output.repository_url == "europe-west2-docker.pkg.dev/my-project/todo"
    error_message = "An image's name begins with region, project and repository."
  }
}

run "roles" {
  command = plan

  assert {
    condition     = { for k, g in google_artifact_registry_repository_iam_member.writer : k => g.role } == { "serviceAccount:deployer@my-project.iam.gserviceaccount.com" = "roles/artifactregistry.writer" }
    error_message = "Writers write, and do no more."
  }
  assert {
    condition     = { for k, g in google_artifact_registry_repository_iam_member.reader : k => g.role } == { "serviceAccount:todo@my-project.iam.gserviceaccount.com" = "roles/artifactregistry.reader" }
    error_message = "Readers read, and do no more."
  }
  assert {
    condition     = length(google_kms_crypto_key_iam_member.registry) == 0
    error_message = "Without a key of ours nothing is granted on one."
  }
}

run "a_key_of_ones_own" {
  command = plan
  variables {
    kms_key_name = "projects/my-project/locations/europe-west2/keyRings/ring/cryptoKeys/images"
  }

  assert {
    condition     = google_artifact_registry_repository.images.kms_key_name == google_kms_crypto_key_iam_member.registry[0].crypto_key_id
    error_message = "Artifact Registry must be allowed to use the key that it is given."
  }
  assert {
    condition     = google_kms_crypto_key_iam_member.registry[0].member == "serviceAccount:service-12345@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    error_message = "The key is Artifact Registry's to use, and nobody else's."
  }
}

run "a_key_of_another_region" {
  command         = plan
  expect_failures = [var.kms_key_name]
  variables {
    kms_key_name = "projects/my-project/locations/us-central1/keyRings/ring/cryptoKeys/images"
  }
}

run "the_public_may_not_pull" {
  command         = plan
  expect_failures = [var.readers]
  variables {
    readers = ["allUsers"]
  }
}

run "people_do_not_push" {
  command         = plan
  expect_failures = [var.writers]
  variables {
    writers = ["user:somebody@example.com"]
  }
}

run "nothing_kept" {
  command         = plan
  expect_failures = [var.kept_tag_prefixes, var.keep_count, var.delete_after_days]
  variables {
    kept_tag_prefixes = []
    keep_count        = 1
    delete_after_days = 1
  }
}

run "a_wrong_name" {
  command         = plan
  expect_failures = [var.repository_id]
  variables {
    repository_id = "Todo/images"
  }
}
