package govuln

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/modfile"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// said is what govulncheck says of itself when all is well.
func said(q query) *outcome {
	modified := q.db.modified
	return &outcome{
		config:     &config{ProtocolVersion: "v1.0.0", DB: q.db.url(), DBLastModified: &modified, GoVersion: q.goVersion, ScanLevel: q.level, ScanMode: q.mode},
		bill:       &bill{GoVersion: q.goVersion},
		advisories: map[string]advisory{"GO-1": {ID: "GO-1"}},
		sightings:  []sighting{{OSV: "GO-1", Trace: []frame{{Module: "m"}}}},
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	q := query{mode: sourceMode, level: symbolLevel, db: database{path: "/data", modified: changed}, goVersion: "go1.26.8"}
	if err := q.check(said(q)); err != nil {
		t.Fatal(err)
	}
	later := changed.AddDate(0, 0, 1)
	for want, change := range map[string]func(o *outcome){
		"it ended without saying what it looked at":       func(o *outcome) { o.config = nil },
		"it ended without saying what it looked at ":      func(o *outcome) { o.bill = nil },
		`it speaks version "v2.0.0"`:                      func(o *outcome) { o.config.ProtocolVersion = "v2.0.0" },
		"it looked at modules of a source":                func(o *outcome) { o.config.ScanLevel = "module" },
		"it looked at symbols of a binary":                func(o *outcome) { o.config.ScanMode = "binary" },
		"it used the database file:///other":              func(o *outcome) { o.config.DB = "file:///other" },
		"it used the database file:///data of <nil>":      func(o *outcome) { o.config.DBLastModified = nil },
		"it used the database file:///data of 2026-01-03": func(o *outcome) { o.config.DBLastModified = &later },
		`by "go1.26.8", and not`:                          func(o *outcome) { o.config.GoVersion = "go1.25.0" },
		`by "go1.25.0", and not by "go1.26.8"`:            func(o *outcome) { o.bill.GoVersion = "go1.25.0" },
		"it knows of no advisory":                         func(o *outcome) { o.advisories = nil },
		`it saw the advisory "GO-2"`:                      func(o *outcome) { o.sightings[0].OSV = "GO-2" },
		`it saw the advisory "GO-1"`:                      func(o *outcome) { o.sightings[0].Trace = nil },
		`it saw the advisory "GO-1", and did not say`:     func(o *outcome) { o.sightings[0].Trace[0].Module = "" },
	} {
		o := said(q)
		change(o)
		if err := q.check(o); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	stream := `{"config":{"scan_level":"symbol"}}{"progress":{"message":"x"}}
{"SBOM":{"roots":["a"]}} {"osv":{"id":"GO-1","summary":"s"}} {"finding":{"osv":"GO-1","trace":[{"module":"m"}]}}`
	read := func(r io.Reader) (*outcome, error) { return parse(&io.LimitedReader{R: r, N: 1000}) }
	o, err := read(strings.NewReader(stream))
	want := &outcome{
		config: &config{ScanLevel: "symbol"}, bill: &bill{Roots: []string{"a"}},
		advisories: map[string]advisory{"GO-1": {ID: "GO-1", Summary: "s"}},
		sightings:  []sighting{{OSV: "GO-1", Trace: []frame{{Module: "m"}}}},
	}
	if diff := cmp.Diff(want, o, cmp.AllowUnexported(outcome{})); err != nil || diff != "" {
		t.Error(err, diff)
	}
	broken := errors.New("broken")
	for name, r := range map[string]io.Reader{
		"cut off":        strings.NewReader(stream[:len(stream)-2]),
		"no JSON":        strings.NewReader("vulnerabilities: none"),
		"an early error": io.MultiReader(strings.NewReader(stream), failing{broken}),
		"too much":       strings.NewReader(strings.Repeat(stream, 100)),
	} {
		if o, err := read(r); err == nil {
			t.Errorf("%s: the outcome is %+v", name, o)
		}
	}
	// Cut between two messages it would look complete.
	first, _, _ := strings.Cut(stream, "\n")
	if o, err := parse(&io.LimitedReader{R: strings.NewReader(stream), N: int64(len(first))}); err == nil || !strings.Contains(err.Error(), "and more") {
		t.Errorf("the outcome is %+v, the error %v", o, err)
	}
	if _, err := read(failing{broken}); !errors.Is(err, broken) {
		t.Errorf("the error is %v, want %v", err, broken)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestExplain(t *testing.T) {
	t.Parallel()
	err := explain(errors.New("govulncheck: loading packages: \nThere are errors with the provided package patterns:\n\n/a/x.go:3:5: undefined: \x1b[31mfoo\n\nFor details on package patterns, see https://pkg.go.dev"))
	if got, want := err.Error(), "govulncheck: loading packages:; /a/x.go:3:5: undefined: [31mfoo"; got != want {
		t.Errorf("the error is %q, want %q", got, want)
	}
	if got := hint.Remedy(err); !strings.Contains(got, "make the code compile") {
		t.Errorf("the remedy is %q", got)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	known := index{{Path: "m", Vulns: []indexVuln{{"GO-1"}}}, {Path: stdlib, Vulns: []indexVuln{{"GO-2"}, {"GO-3"}}}, {Path: "other", Vulns: []indexVuln{{"GO-4"}}}}
	whole := func() *outcome {
		return &outcome{
			bill:       &bill{Roots: []string{"a/b", "a"}, Modules: []billModule{{Path: "a"}, {Path: "m"}, {Path: stdlib}}},
			advisories: map[string]advisory{"GO-1": {}, "GO-2": {}, "GO-3": {}},
		}
	}
	compare := func(o *outcome) ([]pipeline.Count, error) {
		return o.compare([]string{"a", "a/b"}, []string{"m", "a", stdlib}, known)
	}
	got, err := compare(whole())
	want := []pipeline.Count{{What: "packages", N: 2, Of: 2}, {What: "modules", N: 3, Of: 3}, {What: "advisories", N: 3, Of: 3}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for want, change := range map[string]func(o *outcome){
		"1 of 2 packages; not a/b":                        func(o *outcome) { o.bill.Roots = o.bill.Roots[1:] },
		"packages that it was not asked about: elsewhere": func(o *outcome) { o.bill.Roots = append(o.bill.Roots, "elsewhere") },
		"2 of 3 modules; not m":                           func(o *outcome) { o.bill.Modules = slices.Delete(o.bill.Modules, 1, 2) },
		"2 of 3 modules; not stdlib":                      func(o *outcome) { o.bill.Modules = o.bill.Modules[:2] },
		"2 of 3 advisories; not GO-3":                     func(o *outcome) { delete(o.advisories, "GO-3") },
	} {
		o := whole()
		change(o)
		if _, err := compare(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
}

// Whatever the order of what was seen, the verdict is one and the same.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	far := sighting{OSV: "GO-1", FixedVersion: "v1.1.0", Trace: []frame{{Module: "m", Version: "v1.0.0", Package: "m/p", Function: "F"}, {Module: "x", Package: "x", Function: "g"}, {Module: "x", Package: "x", Function: "main"}}}
	near := sighting{OSV: "GO-1", FixedVersion: "v1.1.0", Trace: []frame{{Module: "m", Version: "v1.0.0", Package: "m/p", Function: "F"}, {Module: "x", Package: "x", Function: "main"}}}
	twin := sighting{OSV: "GO-1", FixedVersion: "v1.1.0", Trace: []frame{{Module: "m", Version: "v1.0.0", Package: "m/p", Function: "G"}, {Module: "x", Package: "x", Function: "main"}}}
	sightings := []sighting{
		{OSV: "GO-1", Trace: []frame{{Module: "m", Version: "v1.0.0"}}}, {OSV: "GO-1", Trace: []frame{{Module: "m", Version: "v1.0.0", Package: "m/p"}}},
		far, near, twin, {OSV: "GO-2", Trace: []frame{{Module: "stdlib", Version: "v1.27.0-rc.1", Package: "fmt"}}}, {OSV: "GO-2", Trace: []frame{{Module: "m", Version: "v1.0.0"}}},
	}
	want := []verdict{
		{advisory: advisory{ID: "GO-1"}, module: "m", version: "v1.0.0", fixed: "v1.1.0", reach: sarif.Reachable, trace: near.Trace},
		{advisory: advisory{ID: "GO-2"}, module: "m", version: "v1.0.0", reach: sarif.Required, trace: sightings[6].Trace},
		{advisory: advisory{ID: "GO-2"}, module: "stdlib", version: "go1.27rc1", reach: sarif.Imported, trace: sightings[5].Trace},
	}
	for range sightings {
		sightings = append(sightings[1:], sightings[0])
		o := outcome{sightings: sightings, advisories: map[string]advisory{"GO-1": {ID: "GO-1"}, "GO-2": {ID: "GO-2"}}}
		if diff := cmp.Diff(want, o.verdicts(), cmp.AllowUnexported(verdict{})); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestDisplayVersion(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"golang.org/x/text", "v0.3.5", "v0.3.5"},
		{"stdlib", "v1.26.8", "go1.26.8"},
		{"stdlib", "v1.26.0", "go1.26.0"},
		{"stdlib", "v1.27.0-rc.1", "go1.27rc1"},
		{"toolchain", "v1.26.9", "go1.26.9"},
		{"stdlib", "", ""},
	} {
		if got := displayVersion(c[0], c[1]); got != c[2] {
			t.Errorf("%s of %s is shown as %s, want %s", c[1], c[0], got, c[2])
		}
	}
}

func TestFix(t *testing.T) {
	t.Parallel()
	sink := []frame{{Package: "m/p", Function: "F", Receiver: "*T"}}
	for want, c := range map[string]struct {
		verdict  verdict
		original string
	}{
		"run go get m@v1.1.0 and go mod tidy":                          {verdict{module: "m", fixed: "v1.1.0"}, "m"},
		"in go.mod, replace m by fork v1.1.0":                          {verdict{module: "fork", fixed: "v1.1.0"}, "m"},
		"update Go to go1.26.9":                                        {verdict{module: "stdlib", fixed: "go1.26.9"}, ""},
		"there is no fix yet":                                          {verdict{module: "m", reach: sarif.Imported}, "m"},
		"there is no fix yet: do without p.T.F, or without the module": {verdict{module: "m", reach: sarif.Reachable, trace: sink}, "m"},
	} {
		if got := c.verdict.fix(c.original); got != want {
			t.Errorf("the fix is %q, want %q", got, want)
		}
	}
}

// The vectors and scores are those of CVSS v3.1's own examples.
func TestBaseScore(t *testing.T) {
	t.Parallel()
	for vector, want := range map[string]float64{
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N": 6.1,
		"CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N": 6.4,
		"CVSS:3.0/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N": 3.1,
		"CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H": 8.4,
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H": 9.8,
		"CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H": 9.9,
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H": 10,
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N": 0,
	} {
		if got, ok := baseScore(vector); !ok || got != want {
			t.Errorf("%s scores %v, %v, want %v", vector, got, ok, want)
		}
	}
	for _, vector := range []string{"", "9.8", "CVSS:3.1", "CVSS:4.0/AV:N", "AV:N/AC:L/Au:N/C:P/I:P/A:P", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:X/C:H/I:H/A:H", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H"} {
		if got, ok := baseScore(vector); ok {
			t.Errorf("%q scores %v, and is no CVSS v3 vector", vector, got)
		}
	}
}

func TestSeverity(t *testing.T) {
	t.Parallel()
	score := func(vector string) flaw {
		return parseFlaw.with("severity", []map[string]string{{"type": "CVSS_V3", "score": vector}})
	}
	const nine, seven = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"
	for name, c := range map[string]struct {
		flaw  flaw
		reach sarif.Reach
		want  sarif.Severity
	}{
		"called":                {parseFlaw, sarif.Reachable, sarif.High},
		"imported":              {parseFlaw, sarif.Imported, sarif.Medium},
		"required":              {parseFlaw, sarif.Required, sarif.Low},
		"critical by score":     {score(nine), sarif.Reachable, sarif.Critical},
		"not critical by score": {score(seven), sarif.Reachable, sarif.High},
		"critical, not called":  {score(nine), sarif.Imported, sarif.Medium},
	} {
		got, err := databaseOf(t, c.flaw).severity(c.flaw.id, c.reach)
		if err != nil || got != c.want {
			t.Errorf("%s: the severity is %v, the error %v, want %v", name, got, err, c.want)
		}
	}
	if got, err := databaseOf(t).severity("GO-2021-0113", sarif.Reachable); err == nil {
		t.Errorf("the severity of what is not there is %v", got)
	}
}

func TestModLine(t *testing.T) {
	t.Parallel()
	text := "module m\n\ngo 1.25.0\n\ntoolchain go1.26.0\n\nrequire (\n\ta v1.0.0\n\tb v1.0.0\n)\n\nreplace b => fork v1.0.0\n"
	f, err := modfile.Parse("go.mod", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	for module, want := range map[string]int{"a": 8, "b": 12, "fork": 12, "stdlib": 5, "elsewhere": 0} {
		if got := modLine(f, module); got != want {
			t.Errorf("%s is in line %d, want %d", module, got, want)
		}
	}
}

func TestVersionIn(t *testing.T) {
	t.Parallel()
	info := &debug.BuildInfo{Deps: []*debug.Module{{Path: "a", Version: "v1.0.0"}, {Path: "golang.org/x/vuln", Version: "v1.8.0"}}}
	if got := versionIn(info); got != "v1.8.0" {
		t.Errorf("the version is %q, want v1.8.0", got)
	}
	if got := versionIn(nil); got != "unknown" {
		t.Errorf("the version is %q, want unknown", got)
	}
}

// The self-test fails for whatever keeps govulncheck from seeing.
func TestSelfTest(t *testing.T) {
	t.Parallel()
	fine := sourceQuery(t, t.TempDir(), t.TempDir(), databaseOf(t, printFlaw, parseFlaw))
	for name, change := range map[string]func(p *planted, q *query){
		"":                              func(p *planted, q *query) {},
		"a toolchain without a release": func(p *planted, q *query) { q.goVersion = "devel go1.27-0123456789" },
		"an empty database":             func(p *planted, q *query) { p.db = databaseOf(t) },
		"a lost advisory":               func(p *planted, q *query) { p.db = plantedWithout(t, q.db, plantedCalled) },
		"real data that cannot be read": func(p *planted, q *query) {
			p.db = plantedWithout(t, databaseOf(t, printFlaw), "")
			if err := os.Remove(filepath.Join(p.db.path, "ID", printFlaw.id+".json")); err != nil {
				t.Error(err)
			}
		},
		"a call that is not there": func(p *planted, q *query) {
			p.dir = folder(t, map[string]string{"go.mod": "module planted\n", "main.go": "package main\n\nimport \"unicode/utf8\"\n\nfunc main() { println(utf8.UTFMax) }\n"})
		},
		"a call elsewhere": func(p *planted, q *query) {
			p.dir = folder(t, map[string]string{"go.mod": "module planted\n", "main.go": strings.Replace(plantedProgram, "func main", "\nfunc main", 1)})
		},
		"another platform without Go files": func(p *planted, q *query) {
			p.dir = folder(t, map[string]string{"go.mod": "module planted\n", "main_windows.go": plantedProgram})
		},
	} {
		for _, level := range []string{packageLevel, symbolLevel} {
			if level == packageLevel && strings.HasPrefix(name, "a call") {
				continue // which does not show at this level
			}
			t.Run(name+" by "+level, func(t *testing.T) {
				t.Parallel()
				q := fine
				q.level = level
				p, err := plant(t.TempDir(), q.db)
				if err != nil {
					t.Fatal(err)
				}
				change(&p, &q)
				proof, err := p.source(t.Context(), q)
				if (name == "") != (err == nil && proof.Passed()) || err != nil && !errors.Is(err, errSelfTest) {
					t.Errorf("it caught %q, the error is %v", proof.Caught, err)
				}
			})
		}
	}
}

// plantedWithout is the planted database without one of its advisories.
func plantedWithout(t *testing.T, data database, id string) database {
	t.Helper()
	p, err := plant(t.TempDir(), data)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(p.db.path, "index", "modules.json")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(text), `{"id":"`+id+`"},`, "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return p.db
}

// What is vendored is in the repository, and not the service's own code.
func TestOwn(t *testing.T) {
	t.Parallel()
	p := place{root: "/r", dir: "/r/svc", census: &census{modules: map[string]goModule{
		"m": {main: true, dir: "/r/svc"}, "v": {dir: "/r/svc/vendor/v"}, "../l": {dir: "/r/l", replace: "../l"}, "/o": {dir: "/o", replace: "/o"},
	}}}
	at := &position{Filename: "a/b.go", Line: 1}
	for want, f := range map[string]frame{
		"svc/a/b.go": {Module: "m", Position: at},
		"l/a/b.go":   {Module: "../l", Position: at},
		"":           {Module: "v", Position: at},
		" ":          {Module: "/o", Position: at},
		"  ":         {Module: "unknown", Position: at},
		"   ":        {Module: "m"},
		"    ":       {Module: "m", Position: &position{Filename: "../../../etc/passwd", Line: 1}},
	} {
		got, ok := p.own(f)
		if got != strings.TrimSpace(want) || ok != (got != "") {
			t.Errorf("%+v is %q, %v, want %q", f, got, ok, want)
		}
	}
}

// The call that is to be changed is the last one in the service's own code,
// also when the way leads through a library and back.
func TestCaller(t *testing.T) {
	t.Parallel()
	p := place{root: "/r", dir: "/r", census: &census{modules: map[string]goModule{"m": {main: true, dir: "/r"}}}}
	step := func(module, function string) frame {
		return frame{Module: module, Version: "v1.0.0", Package: module, Function: function, Position: &position{Filename: function + ".go", Line: 7}}
	}
	trace := []frame{step("lib", "Bad"), step("lib", "Parse"), step("m", "handle"), step("stdlib", "serve"), step("m", "main")}
	f, err := p.withMod(t).finding(verdict{advisory: advisory{ID: "GO-1"}, module: "lib", version: "v1.0.0", reach: sarif.Reachable, trace: trace}, databaseOf(t, flaw{id: "GO-1"}))
	if err != nil {
		t.Fatal(err)
	}
	want := []sarif.Location{
		{Path: "main.go", Line: 7, Note: "m.main calls stdlib.serve"},
		{Path: "stdlib@go1.0.0/serve.go", Line: 7, Note: "stdlib.serve calls m.handle"},
		{Path: "handle.go", Line: 7, Note: "m.handle calls lib.Parse"},
		{Path: "lib@v1.0.0/Parse.go", Line: 7, Note: "lib.Parse calls lib.Bad"},
		{Path: "lib@v1.0.0/Bad.go", Line: 7, Note: "lib.Bad is vulnerable"},
	}
	if diff := cmp.Diff(want, f.Trace); diff != "" {
		t.Error(diff)
	}
	if f.Location != want[2] {
		t.Errorf("the place is %+v, want %+v", f.Location, want[2])
	}
	if got := p.locations(slices.Repeat(trace, maxTrace)); len(got) != maxTrace || got[maxTrace-1] != want[4] {
		t.Errorf("a long way has %d steps and ends at %+v", len(got), got[len(got)-1])
	}
}

func (p place) withMod(t *testing.T) place {
	t.Helper()
	f, err := modfile.Parse("go.mod", []byte("module m\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	p.mod = f
	return p
}
