package image

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/sarif"
)

func TestCodeThatDoesNotCompile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files map[string]string
		want  []string // place and message
	}{
		{"types", with(hello(), "svc/cmd/todo/main.go", "package main\n\nimport \"example.com/todo/greet\"\n\nfunc main() {\n\tvar n int = greet.Hello()\n\tundefined()\n}\n"),
			[]string{
				"svc/cmd/todo/main.go:6:6: declared and not used: n",
				"svc/cmd/todo/main.go:6:14: cannot use greet.Hello() (value of type string) as int value in variable declaration",
				"svc/cmd/todo/main.go:7:2: undefined: undefined",
			}},
		{"a message of several lines", with(hello(), "svc/cmd/todo/main.go", "package main\n\nimport \"example.com/todo/greet\"\n\nfunc main() { println(greet.Hello(1)) }\n"),
			[]string{"svc/cmd/todo/main.go:5:35: too many arguments in call to greet.Hello have (number) want ()"}},
		{"syntax", with(hello(), "svc/greet/greet.go", "package greet\n\nfunc {\n"),
			[]string{"svc/greet/greet.go:3:6: syntax error: unexpected {, expected name or ("}},
		{"no package clause", with(hello(), "svc/greet/greet.go", "packag greet\n"),
			[]string{"svc/greet/greet.go:1:1: expected 'package', found packag"}},
		{"a missing embedded file", with(hello(), "svc/greet/greet.go", "package greet\n\nimport _ \"embed\"\n\n//go:embed none.txt\nvar Text string\n\nfunc Hello() string { return Text }\n"),
			[]string{"svc/greet/greet.go:5:12: pattern none.txt: no matching files found"}},
		{"an import that is not there", with(hello(), "svc/greet/greet.go", "package greet\n\nimport \"fmtt\"\n\nfunc Hello() string { return fmtt.X }\n"),
			[]string{"svc/greet/greet.go:3:8: package fmtt is not in std (src/fmtt)"}},
		{"an import that go.mod does not have", with(hello(), "svc/greet/greet.go", "package greet\n\nimport \"example.com/other\"\n\nfunc Hello() string { return other.X }\n"),
			[]string{"svc/greet/greet.go:3:8: no required module provides package example.com/other; to add it: go get example.com/other"}},
		{"an import cycle", with(hello(), "svc/greet/greet.go", "package greet\n\nimport _ \"example.com/todo/greet\"\n\nfunc Hello() string { return \"\" }\n"),
			[]string{"svc/cmd/todo: example.com/todo/greet: package example.com/todo/cmd/todo imports example.com/todo/greet from main.go imports example.com/todo/greet from greet.go: import cycle not allowed"}},
		{"no main function", with(hello(), "svc/cmd/todo/main.go", "package main\n"),
			[]string{"svc/cmd/todo: example.com/todo/cmd/todo: runtime.main_main·f: function main is undeclared in the main package"}},
		{"a module beside the service", with(hello(),
			"svc/go.mod", "module example.com/todo\n\ngo 1.24\n\nrequire example.com/lib v1.0.0\n\nreplace example.com/lib => ../lib\n",
			"lib/go.mod", "module example.com/lib\n\ngo 1.24\n", "lib/lib.go", "package lib\n\nconst X string = 1\n",
			"svc/greet/greet.go", "package greet\n\nimport \"example.com/lib\"\n\nfunc Hello() string { return lib.X }\n"),
			[]string{"lib/lib.go:3:18: cannot use 1 (untyped int constant) as string value in constant declaration"}},
		{"a workspace", with(hello(),
			"go.work", "go 1.24\n\nuse (\n\t./svc\n\t./lib\n)\n",
			"lib/go.mod", "module example.com/lib\n\ngo 1.24\n", "lib/lib.go", "package lib\n\nconst X string = 1\n",
			"svc/greet/greet.go", "package greet\n\nimport \"example.com/lib\"\n\nfunc Hello() string { return lib.X }\n"),
			[]string{"lib/lib.go:3:18: cannot use 1 (untyped int constant) as string value in constant declaration"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := service(t, tt.files)
			_, err := Build(t.Context(), r)
			var broken *CompileError
			if !errors.As(err, &broken) {
				t.Fatalf("Build: %v, want code that does not compile", err)
			}
			if diff := cmp.Diff(tt.want, places(broken.Findings)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			for _, f := range broken.Findings {
				if f.Rule != "compile" || f.Tool != "go" || f.Stage != "build" || f.Severity != sarif.High || f.Identity == "" {
					t.Errorf("finding %+v", f)
				}
			}
			onlyThese(t, filepath.Dir(r.Out))
		})
	}
}

