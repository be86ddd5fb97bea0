#!/bin/sh
# Compares lint and sast with golangci-lint (govet, staticcheck, gosec): the time
# that both take over one repository, and what each finds.
#
#	bench/gocode.sh [FOLDER]
#
# FOLDER is a Go module; without one it is caddy, from the module proxy. Both tools
# start with a warm build cache and nothing else: golangci-lint without its lint
# cache, lint and sast without what they keep of the packages that are imported.
# Set RUNS for more than one run of each (the fastest counts).
set -eu

GOLANGCI=github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
CADDY=github.com/caddyserver/caddy/v2@v2.11.9

here=$(cd "$(dirname "$0")/.." && pwd)
tmp=$(mktemp -d)
trap 'chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT INT TERM

repository=${1:-}
if [ -z "$repository" ]; then
	from=$(cd "$tmp" && go mod download -json "$CADDY" | sed -n 's/^.*"Dir": "\(.*\)".*$/\1/p')
	cp -r "$from" "$tmp/caddy"
	chmod -R u+w "$tmp/caddy"
	repository=$tmp/caddy
fi
repository=$(cd "$repository" && pwd)

echo "building both, and what $repository imports" >&2
GOBIN=$tmp/bin go install "$GOLANGCI"
(cd "$here" && go test -c -o "$tmp/gocode.test" ./internal/scan/gocode)
mkdir -p "$tmp/cache" "$tmp/times"
ln -s "$(go env GOCACHE)" "$tmp/cache/go-build"
(cd "$repository" && go mod download && go list -e -deps -test -export ./... >"$tmp/packages")

cat >"$tmp/golangci.yml" <<-EOF
	version: "2"
	linters: {default: none, enable: [govet, staticcheck, gosec]}
	issues: {uniq-by-line: false, max-issues-per-linter: 0, max-same-issues: 0}
EOF

# measure NAME COMMAND... notes wall and CPU seconds of a run.
measure() {
	name=$1
	shift
	bash -c 'TIMEFORMAT="%R %U %S"; out=$1; shift; time "$@" >"$out.log" 2>&1' measure "$tmp/times/log" "$@" 2>>"$tmp/times/$name" || true
}

golangci() {
	rm -rf "$tmp/lint"
	cd "$repository"
	measure golangci-lint env GOLANGCI_LINT_CACHE="$tmp/lint" "$tmp/bin/golangci-lint" run -c "$tmp/golangci.yml" \
		--path-mode=abs --allow-parallel-runners --timeout=1h --output.json.path="$tmp/theirs.json" ./...
	cd "$here"
}

sluice() {
	GOCODE_BENCH_DIR=$repository GOCODE_BENCH_CACHE=$tmp/cache GOCODE_BENCH_OUT=$tmp/ours.json measure "$1" \
		"$tmp/gocode.test" -test.run='^$' -test.bench=Repository -test.benchtime=1x
}

