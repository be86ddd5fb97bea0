#!/usr/bin/env bash
# Repositories of many small files: how long each stage takes, what CPU, and the
# most memory that one process of it had. The first has 20,000 files of Python's,
# the second 100,000 files of all kinds, 2,000 of them manifests.
#
#   make bench, or bench/files.sh; it needs GNU time
set -euo pipefail
cd "$(dirname "$0")/.."
sluice=$PWD/bin/sluice
[ -x "$sluice" ] || make build >&2
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
tools=${XDG_CACHE_HOME:-$HOME/.cache}/sluice/tools

# repository NAME FILES EVERY writes one, of which each EVERYth file is Python's.
repository() {
  mkdir "$work/$1"
  (
    cd "$work/$1"
    seq -f 'p%04g' 0 $(($2 / 100)) | xargs mkdir
    awk -v n="$2" -v every="$3" 'BEGIN { for (i = 0; i < n; i++) {
      d = sprintf("p%04d", i / 100); k = i % 50
      if (i % every == 0) { f = d "/m" i ".py"; t = "\"\"\"Module " i ".\"\"\"\nimport os\n\n\ndef join(a, b):\n    \"\"\"Joins.\"\"\"\n    return os.path.join(a, b, \"" i "\")\n" }
      else if (k == 2) { f = d "/c" i ".yaml"; t = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c" i "\n" }
      else if (i % 5 == 2) { f = d "/c" i ".yaml"; t = "a: " i "\n" }
      else { f = d "/t" i ".txt"; t = "text " i "\n" }
      printf "%s", t > f; close(f) } }'
    echo 'flask==2.3.2' >requirements.txt
    mkdir -p .github/workflows
    printf 'on: push\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo hello\n' >.github/workflows/ci.yml
    git init --quiet && git add -A
    git -c user.name=bench -c user.email=bench@example.com commit --quiet --message files
  )
}

# measured NAME STAGES prints a row.
measured() {
  export SLUICE_CACHE=$work/cache
  chmod -R u+w "$SLUICE_CACHE" 2>/dev/null || true
  rm -rf "$SLUICE_CACHE" && mkdir "$SLUICE_CACHE" && ln -s "$tools" "$SLUICE_CACHE/tools"
  (cd "$work/$1" && /usr/bin/time -o "$work/time" -f '%e %U %S %M' "$sluice" run --only "$2" >"$work/out" 2>&1) || true
  outcome=$(sed -nE "s/^  (${2//,/|}) +(passed|failed|not run).*/\1 \2/p" "$work/out" | paste -sd ' ')
  tail -1 "$work/time" | awk -v name="$1" -v outcome="$outcome" '{ printf "| %s | %s | %.0f s | %.0f s | %.0f MiB |\n", name, outcome, $1, $2 + $3, $4 / 1024 }'
}

repository "20,000 files" 20000 1
repository "100,000 files" 100000 5
echo '| repository | stages | wall | CPU | memory of the largest process |'
echo '|---|---|---|---|---|'
measured "20,000 files" lint,sast
for stages in secrets workflow iac lint,sast; do measured "100,000 files" "$stages"; done
