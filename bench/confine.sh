#!/usr/bin/env bash
# What confinement adds to a process, and to a test program: starts of each, side by side.
set -euo pipefail
cd "$(dirname "$0")/.."
starts=${STARTS:-40}

echo '| a process that | takes ms |'
echo '|---|---|'
CGO_ENABLED=0 go test ./internal/sandbox -run xxx -bench Start -benchtime "${starts}x" |
  awk '/^BenchmarkStart/ { split($1, name, "[/-]"); printf "| is %s | %.1f |\n", name[2], $3 / 1e6 }'

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
printf 'module m\n\ngo 1.26\n' >"$tmp/go.mod"
printf 'package m\n\nimport "testing"\n\nfunc TestA(t *testing.T) {}\n' >"$tmp/a_test.go"
(cd "$tmp" && go test -c -o m.test .)
SLUICE_TEST_EXEC=$(printf 'write "%s"\n' "$tmp")
export SLUICE_TEST_EXEC
timed() {
  local begin end
  begin=$(date +%s%N)
  for _ in $(seq "$starts"); do "$@" >/dev/null; done
  end=$(date +%s%N)
  awk "BEGIN { printf \"%.1f\", ($end - $begin) / $starts / 1e6 }"
}
echo "| is a test program | $(timed "$tmp/m.test") |"
echo "| is a test program, started by sluice test-exec | $(timed bin/sluice test-exec "$tmp/m.test") |"
