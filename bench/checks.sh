#!/usr/bin/env bash
# All checks of a repository side by side, on caddy: wall time beside the longest
# chain of stages, and the most memory that all processes had together, by a
# memory group of version 1 (as root).
#
#   make bench, or bench/checks.sh
set -euo pipefail
cd "$(dirname "$0")/.."
version=v2.11.9
sluice=$PWD/bin/sluice
make build >&2
work=$(mktemp -d)
group=/sys/fs/cgroup/memory/sluice-bench-$$
trap 'rmdir "$group" 2>/dev/null || true; chmod -R u+w "$work"; rm -rf "$work"' EXIT
dir=$(go mod download -json "github.com/caddyserver/caddy/v2@$version" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
cp -R "$dir" "$work/caddy" && chmod -R u+w "$work/caddy"
git -C "$work/caddy" init --quiet && git -C "$work/caddy" add -A
git -C "$work/caddy" -c user.name=bench -c user.email=bench@example.com commit --quiet --message caddy
export SLUICE_CACHE=$work/cache
mkdir "$SLUICE_CACHE" && ln -s "${XDG_CACHE_HOME:-$HOME/.cache}/sluice/tools" "$SLUICE_CACHE/tools"
mkdir "$group" 2>/dev/null || echo "memory is not measured: no group can be made"

# measured NAME ARGUMENT… runs the checks, whatever they find.
measured() {
  local name=$1
  shift
  : >"$work/on"
  (
    most=0
    while [ -e "$work/on" ] && [ -d "$group" ]; do
      now=$(sed -n 's/^total_rss //p' "$group/memory.stat")
      [ "$now" -le "$most" ] || most=$now
      echo "$most" >"$work/most"
      sleep 0.2
    done
  ) &
  (
    [ ! -d "$group" ] || echo "$BASHPID" >"$group/cgroup.procs"
    cd "$work/caddy" && exec "$sluice" run "$@" --only lint,sast,secrets,iac,workflow,licenses,deps
  ) >"$work/out" 2>&1 || true
  rm "$work/on"
  wait
  local took
  took=$(grep longest "$work/out") || { cat "$work/out" >&2; exit 1; }
  echo "$name: $took; $(($(cat "$work/most" 2>/dev/null || echo 0) >> 20)) MiB of memory at most"
}

measured "from nothing"
measured "everything kept but the results" --no-cache
