#!/usr/bin/env bash
# What the to-do service can do, beside what bounds it: net/http with next to no
# handler, the same pages with their items in memory, and the database's driver
# by itself. Load generator and service share the machine. The figures of the
# Flask application that this service took over from were taken on two cores in
# the same way (wrk -t2 -c32, MariaDB and the generator beside it).
set -euo pipefail
cd "$(dirname "$0")/.."
command -v wrk >/dev/null || { echo "bench/app.sh needs wrk: apt-get install wrk" >&2; exit 1; }
seconds=${SECONDS_EACH:-8} rounds=${ROUNDS:-3}
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT

(cd app && CGO_ENABLED=0 go build -trimpath -ldflags=-w -o "$work/" ./cmd/todo ./internal/bound)
# answers URL: waits for the first 200, asking without a pause.
answers() {
  for _ in $(seq 20000); do
    if curl -fso "$work/page" "$1" 2>/dev/null; then return; fi
  done
  echo "no answer from $1" >&2
  exit 1
}

# todo PORT DATA: starts the service without limits that a load generator would meet.
todo() {
  env -i PORT="$1" HOST=127.0.0.1 DATA_DIR="$2" RATE_LIMIT=0 MAX_ITEMS=1000000 "$work/todo" >"$work/log.$1" 2>&1 &
  pids+=($!)
  answers "http://127.0.0.1:$1/health"
}

# visitor URL: sets cookie and token to those of a new visitor.
visitor() {
  curl -fsc "$work/jar" -o "$work/page" "$1/"
  cookie=$(awk '$6 == "todo" {print "todo=" $7}' "$work/jar")
  token=$(sed -n 's/.*name="csrf_token" value="\([^"]*\)".*/\1/p' "$work/page" | head -n 1)
}

# fill URL N: adds N items for the visitor, by the service itself.
fill() {
  for i in $(seq "$2"); do
    ((i == 1)) || echo next
    printf 'url = "%s/add"\ncookie = "%s"\ndata = "name=item+number+%d+of+the+list&csrf_token=%s"\noutput = "/dev/null"\n' "$1" "$cookie" "$i" "$token"
  done >"$work/adds"
  curl -fsK "$work/adds"
}

# adders FILE N: writes a script for wrk that adds as N visitors in turn.
adders() {
  {
    echo 'local visitors = {'
    for _ in $(seq "$2"); do
      visitor http://127.0.0.1:8311
      printf '{"%s", "name=some+item&csrf_token=%s"},\n' "$cookie" "$token"
    done
    echo '}'
    echo 'local n = 0'
    echo 'wrk.method = "POST"'
    echo 'wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"'
    echo 'function request() n = n % #visitors + 1; wrk.headers["Cookie"] = visitors[n][1]; return wrk.format(nil, nil, nil, visitors[n][2]) end'
  } >"$1"
}

# flask: serves /health of a Flask application that has nothing else.
flask() {
  mkdir -p "$work/flask"
  printf 'from flask import Flask, jsonify\napp = Flask(__name__)\n@app.route("/health")\ndef health():\n    return jsonify(status="healthy"), 200\n' >"$work/flask/app.py"
  (cd "$work/flask" && exec gunicorn -w 3 --threads 4 -b 127.0.0.1:8313 app:app >"$work/log.flask" 2>&1) & pids+=($!)
  answers http://127.0.0.1:8313/health
}

# measure NAME URL [SCRIPT]: notes requests a second and the 99th percentile in
# ms. An answer that is not of the 2xx or 3xx ends the benchmark.
measure() {
  local name=$1
  shift
  wrk -t2 -c32 -d"${seconds}s" --latency ${2:+-s "$2"} -H "Cookie: $cookie" "$1" >"$work/wrk"
  if grep -q 'Non-2xx' "$work/wrk"; then cat "$work/wrk" >&2; exit 1; fi
  note "$name" "$(awk '/99%/ {v = $2; if (sub(/us$/, "", v)) v /= 1000; else if (!sub(/ms$/, "", v)) {sub(/s$/, "", v); v *= 1000}} /Requests\/sec/ {printf "%d %.1f\n", $2, v}' "$work/wrk")"
}

mkdir "$work/starts"
start=$("$work/bound" start "$work/todo" "$work/starts")

