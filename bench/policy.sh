#!/usr/bin/env bash
# What deciding costs on 100,000 findings: with a baseline of half of them and a
# thousand exceptions, and as the replay of a run that found them.
set -euo pipefail
cd "$(dirname "$0")/.."
sluice=$PWD/bin/sluice
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

# measure COMMAND…: milliseconds and peak memory in MiB, the best of five.
measure() {
  local least=999999999 peak=0 from to hwm one
  for _ in 1 2 3 4 5; do
    from=$(date +%s%N)
    "$@" >"$work/out" 2>&1 &
    local pid=$!
    while one=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2>/dev/null) && [ -n "$one" ]; do hwm=$one; done
    wait "$pid" || [ $? -eq 1 ]
    to=$(date +%s%N)
    one=$(((to - from) / 1000000))
    ((one < least)) && least=$one
    ((hwm / 1024 > peak)) && peak=$((hwm / 1024))
  done
  printf '%s ms, %s MiB' "$least" "$peak"
}

awk 'BEGIN {
  printf "{\"schema\":1,\"run\":\"many\",\"sluice\":\"v1\",\"decided\":\"2026-01-01T00:00:00Z\",\"policy\":{\"gates\":{\"sast\":{\"fail\":\"medium\"}}},\"stages\":[{\"report\":{\"stage\":\"sast\",\"findings\":["
  for (i = 0; i < 100000; i++)
    printf "%s{\"rule\":\"G%d\",\"tool\":\"gosec\",\"stage\":\"sast\",\"message\":\"a message of some length, as messages are\",\"severity\":\"high\",\"identity\":\"line %d\",\"location\":{\"path\":\"folder%d/file%d.go\",\"line\":%d}}", i ? "," : "", i % 500, i, i % 97, i % 1009, i + 1
  print "]},\"outcome\":\"failed\"}],\"outcome\":\"failed\"}"
}' >"$work/verdict.json"
decide=$(go test ./internal/policy -run xxx -bench Decide -benchtime 5x | awk '/^BenchmarkDecide/ { print $3, $5 }')
read -r ns bytes <<<"$decide"
many=$(measure "$sluice" replay "$work/verdict.json")

printf '| what | measured | wanted |\n|---|---|---|\n'
printf '| policy on 100,000 findings | %s ms, %s MiB allocated | ≤ 1 s, ≤ 300 MiB |\n' "$((ns / 1000000))" "$((bytes >> 20))"
printf '| replay of a run with as many, reading and printing | %s | |\n' "$many"