# A file of a package that no other imports: one handler, say.
changed=$(cd "$repository" && go list -f '{{$d := .Dir}}{{.ImportPath}} {{with .GoFiles}}{{$d}}/{{index . 0}}{{end}} {{join .Imports " "}}' ./... |
	awk 'NF > 1 { file[$1] = $2; for (i = 3; i <= NF; i++) imported[$i] = 1; order[++n] = $1 }
		END { for (i = n; i > 0; i--) if (!imported[order[i]]) { print file[order[i]]; exit } }')

i=0
while [ "$i" -lt "${RUNS:-1}" ]; do
	golangci
	rm -rf "$tmp/cache/gocode"
	sluice lint+sast
	cp "$tmp/ours.json" "$tmp/first.json"
	sluice nothing-changed
	cp "$changed" "$tmp/saved"
	echo "// changed $i" >>"$changed"
	sluice one-package-changed
	cp "$tmp/saved" "$changed"
	i=$((i + 1))
done

mkdir "$tmp/compare"
cat >"$tmp/compare/main.go" <<'EOF'
// Command compare prints the times, and the findings that only one tool has.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

type place struct {
	rule, path string
	line       int
}

var explained = map[string]string{
	"inline":  "golangci-lint's govet has it; go vet has not, it is of go fix",
	"gofmt":   "not asked of golangci-lint",
	"compile": "golangci-lint calls it typecheck",
	"staticcheck": "golangci-lint does not look at lint:ignore",
}

func main() {
	tmp, repository := os.Args[1], os.Args[2]+"/"
	base := times(tmp, "golangci-lint")
	fmt.Printf("%-22s %9s %9s %7s %7s\n", "", "wall s", "CPU s", "wall", "CPU")
	for _, name := range []string{"golangci-lint", "lint+sast", "one-package-changed", "nothing-changed"} {
		t := times(tmp, name)
		fmt.Printf("%-22s %9.2f %9.2f %6.2fx %6.2fx\n", name, t[0], t[1], t[0]/base[0], t[1]/base[1])
	}
	ours, theirs := sluice(tmp+"/first.json"), golangci(tmp+"/theirs.json", repository)
	fmt.Printf("\n%-22s %9s %9s %9s %9s\n", "findings by rule", "golangci", "sluice", "only g.", "only s.")
	var both, all [4]int
	for _, rule := range rules(ours, theirs) {
		n := count(rule, ours, theirs)
		for i := range all {
			all[i] += n[i]
		}
		if n[2]+n[3] == 0 {
			both[0]++
			continue
		}
		fmt.Printf("%-22s %9d %9d %9d %9d  %s\n", rule, n[0], n[1], n[2], n[3], explained[rule])
	}
	fmt.Printf("%-22s %9d %9d %9d %9d  (%d rules agree)\n", "all", all[0], all[1], all[2], all[3], both[0])
}

// times are the fewest wall and CPU seconds of the runs.
func times(tmp, name string) [2]float64 {
	text := read(tmp + "/times/" + name)
	best := [2]float64{}
	for line := range strings.Lines(string(text)) {
		var wall, user, system float64
		if n, _ := fmt.Sscan(line, &wall, &user, &system); n == 3 && (best[0] == 0 || wall < best[0]) {
			best = [2]float64{wall, user + system}
		}
	}
	return best
}

func sluice(file string) map[place]int {
	var answer struct {
		Reports []struct {
			NotRun   string
			Findings []struct {
				Rule     string
				Location struct {
					Path string
					Line int
				}
			}
		}
	}
	must(json.Unmarshal(read(file), &answer))
	found := map[place]int{}
	for _, r := range answer.Reports {
		if r.NotRun != "" {
			fmt.Println("not run:", r.NotRun)
		}
		for _, f := range r.Findings {
			found[place{f.Rule, f.Location.Path, f.Location.Line}]++
		}
	}
	return found
}

func golangci(file, repository string) map[place]int {
	var answer struct {
		Issues []struct {
			Text string
			Pos  struct {
				Filename string
				Line     int
			}
		}
	}
	must(json.Unmarshal(read(file), &answer))
	found := map[place]int{}
	for _, i := range answer.Issues {
		rule, _, _ := strings.Cut(i.Text, ":")
		if strings.Contains(rule, "related information") {
			continue // a second place of the same finding
		}
		found[place{rule, strings.TrimPrefix(i.Pos.Filename, repository), i.Pos.Line}]++
	}
	return found
}

func rules(all ...map[place]int) []string {
	names := map[string]bool{}
	for _, found := range all {
		for p := range found {
			names[p.rule] = true
		}
	}
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.SortFunc(sorted, cmp.Compare[string])
	return sorted
}

// count counts a rule's findings: theirs, ours, only theirs, only ours.
func count(rule string, ours, theirs map[place]int) (n [4]int) {
	for p, t := range theirs {
		if p.rule == rule {
			n[0] += t
			n[2] += max(0, t-ours[p])
		}
	}
	for p, o := range ours {
		if p.rule == rule {
			n[1] += o
			n[3] += max(0, o-theirs[p])
		}
	}
	return n
}

func read(file string) []byte {
	text, err := os.ReadFile(file)
	must(err)
	return text
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
EOF
echo
echo "$(wc -l <"$tmp/packages") packages with all that is imported, $(nproc) CPUs"
go run "$tmp/compare/main.go" "$tmp" "$repository"