todo 8311 "$work/data"
pid=${pids[-1]}
"$work/bound" serve 127.0.0.1:8312 & pids+=($!)
answers http://127.0.0.1:8312/health
for n in 20 100 1000 100000; do
  visitor http://127.0.0.1:8311
  list=${cookie#todo=}
  "$work/bound" fill "$work/data/todo.db" "${list%%.*}" "$n"
  cookies[n]=$cookie
done
visitor http://127.0.0.1:8312
fill http://127.0.0.1:8312 20
memory=$cookie
visitor http://127.0.0.1:8311
cookies[0]=$cookie
adders "$work/add.lua" 500
flask=$(python3 -c 'import flask' 2>/dev/null && command -v gunicorn || true)
[ -z "$flask" ] || flask

declare -A figures
note() { figures[$1]+="$2"$'\n'; }
for round in $(seq "$rounds"); do
  cookie=$memory
  measure "net/http alone" http://127.0.0.1:8312/health
  measure "GET /, items in memory" http://127.0.0.1:8312/
  note "driver reads" "$("$work/bound" read "$work/r$round.db" "$seconds") 0"
  note "driver writes" "$("$work/bound" write "$work/w$round.db" "$seconds") 0"
  for n in 20 100 1000 100000; do
    cookie=${cookies[n]}
    measure "GET /, $n items" http://127.0.0.1:8311/
  done
  cookie=${cookies[0]}
  measure "GET /health" http://127.0.0.1:8311/health
  [ -z "$flask" ] || measure flask http://127.0.0.1:8313/health
  measure "POST /add" http://127.0.0.1:8311/add "$work/add.lua"
done
memory=$(awk '/VmHWM/ {printf "%.0f", $2 / 1024}' "/proc/$pid/status")

median() { printf '%s' "${figures[$1]}" | sort -n | awk -v c="$2" '{v[NR] = $c} END {print v[int((NR + 1) / 2)]}'; }
# times RATE ORIGINAL: RATE in multiples of the original's, as it was measured
# and, where Flask is installed, scaled to what this machine can do now.
slow=1
times() {
  printf '%s × the original as measured' "$(ratio "$1" "$2")"
  [ -z "$flask" ] || printf ', %s × at this machine’s speed' "$(awk -v a="$1" -v b="$2" -v s="$slow" 'BEGIN {printf "%.1f", a / (b * s)}')"
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; }
row() { printf '| %s | %s | %s | %s | %s |\n' "$@"; }
rate() { median "$1" 1; }

[ -z "$flask" ] || slow=$(ratio "$(rate flask)" 4107)
echo '| what | requests/s | p99 ms | of | wanted |'
echo '|---|---|---|---|---|'
row 'net/http alone' "$(rate 'net/http alone')" "$(median 'net/http alone' 2)" '' ''
row 'GET /, 20 items in memory' "$(rate 'GET /, items in memory')" "$(median 'GET /, items in memory' 2)" '' ''
row 'SQLite driver, reading 20 items' "$(rate 'driver reads')" '' '' ''
row 'SQLite driver, adding one item' "$(rate 'driver writes')" '' '' ''
bound=$(awk -v a="$(rate 'GET /, items in memory')" -v b="$(rate 'driver reads')" 'BEGIN {printf "%d", 1 / (1 / a + 1 / b)}')
row 'GET /, bound: the page and the driver' "$bound" '' '' ''
get=$(rate 'GET /, 20 items')
row 'GET /, 20 items' "$get" "$(median 'GET /, 20 items' 2)" "$(ratio "$get" "$bound") of the bound, $(times "$get" 726)" '≥ 0.7 of the bound; ≥ 20 ×; p99 ≤ 8.9 ms'
for n in 100 1000 100000; do
  row "GET /, $n items" "$(rate "GET /, $n items")" "$(median "GET /, $n items" 2)" "$(ratio "$(rate "GET /, $n items")" "$(rate 'GET /, 100 items')") of that with 100" 'no fewer than with 100'
done
health=$(rate 'GET /health')
row 'GET /health' "$health" "$(median 'GET /health' 2)" "$(ratio "$health" "$(rate 'net/http alone')") of net/http alone, $(times "$health" 4107)" '≥ 20 ×'
add=$(rate 'POST /add')
row 'POST /add' "$add" "$(median 'POST /add' 2)" "$(ratio "$add" "$(rate 'driver writes')") of the driver's commits, $(times "$add" 1004)" '≥ 5 ×; p99 ≤ 8.6 ms'
echo
[ -z "$flask" ] || echo "Flask with nothing but /health, gunicorn 3 × 4: $(rate flask) requests/s, p99 $(median flask 2) ms, of the 4107 that the whole original had: this machine runs at $slow of the speed of the one it was measured on, or more slowly.
"
echo "Memory under load $memory MiB (wanted ≤ 40). Start to first 200, with a new SQLite file: $start ms (wanted ≤ 40)."
