package tool

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	needPython(t)
	good := wheel(t, "1.2.3")
	i, lock := installer(t.TempDir(), wheels(t, map[string][]byte{goodWheel: good})), mustLock(t, hash(good))
	i.Path = ""
	see := func(what string, verify bool, want State) Status {
		t.Helper()
		s, err := i.status(t.Context(), lock, "checker", verify, nil)
		if err != nil || s.State != want || (s.Problem == "") != (want == Installed || want == InPath) || (s.Remedy == "") != (s.Problem == "") {
			t.Errorf("%s: %+v, %v", what, s, err)
		}
		return s
	}
	see("nothing", true, Missing)
	i.Path = filepath.Join(program(t, "checker", "1.5.0"), "bin")
	see("in PATH", true, InPath)
	i.Path = filepath.Join(program(t, "checker", "2.0.0"), "bin")
	see("in PATH, too new", true, Refused)
	i.Path = "/usr/bin:/bin"
	f, err := i.install(t.Context(), lock, "checker")
	if err != nil {
		t.Fatal(err)
	}
	see("installed", true, Installed)
	if err := os.WriteFile(f.Path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	see("changed, and nobody looked", false, Installed)
	if s := see("changed", true, Broken); !slices.Equal(s.Differences, []string{"bin/checker is not what was installed"}) {
		t.Errorf("differences %q", s.Differences)
	}
	if _, err := i.status(t.Context(), lock, "stranger", false, nil); err == nil {
		t.Error("there is a status of a tool of nobody")
	}
}
