package govuln

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sluice-ci/sluice/internal/pipeline"
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

// errSelfTest is returned (wrapped) when the self-test cannot be done.
var errSelfTest = errors.New("govulncheck does not pass its self-test")

// planted is a folder with the planted database, and a module beside it.
type planted struct {
	db    database
	known index // by the real data
	dir   string
}

// plant writes both below scratch. The planted advisories stand among those
// that the real data has about the standard library, so that finding them shows
// besides that the data can be read.
func plant(scratch string, data database) (planted, error) {
	p := planted{
		db:  database{path: filepath.Join(scratch, "db"), modified: data.modified},
		dir: filepath.Join(scratch, "program"),
	}
	files := map[string]string{"program/go.mod": "module planted\n\ngo 1.21\n", "program/main.go": plantedProgram}
	var err error
	if p.known, err = data.index(); err != nil {
		return p, err
	}
	real, all := p.known.about(stdlib), indexModule{Path: stdlib}
	for _, id := range append(real, plantedIDs()...) {
		all.Vulns = append(all.Vulns, indexVuln{id})
	}
	text, err := json.Marshal(index{all})
	if err != nil {
		return p, err
	}
	files["db/index/modules.json"] = string(text)
	for id, where := range map[string][]string{
		plantedCalled:   {"unicode/utf8", "RuneLen"},
		plantedImported: {"unicode/utf8", "ValidString"},
		plantedRuntime:  {"runtime", "main", noFunction},
	} {
		if files["db/ID/"+id+".json"], err = plantedAdvisory(id, where[0], where[1:]); err != nil {
			return p, err
		}
	}
	if err := writeFiles(scratch, files); err != nil {
		return p, err
	}
	return p, p.db.borrow(data, real)
}

func plantedIDs() []string { return []string{plantedCalled, plantedImported, plantedRuntime} }

// borrow makes entries of another database, and its date, part of this one.
func (d database) borrow(from database, ids []string) error {
	names := []string{filepath.Join("index", "db.json")}
	for _, id := range ids {
		names = append(names, filepath.Join("ID", filepath.Base(id)+".json"))
	}
	for _, name := range names {
		if err := os.Symlink(filepath.Join(from.path, name), filepath.Join(d.path, name)); err != nil {
			return fmt.Errorf("planting among the vulnerability data: %w", err)
		}
	}
	return nil
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
func (p planted) source(ctx context.Context, q query) (pipeline.SelfTest, error) {
	t := pipeline.SelfTest{Planted: plantedIDs()}
	q.dir, q.db, q.patterns = p.dir, p.db, patterns("")
	q.env = append(append([]string{}, q.env...), "GOWORK=off")
	o, err := q.run(ctx)
	if err != nil {
		return t, fmt.Errorf("%w: %w", errSelfTest, err)
	}
	for _, v := range o.verdicts() {
		if v.planted(q.level) {
			t.Caught = append(t.Caught, v.advisory.ID)
		}
	}
	return t, nil
}

// planted tells whether a verdict is what was planted, as far as the level shows.
func (v verdict) planted(level string) bool {
	want := map[string]sarif.Reach{plantedCalled: sarif.Imported, plantedImported: sarif.Imported, plantedRuntime: sarif.Required}[v.advisory.ID]
	if level == symbolLevel && v.advisory.ID == plantedCalled {
		return v.reach == sarif.Reachable && v.trace[len(v.trace)-1].at().Line == plantedLine
	}
	return v.reach == want
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
