package govuln

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// item is a file of a test's image.
type item struct {
	name, text, link string
	mode             int64
	caps             bool
}

// safe runs as nobody in particular.
var safe = v1.Config{User: "65532:65532", Env: []string{"PATH=/app"}}

// build leaves an image as the job "build" does.
func build(t *testing.T, config v1.Config, items ...item) pipeline.Need {
	t.Helper()
	img, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layer(t, items))
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", "amd64", config
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	path, err := layout.Write(filepath.Join(out, "image"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Need{Out: out, Reports: map[string]pipeline.Report{"build": {Stage: "build", Values: map[string]string{"digest": digest.String()}}}}
}

func layer(t *testing.T, items []item) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, i := range items {
		h := &tar.Header{Name: i.name, Mode: i.mode, Size: int64(len(i.text)), Typeflag: tar.TypeReg, Linkname: i.link, Format: tar.FormatPAX}
		switch {
		case strings.HasSuffix(i.name, "/"):
			h.Typeflag = tar.TypeDir
		case i.link != "" && i.mode == 0o777:
			h.Typeflag = tar.TypeSymlink
		case i.link != "":
			h.Typeflag = tar.TypeLink
		}
		if i.caps {
			h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "\x01\x00\x00\x02"}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, i.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// compile builds a module of testdata.
func compile(t *testing.T, name, ldflags string) string {
	t.Helper()
	_, dir := module(t, name)
	file := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags="+ldflags, "-o", file, ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOWORK=off", "GOFLAGS=", "GOTOOLCHAIN=local")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("compiling: %v\n%s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// scanImage does the job for an image.
func scanImage(t *testing.T, needs map[string]pipeline.Need) pipeline.Report {
	t.Helper()
	a, err := Image{}.Worker()(t.Context(), newTask(t, ".", ".", needs))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Reports) != 1 {
		t.Fatalf("%d reports, want 1", len(a.Reports))
	}
	return a.Reports[0]
}

func TestImage(t *testing.T) {
	t.Parallel()
	called := compile(t, "called", "-w")
	r := scanImage(t, map[string]pipeline.Need{
		"vulndb": databaseOf(t, parseFlaw, httpFlaw, oldFlaw).need(),
		"build":  build(t, safe, item{name: "app/", mode: 0o755}, item{name: "app/called", text: called, mode: 0o555}, item{name: "tmp/", mode: 0o1777}, item{name: "etc/motd", text: "hello", mode: 0o644}),
	})
	toolchain := tool(t).Version
	want := pipeline.Report{
		Stage:    "image-scan",
		Values:   map[string]string{"modified": "2026-01-02T03:04:05Z"},
		Tools:    []pipeline.Tool{{Name: "govulncheck", Version: version()}, {Name: "sluice", Version: "v1"}},
		Examined: []pipeline.Count{{What: "files", N: 2}, {What: "programs", N: 1, Of: 1}, {What: "advisories", N: 3}},
		SelfTest: &pipeline.SelfTest{
			Planted: []string{"image-root", "image-env-secret", "image-setuid", "image-world-writable", plantedRuntime},
			Caught:  []string{"image-root", "image-env-secret", "image-setuid", "image-world-writable", plantedRuntime},
		},
		Findings: []sarif.Finding{
			{
				Rule: "GO-2021-0113", Tool: "govulncheck", Stage: "image-scan", Severity: sarif.High,
				Message:  "golang.org/x/text@v0.3.5: flaw in golang.org/x/text/language: language.Parse is in the program",
				Location: sarif.Location{Path: "image:/app/called"},
				Aliases:  []string{"CVE-GO-2021-0113"}, Module: "golang.org/x/text@v0.3.5", Reach: sarif.Reachable,
				Why: "flaw in golang.org/x/text/language", Fix: "run go get golang.org/x/text@v0.3.7 and go mod tidy",
				Identity: "GO-2021-0113 golang.org/x/text",
			},
			{
				Rule: "GO-2030-0002", Tool: "govulncheck", Stage: "image-scan", Severity: sarif.Low,
				Message:  "stdlib@" + toolchain + ": flaw in net/http: the module is in the program, and the vulnerable packages are not",
				Location: sarif.Location{Path: "image:/app/called"},
				Aliases:  []string{"CVE-GO-2030-0002"}, Module: "stdlib@" + toolchain, Reach: sarif.Required,
				Why: "flaw in net/http", Fix: "update Go to go99.0.1", Identity: "GO-2030-0002 stdlib",
			},
		},
	}
	if diff := cmp.Diff(want, r, cmpopts.IgnoreFields(pipeline.Report{}, "Rules")); diff != "" {
		t.Error(diff)
	}
	if len(r.Rules) != 2 {
		t.Errorf("the rules are %+v, want those of two advisories", r.Rules)
	}
}

// One advisory has one verdict: that of stage deps, which followed the calls,
// where it looked at the same version of the module.
func TestImageAgreesWithDeps(t *testing.T) {
	t.Parallel()
	called, toolchain := compile(t, "called", "-w"), tool(t).Version
	db, image := databaseOf(t, parseFlaw, printFlaw).need(), build(t, safe, item{name: "app", text: called, mode: 0o555})
	source := sarif.Finding{
		Rule: "GO-2021-0113", Stage: "deps", Module: "golang.org/x/text@v0.3.5", Identity: "GO-2021-0113 golang.org/x/text",
		Reach: sarif.Imported, Severity: sarif.Medium, Message: "as deps says", Fix: "as deps does", Location: sarif.Location{Path: "go.mod", Line: 5},
	}
	ofGo := sarif.Finding{Rule: "GO-2030-0001", Stage: "deps", Module: "stdlib@go1.0.0", Identity: "GO-2030-0001 stdlib", Reach: sarif.Required, Severity: sarif.Low}
	r := scanImage(t, map[string]pipeline.Need{
		"vulndb": db, "build": image,
		"deps": {Reports: map[string]pipeline.Report{"deps": {Findings: []sarif.Finding{source, ofGo}}}},
	})
	want := []string{
		"GO-2021-0113 golang.org/x/text@v0.3.5 imported medium image:/app",
		"GO-2030-0001 stdlib@" + toolchain + " reachable high image:/app",
	}
	if diff := cmp.Diff(want, outline(r.Findings)); diff != "" {
		t.Fatal(diff)
	}
	if f := r.Findings[0]; f.Message != source.Message || f.Fix != source.Fix || f.Identity != source.Identity {
		t.Errorf("the finding is %+v, want what %+v says", f, source)
	}
}

// Both jobs, on one module: every finding of the image has the identity and
// the reach of the one in the source.
func TestDepsThenImage(t *testing.T) {
	t.Parallel()
	db := databaseOf(t, parseFlaw, printFlaw, httpFlaw)
	root, dir := module(t, "imported")
	source, err := scanDeps(t, root, dir, db)
	if err != nil {
		t.Fatal(err)
	}
	r := scanImage(t, map[string]pipeline.Need{
		"vulndb": db.need(),
		"build":  build(t, safe, item{name: "app", text: compile(t, "imported", "-s -w"), mode: 0o555}),
		"deps":   {Reports: map[string]pipeline.Report{"deps": source}},
	})
	if diff := cmp.Diff(source.Findings, r.Findings, cmpopts.IgnoreFields(sarif.Finding{}, "Stage", "Location")); diff != "" || len(r.Findings) != 3 {
		t.Errorf("%d findings, want the three of the source: %s", len(r.Findings), diff)
	}
}

func TestImageStripped(t *testing.T) {
	t.Parallel()
	r := scanImage(t, map[string]pipeline.Need{
		"vulndb": databaseOf(t, parseFlaw, printFlaw).need(),
		"build":  build(t, safe, item{name: "app", text: compile(t, "called", "-s -w"), mode: 0o555}),
	})
	want := []string{
		"GO-2021-0113 golang.org/x/text@v0.3.5 imported medium image:/app",
		"GO-2030-0001 stdlib@" + tool(t).Version + " imported medium image:/app",
	}
	if diff := cmp.Diff(want, outline(r.Findings)); diff != "" {
		t.Error(diff)
	}
	if want := []string{"/app has no symbols: what of its modules is called cannot be told"}; !cmp.Equal(want, r.Notes) {
		t.Errorf("the notes are %q, want %q", r.Notes, want)
	}
}

// Of two programs the one in which the vulnerability is nearer counts.
func TestImageOfTwoPrograms(t *testing.T) {
	t.Parallel()
	r := scanImage(t, map[string]pipeline.Need{
		"vulndb": databaseOf(t, parseFlaw, oldFlaw).need(),
		"build": build(t, safe,
			item{name: "a", text: compile(t, "required", "-w"), mode: 0o555},
			item{name: "b", text: compile(t, "called", "-w"), mode: 0o444}, // what is executable is not for its mode to say
			item{name: "c", link: "b"},
		),
	})
	if diff := cmp.Diff([]string{"GO-2021-0113 golang.org/x/text@v0.3.5 reachable high image:/b"}, outline(r.Findings)); diff != "" {
		t.Error(diff)
	}
	if want := (pipeline.Count{What: "programs", N: 2, Of: 2}); r.Examined[1] != want {
		t.Errorf("examined %v, want %v", r.Examined[1], want)
	}
}

func TestImageSettings(t *testing.T) {
	t.Parallel()
	required := compile(t, "required", "-w")
	db := databaseOf(t, oldFlaw).need()
	passwd := item{name: "etc/passwd", text: "root:x:0:0::/root:/bin/sh\nadmin:x:0:0::/:\nweb:x:1000:1000::/:\n65531:x:0:0::/:\nbroken:x:one::/:\n", mode: 0o644}
	const secret, root = "image-env-secret ", "image-root "
	for name, c := range map[string]struct {
		config v1.Config
		items  []item
		want   []string
	}{
		"no user":                 {v1.Config{}, nil, []string{root + "the image sets no user, and so runs as root"}},
		"root":                    {v1.Config{User: "root"}, []item{passwd}, []string{root + `the image runs as "root", which is root`}},
		"root's number":           {v1.Config{User: "0:65532"}, nil, []string{root + `the image runs as "0:65532", which is root`}},
		"with zeros":              {v1.Config{User: "000"}, nil, []string{root + `the image runs as "000", which is root`}},
		"root's other name":       {v1.Config{User: "admin:web"}, []item{passwd}, []string{root + `the image runs as "admin:web", which is root`}},
		"a number that is a name": {v1.Config{User: "65531"}, []item{passwd}, []string{root + `the image runs as "65531", which is root`}},
		"a user":                  {v1.Config{User: "web"}, []item{passwd}, nil},
		"a number":                {v1.Config{User: "1000"}, nil, nil},
		"nobody knows":            {v1.Config{User: "web"}, nil, []string{root + `the image runs as "web", which is not in its /etc/passwd: nobody can tell whether that is root`}},
		"a broken line":           {v1.Config{User: "broken"}, []item{passwd}, []string{root + `the image runs as "broken", which is not in its /etc/passwd: nobody can tell whether that is root`}},
		"credentials": {
			v1.Config{User: "1", Env: []string{"DB_PASSWORD=" + t.Name(), "API_KEY=x", "session_token=x", "SECRET=x", "TOKENIZER=x", "COMPASS=north", "DB_PASSWORD_FILE=/run/x", "EMPTY_SECRET=", "PASSWORD", "KEY=x"}}, nil,
			[]string{
				secret + "the image sets DB_PASSWORD, whose name is that of a credential", secret + "the image sets API_KEY, whose name is that of a credential",
				secret + "the image sets session_token, whose name is that of a credential", secret + "the image sets SECRET, whose name is that of a credential",
			},
		},
		"rights": {
			safe, []item{{name: "su", text: "x", mode: 0o4755}, {name: "sg", text: "x", mode: 0o2755}, {name: "both", text: "x", mode: 0o6755}, {name: "cap", text: "x", mode: 0o755, caps: true}, {name: "dir/", mode: 0o2755}},
			[]string{"image-setuid /su is set-uid", "image-setuid /sg is set-gid", "image-setuid /both is set-uid and set-gid", "image-setuid /cap is given Linux capabilities"},
		},
		"for everybody": {
			safe, []item{{name: "open", text: "x", mode: 0o666}, {name: "wide/", mode: 0o777}, {name: "link", link: "open", mode: 0o777}, {name: "tmp/", mode: 0o1777}, {name: "tmp/x", text: "x", mode: 0o666}, {name: "tmpfiles", text: "x", mode: 0o602}, {name: "var/spool/", mode: 0o1777}},
			[]string{"image-world-writable /wide can be changed by everybody", "image-world-writable /open can be changed by everybody", "image-world-writable /tmpfiles can be changed by everybody"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := scanImage(t, map[string]pipeline.Need{"vulndb": db, "build": build(t, c.config, append(c.items, item{name: "app", text: required, mode: 0o555})...)})
			var got []string
			for _, f := range r.Findings {
				got = append(got, f.Rule+" "+f.Message)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if r.NotRun != "" {
				t.Errorf("it was not run: %s", r.NotRun)
			}
			if strings.Contains(fmt.Sprint(r), t.Name()) {
				t.Error("the value of a variable is in the report")
			}
			for _, f := range r.Findings {
				if f.Identity == "" || len(f.CWE) == 0 || f.Stage != "image-scan" || !strings.HasPrefix(f.Location.Path, "image:/") {
					t.Errorf("the finding is %+v", f)
				}
			}
		})
	}
}

func TestManyFindings(t *testing.T) {
	t.Parallel()
	items := []item{{name: "app", text: compile(t, "required", "-w"), mode: 0o555}}
	for i := range maxPerRule + 7 {
		items = append(items, item{name: fmt.Sprintf("open%d", i), mode: 0o666})
	}
	r := scanImage(t, map[string]pipeline.Need{"vulndb": databaseOf(t, oldFlaw).need(), "build": build(t, safe, items...)})
	if len(r.Findings) != maxPerRule || !cmp.Equal(r.Notes, []string{"7 more findings of image-world-writable are not shown"}) {
		t.Errorf("%d findings and the notes %q", len(r.Findings), r.Notes)
	}
}

// TestUnpackaged: of programs that were not made by Go those are told that no
// package of the image has.
func TestUnpackaged(t *testing.T) {
	t.Parallel()
	elf := func(name string) item { return item{name: name, text: "\x7fELF " + name, mode: 0o755} }
	data := func(name, text string) item { return item{name: name, text: text, mode: 0o644} }
	const installed = "Status: install ok installed\nVersion: 1\nArchitecture: amd64\n\n"
	dpkg := data("var/lib/dpkg/status", "Package: a\n"+installed+"Package: b\n"+installed)
	for name, c := range map[string]struct {
		items []item
		want  string // the message; "" is no finding
	}{
		"dpkg, all owned":         {[]item{dpkg, data("var/lib/dpkg/info/a.list", "/.\n/bin/a\n"), data("var/lib/dpkg/info/b:amd64.list", "/usr/lib/b.so\n"), elf("usr/bin/a"), elf("lib/b.so")}, ""},
		"dpkg, one is not":        {[]item{dpkg, data("var/lib/dpkg/info/a.list", "/bin/a\n"), elf("bin/a"), elf("opt/b")}, "/opt/b is a program or library that belongs to no package"},
		"dpkg, two are not":       {[]item{dpkg, data("var/lib/dpkg/info/a.list", "/bin/a\n"), elf("opt/c"), elf("opt/b")}, "/opt/b and 1 more are programs or libraries that belong to no package"},
		"dpkg without lists":      {[]item{data("var/lib/dpkg/status.d/base", "x"), elf("app/server")}, "/app/server is a program or library that belongs to no package"},
		"a planted list":          {[]item{dpkg, data("var/lib/dpkg/info/planted.list", "/opt/b\n"), elf("opt/b")}, "/opt/b is a program or library that belongs to no package"},
		"a program as a list":     {[]item{dpkg, data("var/lib/dpkg/info/a.list", "/bin/a\n"), elf("bin/a"), elf("var/lib/dpkg/info/b.list")}, "/var/lib/dpkg/info/b.list is a program or library that belongs to no package"},
		"distroless":              {[]item{data("var/lib/dpkg/status.d/base", "Package: base\nVersion: 1\n"), data("var/lib/dpkg/status.d/base.md5sums", "00  bin/a\n"), data("var/lib/dpkg/status.d/planted.md5sums", "00  opt/b\n"), elf("bin/a"), elf("opt/b")}, "/opt/b is a program or library that belongs to no package"},
		"a planted file of apk's": {[]item{data("lib/apk/db/installed", "F:opt\nR:b\n\nP:a\nV:1\nF:bin\nR:a\n"), elf("bin/a"), elf("opt/b")}, "/opt/b is a program or library that belongs to no package"},
		"apk":                     {[]item{data("lib/apk/db/installed", "P:a\nV:1\nF:bin\nR:a\nF:lib\nR:x.so\n"), elf("bin/a"), elf("lib/x.so"), elf("lib/y.so")}, "/lib/y.so is a program or library"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := scanImage(t, map[string]pipeline.Need{"build": build(t, safe, c.items...)})
			got := ""
			for _, f := range r.Findings {
				got += f.Message
			}
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("found %q, want %q", got, c.want)
			}
			if i := slices.IndexFunc(r.Examined, func(n pipeline.Count) bool { return n.Of > 0 }); i < 0 || !r.SelfTest.Passed() {
				t.Errorf("it proves nothing: %+v, %+v", r.Examined, r.SelfTest)
			}
		})
	}
}

// What nobody looked at is said, and keeps the stage from passing.
func TestImageNotRun(t *testing.T) {
	t.Parallel()
	app := item{name: "app", text: compile(t, "called", "-w"), mode: 0o555}
	data := func(name string) item { return item{name: name, text: "x", mode: 0o644} }
	for name, c := range map[string]struct {
		items        []item
		want, remedy string
		findings     int
	}{
		"dpkg":                    {[]item{app, data("var/lib/dpkg/status")}, "", "", 1},
		"distroless":              {[]item{app, data("var/lib/dpkg/status.d/base")}, "", "", 1},
		"apk":                     {[]item{app, data("lib/apk/db/installed")}, "", "", 1},
		"rpm":                     {[]item{app, data("var/lib/rpm/rpmdb.sqlite")}, "", "", 1},
		"no dpkg":                 {[]item{app, {name: "var/lib/dpkg/status", mode: 0o644}}, "", "", 1},
		"foreign":                 {[]item{app, {name: "lib/x.so", text: "\x7fELF and nothing else", mode: 0o644}}, "/lib/x.so is not made by Go", "leave out", 1},
		"several foreign":         {[]item{app, {name: "b", text: "\x7fELF1", mode: 0o755}, {name: "c", text: "\x7fELF2", mode: 0o755}}, "/b and 1 more are not made by Go", "leave out", 1},
		"no information":          {[]item{{name: "app", text: strings.ReplaceAll(app.text, "\xff Go buildinf:", "\xff No buildinf:"), mode: 0o555}}, "/app is made by Go without build information", "as a module", 0},
		"no program":              {[]item{data("etc/motd")}, "there is no program in it", "stage build", 0},
		"too short for a program": {[]item{{name: "x", text: "\x7fEL", mode: 0o755}}, "there is no program in it", "stage build", 0},
		"a damaged program":       {[]item{{name: "app", text: damaged(app.text), mode: 0o555}}, "/app could not be judged: govulncheck", "released version of Go", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := scanImage(t, map[string]pipeline.Need{"vulndb": databaseOf(t, parseFlaw, oldFlaw).need(), "build": build(t, safe, c.items...)})
			if !strings.Contains(r.NotRun, c.want) || (c.want == "") != (r.NotRun == "") {
				t.Errorf("it was not run because %q, want %q", r.NotRun, c.want)
			}
			if !strings.Contains(r.Remedy, c.remedy) || (c.remedy == "") != (r.Remedy == "") {
				t.Errorf("the remedy is %q, want %q", r.Remedy, c.remedy)
			}
			if len(r.Findings) != c.findings {
				t.Errorf("%d findings, want %d: what was found is kept", len(r.Findings), c.findings)
			}
		})
	}
}

