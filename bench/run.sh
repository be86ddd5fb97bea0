#!/usr/bin/env bash
# All benchmarks, as the tables of bench/RESULTS.md.
set -euo pipefail
cd "$(dirname "$0")"
for b in pipeline policy confine gocode checks files app; do
  printf '\n### bench/%s.sh\n\n' "$b"
  "./$b.sh"
done
