#!/usr/bin/env bash
# Puts Terraform into a folder, by version and checksum:
#
#   VERSION=… SHA256=… terraform.sh FOLDER
#
# The sum is of the zip for linux/amd64, from HashiCorp's SHA256SUMS, whose
# signature a person has checked. Without it nothing is unpacked.
set -euo pipefail

folder=$1
[[ ${VERSION:-} =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "VERSION is not a version of Terraform: set the repository variable TERRAFORM_VERSION" >&2; exit 1; }
[[ ${SHA256:-} =~ ^[0-9a-f]{64}$ ]] || { echo "SHA256 is not a checksum: set the repository variable TERRAFORM_SHA256" >&2; exit 1; }

zip=$(mktemp)
trap 'rm -f "$zip"' EXIT
curl --fail --silent --show-error --proto '=https' --max-time 300 --max-filesize 200000000 \
  --output "$zip" "https://releases.hashicorp.com/terraform/$VERSION/terraform_${VERSION}_linux_amd64.zip"
echo "$SHA256  $zip" | sha256sum --check --strict --quiet
mkdir -p "$folder"
unzip -q "$zip" terraform -d "$folder"
