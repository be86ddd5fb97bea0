package govuln

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// The planted advisories are about the standard library, at every version.
// They are the self-test's alone, and never in the data that a service is
// judged by.
const (
	plantedCalled   = "PLANTED-CALLED"   // a function that the planted program calls
	plantedImported = "PLANTED-IMPORTED" // one of the same package that it does not call
	plantedRuntime  = "PLANTED-RUNTIME"  // one that is in every Go program, and one that is in none
)

// noFunction is in no program. That it is seen all the same says that
// govulncheck found no symbols, and takes every function to be there.
const noFunction = "sluiceInNoProgram"

const plantedProgram = `package main

import "unicode/utf8"

func main() { println(utf8.RuneLen('x')) }
`

// plantedLine is where the planted program calls the planted function.
const plantedLine = 5

// errSelfTest is returned (wrapped) when govulncheck does not see what it must.
var errSelfTest = errors.New("govulncheck does not pass its self-test")

// planted is a folder with the planted database, and a module beside it.
type planted struct {
	db  database
	dir string
}

// plant writes both below scratch.
func plant(scratch string) (planted, error) {
	p := planted{
		db:  database{path: filepath.Join(scratch, "db"), modified: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)},
		dir: filepath.Join(scratch, "program"),
	}
	files := map[string]string{
		"program/go.mod":        "module planted\n\ngo 1.21\n",
		"program/main.go":       plantedProgram,
		"db/index/db.json":      `{"modified":"2020-01-01T00:00:00Z"}`,
		"db/index/vulns.json":   `[]`,
		"db/index/modules.json": `[{"path":"stdlib","vulns":[{"id":"` + plantedCalled + `"},{"id":"` + plantedImported + `"},{"id":"` + plantedRuntime + `"}]}]`,
	}
	for id, where := range map[string][]string{
		plantedCalled:   {"unicode/utf8", "RuneLen"},
		plantedImported: {"unicode/utf8", "ValidString"},
		plantedRuntime:  {"runtime", "main", noFunction},
	} {
		text, err := plantedAdvisory(id, where[0], where[1:])
		if err != nil {
			return p, err
		}
		files["db/ID/"+id+".json"] = text
	}
	return p, writeFiles(scratch, files)
}

// plantedAdvisory is about functions of a package of the standard library.
func plantedAdvisory(id, pkg string, functions []string) (string, error) {
	type object map[string]any
	text, err := json.Marshal(object{
		"id": id, "modified": "2020-01-01T00:00:00Z", "details": "",
		"affected": []object{{
			"package":            object{"name": "stdlib", "ecosystem": "Go"},
			"ranges":             []object{{"type": "SEMVER", "events": []object{{"introduced": "0"}}}},
			"ecosystem_specific": object{"imports": []object{{"path": pkg, "symbols": functions}}},
		}},
	})
	return string(text), err
}

func writeFiles(dir string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// source has govulncheck look at the planted program, with the settings of the
// query that is to be believed: what is called must be told from what is not.
func (p planted) source(ctx context.Context, q query) error {
	q.dir, q.db = p.dir, p.db
	q.env = append(append([]string{}, q.env...), "GOWORK=off")
	o, err := q.run(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errSelfTest, err)
	}
	for _, v := range o.verdicts() {
		if err := v.expected(q.level); err != nil {
			return fmt.Errorf("%w: %w", errSelfTest, err)
		}
	}
	if n := len(o.verdicts()); n != 3 {
		return fmt.Errorf("%w: it saw %d of 3 planted advisories", errSelfTest, n)
	}
	return nil
}

// expected compares a verdict with what was planted, as far as the level shows.
func (v verdict) expected(level string) error {
	want := map[string]sarif.Reach{plantedCalled: sarif.Imported, plantedImported: sarif.Imported, plantedRuntime: sarif.Required}[v.advisory.ID]
	if level == symbolLevel && v.advisory.ID == plantedCalled {
		want = sarif.Reachable
	}
	if v.reach != want {
		return fmt.Errorf("%s is %s, and was seen as %s", v.advisory.ID, want, v.reach)
	}
	if line := v.trace[len(v.trace)-1].at().Line; v.reach == sarif.Reachable && line != plantedLine {
		return fmt.Errorf("%s is called in line %d, and was seen in line %d", v.advisory.ID, plantedLine, line)
	}
	return nil
}

// program has govulncheck look for the planted advisories in the very program
// that it is to judge, and tells whether that has its symbols.
func (p planted) program(ctx context.Context, q query) (symbols bool, err error) {
	q.db = p.db
	o, err := q.run(ctx)
	if err != nil {
		return false, err
	}
	seen := map[string]bool{}
	for _, s := range o.sightings {
		if sink := s.Trace[0]; s.OSV == plantedRuntime && sink.Package == "runtime" {
			seen[sink.Function] = true
		}
	}
	if !seen["main"] {
		return false, fmt.Errorf("%w: it saw no runtime.main in the program, which every Go program has", errSelfTest)
	}
	return !seen[noFunction], nil
}
