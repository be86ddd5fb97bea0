#!/usr/bin/env bash
# Lays out Terraform's provider for Google Cloud where the tests of terraform/
# find it, once for each version, and prints the path of the Terraform CLI
# configuration that uses it:
#
#   TF_CLI_CONFIG_FILE=$(tools/provider.sh) terraform init
#
# Terraform itself fetches the provider, and checks its signature, where the
# provider registry is within reach. Elsewhere the same version is built from the
# Go module proxy and checked against Go's checksum database: 10 minutes or
# more, 132 MB. Without Terraform nothing is laid out or printed: the tests say
# themselves that it is missing.
set -euo pipefail

version=8.0.0 # in every versions.tf, too
commit=v1.20.1-0.20260828184646-f3721fb45fa3 # how Go modules name that version
module=github.com/hashicorp/terraform-provider-google
registry=registry.terraform.io/hashicorp/google

say() { echo "tools/provider.sh: $*" >&2; }

# fetched asks the registry; it leaves .terraform/providers in the work folder.
# TF_CLI_CONFIG_FILE is cleared, since it could point at an older mirror.
fetched() (
  cd "$work" || exit # "if" switches off "set -e"
  cat >main.tf <<END
terraform {
  required_providers {
    google = { source = "hashicorp/google", version = "$version" }
  }
}
END
  unset TF_PLUGIN_CACHE_DIR TF_DATA_DIR
  TF_CLI_CONFIG_FILE=/dev/null TF_REGISTRY_DISCOVERY_RETRY=1 CHECKPOINT_DISABLE=1 \
    timeout 600 terraform init -backend=false -input=false -no-color >log 2>&1
)

# built compiles the provider. Settings that would leave the checksum database
# out do not count here.
built() {
  local go=${GO:-go} to=$work/.terraform/providers/$registry/$version/$platform
  rm -rf "$work/.terraform" # what the registry began to send
  mkdir -p "$to"
  (
    cd "$work"
    unset GOOS GOARCH
    export GOFLAGS= GOPRIVATE= GONOSUMDB= GOSUMDB=sum.golang.org CGO_ENABLED=0 GOBIN=$work/bin
    timeout 7200 "$go" install -trimpath -ldflags "-X $module/version.ProviderVersion=$version" "$module@$commit" >&2
  )
  mv "$work/bin/terraform-provider-google" "$to/terraform-provider-google_v${version}_x5"
}

if ! command -v terraform >/dev/null; then
  say "terraform is not installed; see https://developer.hashicorp.com/terraform/install"
  exit 0
fi

platform=$(env -u GOOS -u GOARCH "${GO:-go}" env GOHOSTOS GOHOSTARCH | paste -s -d _)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sluice-terraform
mirror=$cache/google-$version-$platform
mkdir -p "$cache"

# One at a time: the second to come waits, and finds what the first has made.
if command -v flock >/dev/null; then
  exec 9>"$cache/lock"
  flock -n 9 || { say "waiting for another one that lays out the provider"; flock 9; }
  rm -rf "$cache"/making.* # what a killed one left
fi

if [ ! -d "$mirror" ]; then
  work=$(mktemp -d "$cache/making.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  start=$SECONDS
  say "asking the registry for the Google provider $version"
  if ! fetched; then
    say "it cannot be had there ($(grep -m 1 -o 'Error: .*' "$work/log" || echo 'no answer')); building it, which takes 10 minutes or more"
    built
  fi
  mkdir "$work/made"
  mv "$work/.terraform/providers" "$work/made/providers"
  cat >"$work/made/terraform.rc" <<END
disable_checkpoint = true
provider_installation {
  filesystem_mirror {
    path = "$mirror/providers"
  }
}
END
  sync
  mv "$work/made" "$mirror"
  say "laid out in $mirror after $((SECONDS - start)) s"
fi
echo "$mirror/terraform.rc"
