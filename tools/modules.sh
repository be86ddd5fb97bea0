#!/usr/bin/env bash
# Fetches the Go modules that the packages of a folder, and their tests, import:
#
#   tools/modules.sh FOLDER...
#
# The go command asks a module proxy once for each; here it is asked three times,
# so that one lost packet does not fail a run of an hour.
set -euo pipefail

for dir in "$@"; do
  for pause in 2 10 0; do
    CGO_ENABLED=0 "${GO:-go}" -C "$dir" list -deps -test ./... >/dev/null && continue 2
    sleep "$pause"
  done
  echo "tools/modules.sh: the modules of $dir could not be fetched" >&2
  exit 1
done
