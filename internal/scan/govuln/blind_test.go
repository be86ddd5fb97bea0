package govuln

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

// fork is a copy of golang.org/x/text, of which nobody knows what it has fixed.
var fork = map[string]string{
	"text/go.mod": "module golang.org/x/text\n\ngo 1.26.0\n",
	"text/language/language.go": "package language\n\ntype Tag struct{}\n\nfunc (Tag) String() string { return \"\" }\n\n" +
		"func Parse(string) (Tag, error) { return Tag{}, nil }\n",
}

const (
	callMain  = "package main\n\nimport \"golang.org/x/text/language\"\n\nfunc main() { _, _ = language.Parse(\"\") }\n"
	foundFlaw = "GO-2021-0113 golang.org/x/text@v0.3.5 reachable high "
)

// Nothing in the tree makes a vulnerability that is in the program go unseen.
func TestDepsBlinded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string // beside testdata/called in svc
		mod   string            // more of its go.mod
		main  string
		want  []string
	}{
		"a folder instead":             {fork, "replace golang.org/x/text => ../text", "", []string{foundFlaw + "svc/go.mod:7"}},
		"a folder instead, by go.work": {with(fork, "go.work", "go 1.26.0\n\nuse ./svc\n\nreplace golang.org/x/text => ./text\n"), "", "", []string{foundFlaw + "svc/go.mod:5"}},
		"another version excluded":     {nil, "exclude golang.org/x/text v0.3.7", "", []string{foundFlaw + "svc/tongue/tongue.go:8:28"}},
		"the package ignored":          {nil, "ignore ./tongue", "", []string{foundFlaw + "svc/tongue/tongue.go:8:28"}},
		"the command ignored":          {map[string]string{"svc/main.go": "package main\n\nfunc main() {}\n", "svc/tongue/tongue.go": "package tongue\n", "svc/cmd/x/main.go": callMain}, "ignore ./cmd", "cmd/x", []string{foundFlaw + "svc/cmd/x/main.go:5:36"}},
		"a build constraint that the image fulfils": {
			map[string]string{"svc/main.go": "package main\n\nfunc main() {}\n", "svc/tongue/tongue.go": "package tongue\n", "svc/zone.go": "//go:build timetzdata && linux && !cgo\n\n" + strings.Replace(callMain, "main()", "init()", 1)},
			"", "", []string{foundFlaw + "svc/zone.go:7:36"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := scanChanged(t, c.files, c.mod, c.main)
			if diff := cmp.Diff(c.want, outline(r.Findings)); diff != "" {
				t.Error(diff)
			}
			if f := r.Findings; len(f) != 1 || !cmp.Equal(f[0].Aliases, []string{"CVE-GO-2021-0113"}) || len(r.Rules) != 1 || f[0].Fix == "" {
				t.Errorf("the report is %+v", r)
			}
		})
	}
}

// What stands in for a version that is not vulnerable hides nothing.
func TestReplacedVersion(t *testing.T) {
	t.Parallel()
	var e entry
	if err := json.Unmarshal([]byte(encode(t, parseFlaw.entry())), &e); err != nil {
		t.Fatal(err)
	}
	withdrawn := e
	withdrawn.Withdrawn = "2026-01-02T03:04:05Z"
	anywhere := e
	anywhere.Affected = append(anywhere.Affected[:0:0], anywhere.Affected[0])
	anywhere.Affected[0].Ranges = nil
	for name, c := range map[string]struct {
		entry           entry
		module, version string
		want            bool
	}{
		"vulnerable":     {e, "golang.org/x/text", "v0.3.6", true},
		"fixed":          {e, "golang.org/x/text", "v0.3.7", false},
		"later":          {e, "golang.org/x/text", "v0.10.0", false},
		"another module": {e, "golang.org/x/net", "v0.3.6", false},
		"withdrawn":      {withdrawn, "golang.org/x/text", "v0.3.6", false},
		"every version":  {anywhere, "golang.org/x/text", "v9.0.0", true},
	} {
		if got := c.entry.concerns(goModule{path: c.module, version: c.version}); got != c.want {
			t.Errorf("%s: it concerns %s: %v, want %v", name, c.version, got, c.want)
		}
	}
}

// The settings of the go command that a user has are not those of the check.
func TestDepsGOFLAGS(t *testing.T) {
	t.Setenv("GOFLAGS", "-tags=hidden -mod=mod")
	r := scanChanged(t, map[string]string{
		"svc/tongue/hidden.go": "//go:build hidden\n\npackage tongue\n\nfunc Of(string) string { return \"\" }\n",
		"svc/main.go":          "//go:build !hidden\n\n" + callMain,
		"svc/other.go":         "//go:build hidden\n\npackage main\n\nfunc main() {}\n",
		"svc/tongue/tongue.go": "//go:build !hidden\n\npackage tongue\n",
	}, "", "")
	if diff := cmp.Diff([]string{foundFlaw + "svc/main.go:7:36"}, outline(r.Findings)); diff != "" {
		t.Error(diff)
	}
}

// scanChanged does the job for testdata/called, changed.
func scanChanged(t *testing.T, files map[string]string, mod, main string) pipeline.Report {
	t.Helper()
	root, dir := module(t, "called")
	text, err := readSmall(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFiles(root, with(files, "svc/go.mod", string(text)+"\n"+mod+"\n")); err != nil {
		t.Fatal(err)
	}
	task := newTask(t, root, dir, map[string]pipeline.Need{"vulndb": databaseOf(t, parseFlaw, oldFlaw).need()})
	task.Params = json.RawMessage(encode(t, params{Cache: t.TempDir(), Version: "v1", Main: main}))
	a, err := Deps{}.Worker()(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	return a.Reports[0]
}

func with(files map[string]string, name, text string) map[string]string {
	all := map[string]string{name: text}
	for name, text := range files {
		all[name] = text
	}
	return all
}
