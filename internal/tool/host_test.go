package tool

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sluice-ci/sluice/internal/hint"
)

// siteLock is a lock with one tool that runs in the service's interpreter.
func siteLock(t *testing.T, name, version string, wheel []byte) Lock {
	t.Helper()
	lock, err := readLock(fstest.MapFS{
		"tools.json":  {Data: fmt.Appendf(nil, `{"tools":[{"name":%q,"kind":"python","version":%q,"module":%[1]q,"python":"3.9","site":true,"least":"1","below":"10"}]}`, name, version)},
		name + ".txt": {Data: fmt.Appendf(nil, "%s==%s --hash=sha256:%s\n", name, version, hash(wheel))},
	})
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

// environment makes a virtual environment with these files beside its packages, by name.
func environment(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("/usr/bin/python3", "-I", "-m", "venv", "--without-pip", "--symlinks", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	site, err := (maker{dir: dir}).site()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		write(t, filepath.Join(site, name), text, 0o644)
	}
	return dir
}

// TestHosted runs a tool with the packages of an environment and of PYTHONPATH, where
// its own come first.
func TestHosted(t *testing.T) {
	t.Parallel()
	needPython(t)
	good := wheel(t, "1.2.3")
	i, lock := installer(t.TempDir(), wheels(t, map[string][]byte{goodWheel: good})), siteLock(t, "checker", "1.2.3", good)
	if _, err := i.install(t.Context(), lock, "checker"); err != nil {
		t.Fatal(err)
	}
	const other = "raise SystemExit('another checker')\n"
	venv := environment(t, map[string]string{"theirs.py": "", "checker.py": other})
	service := t.TempDir()
	for _, name := range []string{"ours.py", "checker.py"} {
		write(t, filepath.Join(service, name), map[bool]string{true: other}[name == "checker.py"], 0o644)
	}
	look := func() Found {
		f, err := Box{Dir: i.Dir, Path: filepath.Join(venv, "bin") + ":/usr/bin:/bin"}.find(lock, "checker")
		if err == nil {
			f, err = f.probe(t.Context(), lock, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := look()
	if !f.Pinned || f.Version != "1.2.3" || !slices.Contains(f.Read, filepath.Join(venv, "lib")) || !slices.Contains(f.Read, filepath.Join(venv, "pyvenv.cfg")) {
		t.Errorf("%+v", f)
	}
	cmd := exec.Command(f.Path, "ours", "theirs", "checker")
	cmd.Dir, cmd.Env = service, append([]string{"PATH=/usr/bin:/bin", "PYTHONPATH=" + service}, f.Env...)
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != 4 || !strings.HasPrefix(lines[1], service+"/") || !strings.HasPrefix(lines[2], venv+"/") || !strings.HasPrefix(lines[3], prefix(f.Path)+"/") {
		t.Errorf("%v\n%s", err, out)
	}
	if again := look(); again.Digest != f.Digest {
		t.Errorf("the digest was %s and is %s", f.Digest, again.Digest)
	}
	write(t, filepath.Join(filepath.Dir(lines[2]), "theirs-1.dist-info", "METADATA"), "", 0o644)
	if again := look(); again.Digest == f.Digest {
		t.Error("the digest does not tell another package of the environment's")
	}
	bare, err := Box{Dir: i.Dir, Path: "bin"}.find(lock, "checker")
	if err == nil {
		bare, err = bare.probe(t.Context(), lock, nil)
	}
	if err != nil || len(bare.Env) > 0 {
		t.Errorf("without an interpreter in PATH: %+v, %v", bare, err)
	}
}

// TestHostsThatWillNotDo: what cannot run the tool is not used for it, and an
// interpreter of the repository's is no more one than another program of its.
func TestHostsThatWillNotDo(t *testing.T) {
	t.Parallel()
	needPython(t)
	good := wheel(t, "1.2.3")
	i, lock := installer(t.TempDir(), wheels(t, map[string][]byte{goodWheel: good})), siteLock(t, "checker", "1.2.3", good)
	if _, err := i.install(t.Context(), lock, "checker"); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"it fails": "exit 1", "it says nothing": "", "it says another version": "echo 3.9.0"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "python3"), "#!/bin/sh\n"+text+"\n", 0o755)
		f, err := Box{Dir: i.Dir, Path: dir}.find(lock, "checker")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.probe(t.Context(), lock, nil); err == nil || !strings.Contains(hint.Remedy(err), "first python3 in PATH") {
			t.Errorf("%s: %v, remedy %q", name, err, hint.Remedy(err))
		}
		f, err = Box{Dir: i.Dir, Path: dir, Repository: dir}.find(lock, "checker")
		if err == nil {
			_, err = f.probe(t.Context(), lock, nil)
		}
		if err != nil || len(f.Env) > 0 {
			t.Errorf("%s, in the repository: %+v, %v", name, f, err)
		}
	}
}

// debiansPytest is a wheel of Debian's pytest with all that it needs, and its version.
func debiansPytest(t *testing.T) (wheel []byte, version string) {
	t.Helper()
	out, err := exec.Command("/usr/bin/python3", "-I", "-c", "import pytest, pytest_cov; print(pytest.__version__)").Output()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3-pytest and python3-pytest-cov are not installed")
		}
		t.Skip("python3-pytest and python3-pytest-cov are not installed")
	}
	version = strings.TrimSpace(string(out))
	info := "pytest-" + version + ".dist-info/"
	files := [][2]string{
		{info + "METADATA", "Metadata-Version: 2.1\nName: pytest\nVersion: " + version + "\n"},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{info + "entry_points.txt", "[pytest11]\npytest_cov = pytest_cov.plugin\n"},
	}
	tree := os.DirFS("/usr/lib/python3/dist-packages")
	for _, top := range []string{"pytest", "_pytest", "pluggy", "iniconfig", "packaging", "attr", "coverage", "pytest_cov", "py"} {
		err := fs.WalkDir(tree, top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".py" {
				return err
			}
			text, err := fs.ReadFile(tree, path)
			files = append(files, [2]string{path, string(text)})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return packed(t, info, files), version
}

// TestHostedPytest has pytest run tests that need a package of an environment which has
// no pytest, and where the service and the environment have things called as pytest's are.
func TestHostedPytest(t *testing.T) {
	t.Parallel()
	needPython(t)
	wheel, version := debiansPytest(t)
	lock := siteLock(t, "pytest", version, wheel)
	i := installer(t.TempDir(), wheels(t, map[string][]byte{"pytest-" + version + "-py3-none-any.whl": wheel}))
	if _, err := i.install(t.Context(), lock, "pytest"); err != nil {
		t.Fatal(err)
	}
	const other = "raise SystemExit('another one')\n"
	venv := environment(t, map[string]string{
		"flaskish.py": "def app():\n    return 1\n", "other_cov.py": other, "_pytest/__init__.py": other,
		"other_cov-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: other-cov\nVersion: 1\n", "other_cov-1.dist-info/entry_points.txt": "[pytest11]\npytest_cov = other_cov\n",
	})
	b := Box{Dir: i.Dir, Path: filepath.Join(venv, "bin")}
	f, err := b.find(lock, "pytest")
	if err == nil {
		f, err = f.probe(t.Context(), lock, []string{"PATH=/usr/bin:/bin"})
	}
	if err != nil {
		t.Fatal(err)
	}
	service := t.TempDir()
	for name, text := range map[string]string{
		"app.py": "import flaskish\n\n\ndef one():\n    return flaskish.app()\n", "pytest.py": other, "pluggy.py": other, "pytest_cov.py": other,
		"tests/test_app.py": "import os\nimport app\n\n\ndef test_one():\n    assert app.one() == 1 and 'SLUICE_PYTHON' not in os.environ\n",
	} {
		write(t, filepath.Join(service, name), text, 0o644)
	}
	cmd := exec.Command(f.Path, "-p", "no:cacheprovider", "--cov=.", "--cov-report=xml:coverage.xml", "--junitxml=junit.xml", ".")
	cmd.Dir, cmd.Env = service, append([]string{"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "PYTHONPATH=" + service}, f.Env...)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "1 passed") {
		t.Errorf("%v\n%s", err, out)
	}
	for name, text := range map[string]string{"junit.xml": `tests="1"`, "coverage.xml": `filename="app.py"`} {
		if data, err := os.ReadFile(filepath.Join(service, name)); err != nil || !strings.Contains(string(data), text) {
			t.Errorf("%s: %v\n%s", name, err, data)
		}
	}
	if _, err := f.probe(t.Context(), lock, nil); err != nil {
		t.Errorf("after its use: %v", err)
	}
}