func places(findings []sarif.Finding) []string {
	var lines []string
	for _, f := range findings {
		lines = append(lines, f.Location.String()+": "+f.Message)
	}
	return lines
}

// The service's folder may be reached through a symbolic link.
func TestCompileErrorBehindLink(t *testing.T) {
	t.Parallel()
	r := service(t, with(hello(), "svc/greet/greet.go", "package greet\n\nfunc {\n"))
	link := filepath.Join(t.TempDir(), "deep", "link")
	check(t, os.Mkdir(filepath.Dir(link), 0o700))
	check(t, os.Symlink(r.Root, link))
	r.Root, r.Dir = link, filepath.Join(link, "svc")
	_, err := Build(t.Context(), r)
	var broken *CompileError
	if !errors.As(err, &broken) {
		t.Fatalf("Build: %v", err)
	}
	want := []string{"svc/greet/greet.go:3:6: syntax error: unexpected {, expected name or ("}
	if diff := cmp.Diff(want, places(broken.Findings)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// A dependency is not in the repository: the finding is of go.mod.
func TestCompileErrorInDependency(t *testing.T) {
	t.Parallel()
	d := &diagnosis{root: "/repo", dir: "/repo/svc", modCache: "/repo/.cache/mod", plain: strings.NewReplacer("/repo/.cache/mod/", "")}
	d.add(failure{"example.com/dep", "../.cache/mod/example.com/dep@v1.0.0/d.go:3:4: undefined: syscall.Nope\n"})
	d.add(failure{"example.com/far", "../../far/f.go:5:6: undefined: x\n"})
	want := []string{
		"svc/go.mod: example.com/dep@v1.0.0/d.go:3:4: undefined: syscall.Nope",
		"svc/go.mod: /far/f.go:5:6: undefined: x",
	}
	if diff := cmp.Diff(want, places(d.findings)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestDiagnosisIsBounded(t *testing.T) {
	t.Parallel()
	d := &diagnosis{root: "/repo", dir: "/repo", modCache: "/mod", plain: strings.NewReplacer()}
	d.add(failure{"p", strings.Repeat("a.go:1:2: \x1b[31mred\x00"+strings.Repeat("é", maxMessage)+"\n", maxFindings+5)})
	if len(d.findings) != maxFindings {
		t.Errorf("%d findings, want %d", len(d.findings), maxFindings)
	}
	msg := d.findings[0].Message
	if len(msg) > maxMessage+len("…") || strings.ContainsAny(msg, "\x1b\x00") || strings.ContainsRune(msg, '\uFFFD') {
		t.Errorf("message of %d bytes: %.40q", len(msg), msg)
	}
}

func TestEventWriter(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var progress []string
	w := &eventWriter{log: &log, progress: func(s string) { progress = append(progress, s) }}
	stream := `{"ImportPath":"p","Action":"build-output","Output":"p\n"}
{"ImportPath":"p","Action":"build-output","Output":"# p\n"}
{"ImportPath":"q","Action":"build-output","Output":"a warning\n"}
{"ImportPath":"p","Action":"build-output","Output":"p.go:1:2: wrong\n"}
not an event
{"ImportPath":"p","Action":"build-fail"}
`
	for i := range len(stream) { // however the bytes arrive
		_, err := w.Write([]byte{stream[i]})
		check(t, err)
	}
	endless := bytes.Repeat([]byte("x"), 1<<16)
	for range 64 {
		_, err := w.Write(endless)
		check(t, err)
	}
	if len(w.partial) > maxLine {
		t.Errorf("%d bytes of a line are kept", len(w.partial))
	}
	_, err := w.Write([]byte("\n" + strings.Repeat(`{"ImportPath":"p","Action":"build-output","Output":"`+strings.Repeat("y", 1000)+`"}`+"\n", 2000)))
	check(t, err)
	all := w.failures()
	if len(all) != 1 || all[0].pkg != "p" || !strings.HasPrefix(all[0].text, "p.go:1:2: wrong\n") || len(all[0].text) > maxFailures {
		t.Errorf("failures: %d, the first %.60q of %d bytes", len(all), all[0].text, len(all[0].text))
	}
	if diff := cmp.Diff([]string{"compiling p"}, progress); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	if want := "# p\na warning\np.go:1:2: wrong\nnot an event\n"; !strings.HasPrefix(log.String(), want) {
		t.Errorf("log %.80q, want %q first", log.String(), want)
	}
}
