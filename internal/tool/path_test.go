package tool

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/hint"
)

// program writes an executable script that answers --version with version, as
// PREFIX/bin/NAME, and gives PREFIX.
func program(t *testing.T, name, version string) string {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "bin", name), "#!/bin/sh\necho '"+name+" "+version+" (other: 1.2.3)'\n", 0o755)
	return root
}

func relative(t *testing.T, path string) string {
	t.Helper()
	here, err := os.Getwd()
	if err == nil {
		path, err = filepath.Rel(here, path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// pathLock is a lock with one tool that is taken from PATH.
func pathLock(name string) Lock {
	return Lock{Tools: []Entry{{Name: name, Kind: Python, Module: name, Least: "5", Below: "8"}, {Name: "compiled", Kind: Go, Version: "1.0.0"}}}
}

func TestFindOnPath(t *testing.T) {
	t.Parallel()
	root := program(t, "checker", "6.1.0")
	bin := filepath.Join(root, "bin")
	write(t, filepath.Join(root, "no", "checker"), "", 0o644)
	write(t, filepath.Join(bin, "compiled"), "", 0o755)
	for name, path := range map[string]string{
		"":                      bin,
		"in PATH after others":  filepath.Join(root, "no") + ":/nowhere:" + bin,
		"not executable":        filepath.Join(root, "no"),
		"a folder":              filepath.Dir(root) + ":" + root,
		"relative, empty":       relative(t, bin) + "::.",
		"not there":             "/nowhere",
		"a Go tool":             bin,
		"a tool of nobody":      bin,
		"PATH with nothing: ''": "",
	} {
		wanted := "checker"
		switch name {
		case "a Go tool":
			wanted = "compiled"
		case "a tool of nobody":
			wanted = "stranger"
		}
		f, err := Box{Dir: t.TempDir(), Path: path}.find(pathLock("checker"), wanted)
		if found := (path == bin || strings.HasSuffix(path, ":"+bin)) && wanted == "checker"; found != (err == nil) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
		if err != nil && hint.Remedy(err) == "" {
			t.Errorf("%s: %v has no remedy", name, err)
		}
		if err == nil && (f.Pinned || f.Version != "" || f.Path != filepath.Join(bin, "checker") || f.Digest == "" || !slices.Contains(f.Read, filepath.Join(root, "lib"))) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// TestDigestOfWhatPathHas changes with all that decides what the program does.
func TestDigestOfWhatPathHas(t *testing.T) {
	t.Parallel()
	root := program(t, "checker", "6.1.0")
	site := filepath.Join(root, "lib", "python3.11", "site-packages")
	b := Box{Path: filepath.Join(root, "bin")}
	seen := map[string]string{}
	look := func(what string) {
		f, err := b.find(pathLock("checker"), "checker")
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := seen[f.Digest]; ok {
			t.Errorf("the digest %s is that of %s", what, before)
		}
		seen[f.Digest] = what
	}
	look("at first")
	write(t, filepath.Join(site, "checker-6.1.0.dist-info", "RECORD"), "", 0o644)
	look("with its package")
	write(t, filepath.Join(site, "checker_plugin-1.0.egg-info"), "", 0o644)
	look("with a plugin")
	write(t, filepath.Join(root, "bin", "checker"), "#!/bin/sh\nexit 0\n", 0o755)
	look("as another program")
}

func TestProbeOfWhatPathHas(t *testing.T) {
	t.Parallel()
	for version, ok := range map[string]bool{
		"5": false, "5.0": true, "5.0.4": true, "7.99.0": true, "8.0.0": false, "4.9.9": false, "8.0.0rc1": false, "6.0.0rc1": false, "no number": false, "": false,
	} {
		root := program(t, "checker", version)
		lock := pathLock("checker")
		f, err := Box{Path: filepath.Join(root, "bin")}.find(lock, "checker")
		if err != nil {
			t.Fatal(err)
		}
		f, err = f.probe(t.Context(), lock, nil)
		if (err == nil) != ok || ok && f.Version != version || !ok && hint.Remedy(err) == "" {
			t.Errorf("%q: %+v, %v", version, f, err)
		}
	}
	f := Found{Name: "checker", Path: "/nowhere/checker"}
	if _, err := f.probe(t.Context(), pathLock("checker"), nil); err == nil {
		t.Error("a program that is not there was probed")
	}
}

// TestDebiansTools are within the ranges of the lock.
func TestDebiansTools(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"flake8", "bandit", "pytest"} {
		f, err := Box{Dir: t.TempDir(), Path: "/usr/bin"}.Find(name)
		if err != nil {
			if os.Getenv("CI") == "true" {
				t.Error(err)
			}
			continue
		}
		if f, err = f.Probe(t.Context(), []string{"PATH=/usr/bin:/bin"}); err != nil || f.Version == "" || f.Pinned {
			t.Errorf("%+v, %v", f, err)
		}
	}
}

func TestInterpreter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"#!/usr/bin/python3\nimport x\n": "/usr/bin/python3", "#! /usr/bin/python3 -I": "/usr/bin/python3", "#!python3\n": "", "#!\n/usr/bin/python3": "", "": "", "\x7fELF": "",
	} {
		if got := interpreter([]byte(text)); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestProgramsOfTheRepository are not taken for tools, by whatever way PATH leads to them.
func TestProgramsOfTheRepository(t *testing.T) {
	t.Parallel()
	repository, elsewhere := t.TempDir(), t.TempDir()
	own := filepath.Join(repository, ".venv", "bin", "greeter")
	if err := os.MkdirAll(filepath.Dir(own), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, own, "#!/bin/sh\n", 0o755)
	if err := os.Symlink(own, filepath.Join(elsewhere, "greeter")); err != nil {
		t.Fatal(err)
	}
	e := Entry{Name: "greeter", Kind: Program, Version: "1.2.3", Least: "1", Below: "2"}
	for _, dir := range []string{filepath.Dir(own), elsewhere} {
		if f, ok := (Box{Path: dir, Repository: repository}).onPath(e); ok {
			t.Errorf("found %+v", f)
		}
		if _, ok := (Box{Path: dir, Repository: filepath.Join(elsewhere)}).onPath(e); dir != elsewhere && !ok {
			t.Errorf("%s is not found, which is in no repository", dir)
		}
	}
}