// damaged is a program whose toolchain has no release.
func damaged(program string) string {
	version := strings.TrimPrefix(goVersionIn(program), "go")
	return strings.ReplaceAll(program, "go"+version, "xx"+version)
}

func goVersionIn(program string) string {
	i := strings.Index(program, "\xff Go buildinf:") + 32 // the version's length and text follow
	return program[i+1 : i+1+int(program[i])]
}

func TestImageErrors(t *testing.T) {
	t.Parallel()
	db := databaseOf(t, oldFlaw).need()
	needs := map[string]pipeline.Need{"vulndb": db, "build": {Out: t.TempDir()}}
	if a, err := (Image{}).Worker()(t.Context(), newTask(t, ".", ".", needs)); err == nil || !strings.Contains(err.Error(), "opening the image in ") {
		t.Errorf("without an image the answer is %+v, the error %v", a, err)
	}
	needs["build"] = build(t, safe, item{name: "app", text: compile(t, "required", "-w"), mode: 0o555})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a, err := (Image{}).Worker()(ctx, newTask(t, ".", ".", needs)); err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("when it is cancelled the answer is %+v, the error %v", a, err)
	}
	needs["vulndb"] = databaseOf(t).need()
	if a, err := (Image{}).Worker()(t.Context(), newTask(t, ".", ".", needs)); err == nil || !strings.Contains(err.Error(), "no advisory about Go's standard library") {
		t.Errorf("without data the answer is %+v, the error %v", a, err)
	}
}

func TestImagePlan(t *testing.T) {
	t.Parallel()
	job, err := Image{}.Job(scan.Service{GoModule: "m", Version: "v1", CacheDir: "/cache"})
	want := pipeline.Job{
		Name: "image-scan", Stages: []string{"image-scan"}, Needs: []string{"build", "vulndb"}, Reads: []string{"deps"}, Check: true,
		Params: params{Version: "v1"},
		Inputs: pipeline.Inputs{Values: map[string]string{"sluice": "v1", "govulncheck": version()}},
		Access: pipeline.Access{Network: pipeline.NoNetwork, Read: []string{"/cache/jobs/vulndb"}},
	}
	if diff := cmp.Diff(want, job, cmpopts.IgnoreFields(pipeline.Job{}, "Cost", "Valid")); err != nil || diff != "" {
		t.Error(err, diff)
	}
	none, err := Image{}.Job(scan.Service{})
	if err != nil || none.NotApplicable == "" {
		t.Errorf("without a Go module the job is %+v, the error %v", none, err)
	}
}
