#!/usr/bin/env bash
# Writes how a job of GitHub's becomes a service account of Google's, as
# GOOGLE_APPLICATION_CREDENTIALS names it to Terraform:
#
#   PROVIDER=projects/…/providers/… ACCOUNT=…@… identity.sh FILE
#
# The file has no key of Google's. It says where this job, and only while it
# runs, gets a token that names its repository, branch and environment; Google
# exchanges that for one of its own for an hour (RFC 8693).
set -euo pipefail

file=$1
[[ ${PROVIDER:-} =~ ^projects/[0-9]+/locations/global/workloadIdentityPools/[a-z0-9-]+/providers/[a-z0-9-]+$ ]] ||
  { echo "PROVIDER is not a workload identity provider: set the repository variable …_WORKLOAD_IDENTITY_PROVIDER" >&2; exit 1; }
[[ ${ACCOUNT:-} =~ ^[a-z0-9-]+@[a-z0-9-]+\.iam\.gserviceaccount\.com$ ]] ||
  { echo "ACCOUNT is not a service account: set the repository variable …_EMAIL" >&2; exit 1; }
: "${ACTIONS_ID_TOKEN_REQUEST_URL:?the job has no permission id-token: write}"
: "${ACTIONS_ID_TOKEN_REQUEST_TOKEN:?the job has no permission id-token: write}"

echo "::add-mask::$ACTIONS_ID_TOKEN_REQUEST_TOKEN"
umask 077
jq --null-input '{
  type: "external_account",
  audience: "//iam.googleapis.com/\(env.PROVIDER)",
  subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
  token_url: "https://sts.googleapis.com/v1/token",
  service_account_impersonation_url: "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/\(env.ACCOUNT):generateAccessToken",
  credential_source: {
    url: "\(env.ACTIONS_ID_TOKEN_REQUEST_URL)&audience=\("https://iam.googleapis.com/\(env.PROVIDER)" | @uri)",
    headers: {Authorization: "Bearer \(env.ACTIONS_ID_TOKEN_REQUEST_TOKEN)"},
    format: {type: "json", subject_token_field_name: "value"}
  }
}' > "$file"
