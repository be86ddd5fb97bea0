//go:build stack && linux

package compose_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const (
	baseName    = "sluice-test/base"
	moduleProxy = "file:///usr/share/modules" // in the stand-in for the golang image
	plantedName = "planted"                   // in the names of files that no image may have
	packages    = "ca-certificates,curl,mariadb-server,prometheus"
	suite       = "bookworm"
)

// prepare does, outside the namespaces, all that needs the network.
func prepare(t *testing.T, folder string) {
	copyProject(t, filepath.Join(folder, "project"))
	makeModules(t, filepath.Join(folder, "modules"))
	standIn := filepath.Join(folder, "grafana")
	run(t, "", []string{"CGO_ENABLED=0"}, "go", "build", "-o", filepath.Join(standIn, "grafana"), "./deploy/compose/testdata/grafana")
	for name, packages := range map[string]string{"base.tar": packages, "python.tar": pythonPackages} {
		if err := os.Symlink(base(t, packages), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	prepareFlask(t, filepath.Join(folder, "flask"))
}

// copyProject copies what compose.yaml needs, makes its secrets, and plants
// secrets where people leave them.
func copyProject(t *testing.T, to string) {
	for _, name := range []string{"app", "dashboards", "deploy/compose/testdata"} {
		if err := os.CopyFS(filepath.Join(to, name), os.DirFS(name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"compose.yaml", "deploy/compose/secrets.sh"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(to, name), text)
	}
	for _, name := range []string{"todo.db", ".env", "data/session.key", "web/.key", "store/testdata/dump.sql"} {
		write(t, filepath.Join(to, "app", filepath.Dir(name), plantedName, filepath.Base(name)), []byte("secret"))
		write(t, filepath.Join(to, "app", name+"."+plantedName), []byte("secret"))
	}
	run(t, to, nil, "sh", "deploy/compose/secrets.sh")
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// makeModules fills a folder that the go command takes for a module proxy with
// the service's modules, from those of this machine as far as they are there.
func makeModules(t *testing.T, to string) {
	mine := strings.TrimSpace(run(t, "app", nil, "go", "env", "GOMODCACHE"))
	proxy := strings.TrimSpace(run(t, "app", nil, "go", "env", "GOPROXY"))
	cache := t.TempDir()
	run(t, "app", []string{
		"GOMODCACHE=" + cache, "GOFLAGS=-modcacherw", "GOWORK=off",
		"GOPROXY=file://" + mine + "/cache/download," + proxy,
	}, "go", "mod", "download")
	if err := os.Rename(filepath.Join(cache, "cache/download"), to); err != nil {
		t.Fatal(err)
	}
}

// base is a Debian with some packages, kept for the next run.
func base(t *testing.T, packages string) string {
	user, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(user, "sluice-test")
	kept := filepath.Join(cache, fmt.Sprintf("%s-%s-%s.tar", suite, runtime.GOARCH, strings.ReplaceAll(packages, ",", "-")))
	if _, err := os.Stat(kept); err == nil {
		return kept
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	run(t, "", nil, "debootstrap", "--variant=minbase", "--include="+packages, suite, root)
	// The roots that this machine trusts, its own among them.
	run(t, "", nil, "cp", "/etc/ssl/certs/ca-certificates.crt", filepath.Join(root, "etc/ssl/certs/"))
	aside := filepath.Join(t.TempDir(), "base.tar")
	run(t, root, nil, "tar", "--exclude=./var/cache/apt/archives/*.deb", "--exclude=./var/lib/apt/lists/*",
		"--exclude=./usr/share/doc/*", "--exclude=./usr/share/man/*", "--exclude=./usr/share/locale/*", "-cf", aside, ".")
	if err := move(aside, kept); err != nil {
		t.Fatal(err)
	}
	return kept
}

// move copies to another file system, too, and leaves nothing half-written.
func move(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(to), ".aside-")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(out.Name(), to)
}

// run runs a command outside the namespaces and returns its standard output.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	if found, err := find(name); err == nil && name != "go" { // go is the one that runs this test
		name = found
	}
	var out, errs bytes.Buffer
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir, c.Env, c.Stdout, c.Stderr = dir, append(os.Environ(), env...), &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, last(out.String()+errs.String(), 4<<10))
	}
	return out.String()
}

// makeStandIns makes the images that the Dockerfile and compose.yaml name.
func (s *stack) makeStandIns(t *testing.T) {
	s.load(t, "base.tar", baseName)
	goRoot := strings.TrimSpace(run(t, "", nil, "go", "env", "GOROOT"))
	testdata := filepath.Join(s.project, "deploy/compose/testdata")
	s.build(t, "sluice-test/go", goRoot, "FROM "+baseName+"\nCOPY . /usr/local/go\nENV PATH=/usr/local/go/bin:/usr/bin:/bin\n")
	s.build(t, "golang:1.26-bookworm", filepath.Join(s.folder, "modules"), "FROM sluice-test/go\nCOPY . /usr/share/modules\n")
	s.build(t, "mysql:8.4", filepath.Join(testdata, "mysql"), "")
	s.build(t, "prom/prometheus:v3.5.0", filepath.Join(testdata, "prometheus"), "")
	text, err := os.ReadFile(filepath.Join(testdata, "grafana/Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	s.build(t, "grafana/grafana:12.2.0", filepath.Join(s.folder, "grafana"), string(text))
}

// load makes an image of files.
func (s *stack) load(t *testing.T, tar, tag string) {
	t.Helper()
	in, err := os.Open(filepath.Join(s.folder, tar))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	docker, err := find("docker")
	if err != nil {
		t.Fatal(err)
	}
	s.command(t, in, docker, "import", "-", tag)
}

// build builds an image by a Dockerfile's text, or by the folder's own.
func (s *stack) build(t *testing.T, tag, folder, dockerfile string) {
	t.Helper()
	docker, err := find("docker")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{docker, "build", "--quiet", "--tag", tag}
	if dockerfile != "" {
		args = append(args, "--file", "-")
	}
	s.command(t, strings.NewReader(dockerfile), append(args, folder)...)
}
