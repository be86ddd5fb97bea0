//go:build stack && linux

package compose_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What stands in for Python's images: Debian 12, with its own Python where theirs
// is, an index in a folder, and a package that Debian has mended since.
const (
	pythonPackages = "ca-certificates,python3-venv"
	pythonBase     = `FROM sluice-test/python
COPY . /srv
RUN echo 'deb [trusted=yes] file:/srv/apt ./' >/etc/apt/sources.list && rm -rf /etc/apt/sources.list.d/* \
 && dpkg --install --force-downgrade /srv/openssl_3.0.11-1_all.deb \
 && python3 -m venv --copies /usr/local
ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/srv/wheels
`
)

// prepareFlask makes what the Flask service is built and scanned with.
func prepareFlask(t *testing.T, folder string) {
	context, service := filepath.Join(folder, "context"), filepath.Join(folder, "service")
	for _, dir := range []string{filepath.Join(context, "wheels"), filepath.Join(context, "apt"), filepath.Join(folder, "database"), filepath.Join(folder, "cache")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "", []string{"CGO_ENABLED=0"}, "go", "build", "-o", filepath.Join(folder, "sluice"), "./cmd/sluice")
	run(t, "internal/scan/trivy/testdata/database", nil, "go", "run", ".", filepath.Join(folder, "database"))
	debs(t, context)
	requirements := run(t, "", nil, "/usr/bin/python3", "deploy/compose/testdata/python/wheels.py", filepath.Join(context, "wheels"),
		"Flask", "Werkzeug", "Jinja2", "MarkupSafe", "itsdangerous", "click", "gunicorn")
	wheels, err := filepath.Glob("/usr/share/python-wheels/setuptools-*.whl")
	if err != nil || len(wheels) != 1 {
		t.Fatalf("wheels of setuptools: %q, %v", wheels, err)
	}
	setuptools := filepath.Base(wheels[0])
	write(t, filepath.Join(context, "wheels", setuptools), read(t, wheels[0]))
	if err := os.CopyFS(service, os.DirFS("testdata/flask")); err != nil {
		t.Fatal(err)
	}
	// Debian's versions are what there are wheels of; no digest is known of what is made here.
	write(t, filepath.Join(service, "requirements.txt"), []byte(requirements+"setuptools=="+strings.Split(setuptools, "-")[1]+"\n"))
	dockerfile := filepath.Join(service, "Dockerfile")
	write(t, dockerfile, regexp.MustCompile(`@sha256:[0-9a-f]{64}`).ReplaceAll(read(t, dockerfile), nil))
	if err := os.Rename(filepath.Join(service, "Dockerfile.original"), filepath.Join(folder, "Dockerfile.original")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(service, "sluice.yaml"), []byte("service: flask\ntrivydb: "+filepath.Join(folder, "database")+"\n"))
	run(t, service, nil, "git", "init", "--quiet", "--initial-branch", "main")
	commit(t, service)
	if err := os.Symlink(kept(t), filepath.Join(folder, "cache", "tools")); err != nil {
		t.Fatal(err)
	}
}

// debs makes two versions of a package: one to install, the other in a repository.
func debs(t *testing.T, folder string) {
	for _, version := range []string{"3.0.11-1", "3.0.15-1~deb12u1"} {
		from := t.TempDir()
		control := "Package: openssl\nVersion: " + version + "\nArchitecture: all\nMaintainer: tests <tests@example.com>\nDescription: stands in for openssl\n"
		write(t, filepath.Join(from, "DEBIAN", "control"), []byte(control))
		write(t, filepath.Join(from, "usr/share/doc/openssl/copyright"), []byte("none\n"))
		name := "openssl_" + strings.TrimSuffix(version, "~deb12u1") + "_all.deb"
		run(t, "", nil, "dpkg-deb", "--root-owner-group", "--build", from, filepath.Join(folder, name))
		if version == "3.0.11-1" {
			continue
		}
		text := read(t, filepath.Join(folder, name))
		write(t, filepath.Join(folder, "apt", name), text)
		write(t, filepath.Join(folder, "apt", "Packages"), fmt.Appendf(nil, "%sFilename: ./%s\nSize: %d\nSHA256: %x\n", control, name, len(text), sha256.Sum256(text)))
	}
}

// kept is where "sluice tools install" has put Trivy.
func kept(t *testing.T) string {
	cache := os.Getenv("SLUICE_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(user, "sluice")
	}
	return filepath.Join(cache, "tools")
}

func commit(t *testing.T, dir string) {
	who := []string{"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com"}
	run(t, dir, nil, "git", "add", "-A")
	run(t, dir, who, "git", "commit", "--quiet", "--allow-empty", "--message", "As it is")
}

// testFlask takes the Flask service from its source to a running, rolled-out
// service; with the Dockerfile that such services usually come with, the gate of
// the image shuts for what the base has and Debian has mended.
func (s *stack) testFlask(t *testing.T) {
	folder := filepath.Join(s.folder, "flask")
	s.load(t, "python.tar", "sluice-test/python")
	for _, tag := range []string{"python:3.13-slim-trixie", "python:3.12"} {
		s.build(t, tag, filepath.Join(folder, "context"), pythonBase)
	}
	sluice := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		c := exec.Command(filepath.Join(folder, "sluice"), args...)
		c.Dir, c.Stdout, c.Stderr = filepath.Join(folder, "service"), &out, &out
		c.Env = append(os.Environ(), "PATH="+s.variable("PATH"), "DOCKER_HOST="+s.variable("DOCKER_HOST"), "HOME="+folder, "CI=",
			"SLUICE_CACHE="+filepath.Join(folder, "cache"), "XDG_STATE_HOME="+filepath.Join(folder, "state"))
		if err := c.Run(); c.ProcessState == nil || c.ProcessState.ExitCode() != want {
			t.Fatalf("sluice %s: %v, want status %d\n%s", strings.Join(args, " "), err, want, last(out.String(), 16<<10))
		}
		return out.String()
	}
	t.Cleanup(func() { sluice(0, "down") })
	t.Log(sluice(0, "run"))
	write(t, filepath.Join(folder, "service", "Dockerfile"), read(t, filepath.Join(folder, "Dockerfile.original")))
	commit(t, filepath.Join(folder, "service"))
	out := sluice(1, "run", "--only", "image-scan")
	if !strings.Contains(out, "CVE-2030-0001") || strings.Contains(out, "CVE-2030-0002") {
		t.Errorf("the original's image is let pass, or what nobody has mended shuts the gate:\n%s", out)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
