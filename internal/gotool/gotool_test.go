package gotool

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/hint"
)

func TestFindAgreesWithTheGoCommand(t *testing.T) {
	tool, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	out, err := tool.Output(t.Context(), t.TempDir(), append(os.Environ(), "GOTOOLCHAIN=local"), nil, "env", "GOROOT", "GOVERSION", "GOMODCACHE")
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Fields(string(out)); !slices.Equal(want, []string{tool.Root, tool.Version, tool.ModCache}) {
		t.Errorf("found %+v, go env says %v", tool, want)
	}
}

func TestFindAsksWhereThereIsNoVersionFile(t *testing.T) {
	real, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	script := "#!/bin/sh\nexec " + real.Go + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	asked, err := Find()
	if err != nil || asked.Root != real.Root || asked.Version != real.Version {
		t.Errorf("asked %+v (%v), want %+v", asked, err, real)
	}
}

func TestFindWithoutGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Find(); err == nil || hint.Remedy(err) == "" {
		t.Errorf("error %v, remedy %q", err, hint.Remedy(err))
	}
}

func TestModCacheIsWhatGoEnvWrote(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("GOMODCACHE=/elsewhere/mod\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOMODCACHE", "")
	t.Setenv("GOENV", file)
	if dir, err := modCache(); err != nil || dir != "/elsewhere/mod" {
		t.Errorf("%q, %v", dir, err)
	}
}

func TestEnvIsOfflineAndOfThisToolchain(t *testing.T) {
	t.Setenv("GOPROXY", "https://proxy.example.com")
	t.Setenv("GOFLAGS", "-tags=surprise")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not for go")
	tool, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	env := tool.Env("/cache", TestZone)
	for _, want := range []string{"GOPROXY=off", "GOFLAGS=", "GOTOOLCHAIN=local", "GOENV=off", "GOCACHE=/cache/go-build-test"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing in %v", want, env)
		}
	}
	if strings.Contains(strings.Join(env, " "), "not for go") {
		t.Error("a credential is in the environment")
	}
}

func TestRemedies(t *testing.T) {
	tool, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/m\n\ngo 9.99\n", "m.go": "package m\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err = tool.Run(t.Context(), dir, tool.Env(t.TempDir(), CheckZone), nil, nil, "build", "./...")
	if err == nil || !strings.Contains(hint.Remedy(err), "install the Go version") {
		t.Errorf("error %v, remedy %q", err, hint.Remedy(err))
	}
}
