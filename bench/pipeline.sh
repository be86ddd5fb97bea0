#!/usr/bin/env bash
# What a run costs on app/: the first time, with nothing changed, and with one
# handler changed. The module cache is warm, everything of Sluice's is empty.
set -euo pipefail
cd "$(dirname "$0")/.."
sluice=$PWD/bin/sluice
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
export SLUICE_CACHE=$work/cache XDG_STATE_HOME=$work/state CI=

cp -r app "$work/app"
cd "$work/app"
git init -q && git add -A && git -c user.name=B -c user.email=b@example.com commit -qm app

now() { date +%s%N; }
# timed NAME COMMAND…: runs the command and sets NAME to its milliseconds.
timed() {
  local name=$1 from to
  shift
  from=$(now)
  "$@" >"$work/out" 2>&1 || { cat "$work/out" >&2; exit 1; }
  to=$(now)
  printf -v "$name" %s $(((to - from) / 1000000))
}
# best NAME COMMAND…: the same, the best of five.
best() {
  local name=$1 least=999999999 one
  shift
  for _ in 1 2 3 4 5; do
    timed one "$@"
    ((one < least)) && least=$one
  done
  printf -v "$name" %s "$least"
}
run=("$sluice" run --until image-scan)

timed first "${run[@]}"
cp .sluice/latest/run.json "$work/first.json"
"${run[@]}" >/dev/null # settles what was too fresh to be remembered by its times
sleep 2.1              # so that no file is within the racy time
"${run[@]}" >/dev/null
best unchanged "${run[@]}"
handler=$(grep -lE 'func .*http\.ResponseWriter' web/*.go | grep -v _test | head -n 1)
sed -i 's|^package web$|package web\n\n// A change.|' "$handler"
timed changed "${run[@]}"
best replay "$sluice" replay
best help "$sluice" --help
size=$(stat -c %s "$sluice")

# millis FIELD: a duration of the first run's record.
millis() { sed -n "s/^  \"$1\": \([0-9]*\)[0-9]\{6\},\{0,1\}$/\1/p" "$work/first.json"; }
chain=$(millis chain) wall=$(millis wall)

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'; }
printf '| what | measured | of | ratio | wanted |\n|---|---|---|---|---|\n'
printf '| first run, until image-scan | %s ms | | | |\n' "$first"
printf '| nothing changed | %s ms | first run | %s | ≤ 300 ms |\n' "$unchanged" "$(ratio "$unchanged" "$first")"
printf '| one handler changed (%s) | %s ms | first run | %s | ≤ 0.25 |\n' "$handler" "$changed" "$(ratio "$changed" "$first")"
printf '| replay of the saved run | %s ms | | | ≤ 200 ms |\n' "$replay"
printf '| wall time of the first run | %s ms | longest chain of stages, %s ms | %s | ≤ 1.1 |\n' "$wall" "$chain" "$(ratio "$wall" "$chain")"
printf '| sluice --help | %s ms | | | ≤ 100 ms |\n' "$help"
printf '| size of the program | %s MB | | | ≤ 60 MB |\n' "$((size / 1000000))"
