#!/usr/bin/env bash
# Installs the Debian packages that tests need and that are not there yet:
#
#   tools/packages.sh PACKAGE...
#
# It does so on Debian and its like, as root or where sudo asks for no password.
# Elsewhere it says what is missing and ends well: the tests that need it say so
# themselves, and fail when CI=true.
set -euo pipefail

missing=()
if command -v dpkg-query >/dev/null; then
  for p in "$@"; do
    dpkg-query -Wf '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
  done
else
  missing=("$@")
fi
[ ${#missing[@]} -gt 0 ] || exit 0

root=()
[ "$(id -u)" = 0 ] || root=(sudo -n)
if ! command -v apt-get >/dev/null || ! "${root[@]}" true 2>/dev/null; then
  echo "tools/packages.sh: the tests use ${missing[*]}, which cannot be installed here (no apt-get, or not root)" >&2
  exit 0
fi
echo "installing ${missing[*]} for the tests"
# RUNLEVEL=1 keeps packages from starting their servers: tests start their own.
install() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
if ! install; then
  "${root[@]}" apt-get update -qq || true
  install || echo "tools/packages.sh: apt-get could not install ${missing[*]}" >&2
fi
