#!/usr/bin/env bash
# Fetches the Go modules that the packages of folders, and their tests, import;
# with --all, every module that go.mod names; with --tools, those of tools/go.mod:
#
#   tools/modules.sh [--all] FOLDER...
#   tools/modules.sh --tools
#
# The go command asks a module proxy once for each; here it is asked three times,
# so that one lost packet does not fail a run of an hour.
set -euo pipefail

what=(list -deps -test ./...)
case ${1-} in
--all) what=(mod download) && shift ;;
--tools) what=(list -modfile=tools/go.mod -deps tool) && set -- "$(dirname "$0")/.." ;;
esac
for dir in "$@"; do
  for pause in 2 10 0; do
    CGO_ENABLED=0 "${GO:-go}" -C "$dir" "${what[@]}" >/dev/null && continue 2
    sleep "$pause"
  done
  echo "tools/modules.sh: the modules of $dir could not be fetched" >&2
  exit 1
done
