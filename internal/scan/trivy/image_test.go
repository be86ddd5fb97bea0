package trivy

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/tool"
)

const (
	debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n"
	alpine = "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME=\"Alpine Linux v3.20\"\n"
	buster = "PRETTY_NAME=\"Debian GNU/Linux 10 (buster)\"\nID=debian\nVERSION_ID=\"10\"\n"
)

// dpkgOf is dpkg's note of packages: a name and a version each.
func dpkgOf(packages ...string) string {
	text := ""
	for i := 0; i < len(packages); i += 2 {
		text += "Package: " + packages[i] + "\nStatus: install ok installed\nSource: " + packages[i] + "\nVersion: " + packages[i+1] + "\nArchitecture: amd64\nMaintainer: D <d@debian.org>\n\n"
	}
	return text
}

// built is what the job "build" leaves of an image with files, with a program at least.
func built(t *testing.T, files map[string]string) pipeline.Need {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	files = maps.Clone(files)
	files["app"] = "program"
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(files[name]))}
		if target, ok := strings.CutPrefix(files[name], "-> "); ok {
			h.Typeflag, h.Linkname, h.Size, files[name] = tar.TypeSymlink, target, 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	im, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON),
		mutate.Addendum{Layer: static.NewLayer(b.Bytes(), types.OCIUncompressedLayer), MediaType: types.OCIUncompressedLayer})
	if err != nil {
		t.Fatal(err)
	}
	config, err := im.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	if im, err = mutate.ConfigFile(im, config); err != nil {
		t.Fatal(err)
	}
	return layoutOf(t, im)
}

func layoutOf(t *testing.T, im v1.Image) pipeline.Need {
	t.Helper()
	out := t.TempDir()
	path, err := layout.Write(filepath.Join(out, "image"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(im); err != nil {
		t.Fatal(err)
	}
	digest, err := im.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Need{Out: out, Reports: map[string]pipeline.Report{"build": {Stage: "build", Values: map[string]string{"digest": digest.String()}}}}
}

// databaseOf is the tests' database.
func databaseOf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "run", ".", dir)
	cmd.Dir = filepath.Join("testdata", "database")
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("writing a database: %v\n%s", err, out)
	}
	return dir
}

// work does a job with what the jobs before it left.
func work(t *testing.T, w pipeline.Worker, dir string, p any, needs map[string]pipeline.Need) (pipeline.Report, error) {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	a, err := w(t.Context(), pipeline.Task{Job: t.Name(), Root: dir, Dir: dir, Out: t.TempDir(), Cache: t.TempDir(), Params: text, Needs: needs, Progress: func(string) {}, Log: t.Output()})
	if err != nil {
		return pipeline.Report{}, err
	}
	return a.Reports[0], nil
}

// databaseNeed is what the job "trivydb" leaves of a folder.
func databaseNeed(t *testing.T, dir string) pipeline.Need {
	t.Helper()
	r, err := work(t, Database{}.Worker(), dir, databaseParams{Source: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Need{Reports: map[string]pipeline.Report{DatabaseName: r}}
}

func TestImageWithoutPackagesNeedsNoDatabase(t *testing.T) {
	t.Parallel()
	r, err := work(t, Image{}.Worker(), t.TempDir(), params{}, map[string]pipeline.Need{"build": built(t, map[string]string{})})
	if err != nil {
		t.Fatal(err)
	}
	if d := pipeline.Decide(r, pipeline.Verdict{}, true); d.Outcome != pipeline.Passed || len(r.Notes) != 1 {
		t.Errorf("%s %s %v", d.Outcome, d.Reason, r.Notes)
	}
}

func TestImageWithPackagesNeedsADatabase(t *testing.T) {
	t.Parallel()
	need := built(t, map[string]string{"etc/os-release": "-> ../usr/lib/os-release", "usr/lib/os-release": debian, "var/lib/dpkg/status": dpkgOf("openssl", "1", "bash", "1")})
	tests := map[string]struct {
		left map[string]pipeline.Report
		want string
	}{
		"none was planned":    {nil, "stage trivydb left none"},
		"it could not be had": {map[string]pipeline.Report{DatabaseName: {NotRun: "no network"}}, "no network"},
	}
	for name, tt := range tests {
		r, err := work(t, Image{}.Worker(), t.TempDir(), params{}, map[string]pipeline.Need{"build": need, DatabaseName: {Reports: tt.left}})
		if want := "the image has 2 packages of Debian GNU/Linux 12 (bookworm), and there is no vulnerability database: " + tt.want; err != nil || r.NotRun != want || r.Remedy == "" {
			t.Errorf("%s: %q, %v", name, r.NotRun, err)
		}
	}
}

// withTrivy is the parameters of a job with the Trivy of the tests.
func withTrivy(t *testing.T) params {
	t.Helper()
	return params{Version: "v1", Trivy: tool.Found{Name: toolName, Path: trivyPath(t), Pinned: true}}
}

func TestImagePackages(t *testing.T) {
	t.Parallel()
	p, db := withTrivy(t), databaseNeed(t, databaseOf(t))
	const python, django = "srv/site-packages/django-4.2.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: Django\nVersion: 4.2.1\n"
	tests := map[string]struct {
		files    map[string]string
		findings []string
		notRun   string
		blocked  int
	}{
		"old packages of Debian's": {
			map[string]string{"etc/os-release": debian, "etc/debian_version": "12.5\n", "var/lib/dpkg/status": dpkgOf("openssl", "3.0.11-1~deb12u1", "bash", "5.2.15-2")},
			[]string{"CVE-2030-0001 openssl@3.0.11-1~deb12u1 critical image:/var/lib/dpkg/status", "CVE-2030-0002 openssl@3.0.11-1~deb12u1 critical image:/var/lib/dpkg/status"}, "", 1,
		},
		"new ones": {
			map[string]string{"etc/os-release": debian, "etc/debian_version": "12.5\n", "var/lib/dpkg/status": dpkgOf("openssl", "3.0.15-1~deb12u1")},
			[]string{"CVE-2030-0002 openssl@3.0.15-1~deb12u1 critical image:/var/lib/dpkg/status"}, "", 0,
		},
		"packages of Alpine's": {
			map[string]string{"etc/os-release": alpine, "etc/alpine-release": "3.20.3\n", "lib/apk/db/installed": "P:libssl3\nV:3.3.1-r0\nA:x86_64\no:openssl\n\nP:musl\nV:1.2.5-r0\nA:x86_64\no:musl\n\n"},
			[]string{"CVE-2030-0001 libssl3@3.3.1-r0 critical image:/lib/apk/db/installed"}, "", 1,
		},
		"a release of which nothing is known": {
			map[string]string{"etc/os-release": buster, "etc/debian_version": "10.1\n", "var/lib/dpkg/status": dpkgOf("openssl", "1")},
			nil, "the database knows nothing of packages of Debian GNU/Linux 10 (buster)", 0,
		},
		"packages of Python's": {
			map[string]string{python: django},
			[]string{"CVE-2030-0003 Django@4.2.1 high image:/"}, "", 1,
		},
		"one that a package of Debian's has": {
			map[string]string{
				"etc/os-release": debian, "etc/debian_version": "12.5\n", "var/lib/dpkg/status": dpkgOf("bash", "5.2.15-2", "python3-django", "3:3.2.19-1", "openssl", "3.0.15-1~deb12u1"),
				"var/lib/dpkg/info/python3-django.list": "/" + python + "\n", "var/lib/dpkg/info/python3-django.md5sums": "00  " + python + "\n", python: django,
			},
			[]string{"CVE-2030-0002 openssl@3.0.15-1~deb12u1 critical image:/var/lib/dpkg/status"}, "", 0,
		},
		"one that a package of another's has": {
			map[string]string{
				"etc/os-release": debian, "etc/debian_version": "12.5\n", "var/lib/dpkg/status": dpkgOf("bash", "5.2.15-2") + strings.ReplaceAll(dpkgOf("agent", "1"), "debian.org", "example.com"),
				"var/lib/dpkg/info/agent.list": "/" + python + "\n", python: django,
			},
			[]string{"CVE-2030-0003 Django@4.2.1 high image:/"}, "", 1,
		},
		"one that a package is said to have which is not installed": {
			map[string]string{
				"etc/os-release": debian, "etc/debian_version": "12.5\n", "var/lib/dpkg/status": dpkgOf("bash", "5.2.15-2"),
				"var/lib/dpkg/info/planted.list": "/" + python + "\n", "var/lib/dpkg/info/bash.md5sums": "00  " + python + "\n", python: django,
			},
			[]string{"CVE-2030-0003 Django@4.2.1 high image:/"}, "", 1,
		},
		"one that Trivy takes for a part of a package of Alpine's": {
			map[string]string{
				"etc/os-release": alpine, "etc/alpine-release": "3.20.3\n", python: django,
				"lib/apk/db/installed": "F:srv/site-packages/django-4.2.1.dist-info\nR:METADATA\n\nP:musl\nV:1.2.5-r0\nA:x86_64\no:musl\n\n",
			},
			nil, "Trivy: it examined 0 of 1 packages of Python's; not Django 4.2.1 (/srv/site-packages/django-4.2.1.dist-info/METADATA)", 0,
		},
		"packages of Python's that say nothing": {
			map[string]string{"code/a.egg-info": "Name: a\n", "code/b.dist-info/RECORD": "", "code/c.dist-info": "-> /opt/c", "code/d.dist-info": "-> ../" + path.Dir(python), python: django},
			[]string{"CVE-2030-0003 Django@4.2.1 high image:/"},
			"3 packages of Python's do not say what they are: /code/a.egg-info: \"\" is no version; /code/b.dist-info: there is no metadata in it; /code/c.dist-info: there is no metadata in it", 1,
		},
		"packages of Node.js's and Ruby's": {
			map[string]string{
				"code/node_modules/lodash/package.json": `{"name": "lodash", "version": "4.17.1", "workspaces": [1]}`, "code/node_modules/@s/n/package.json": `{"name": "@s/n", "version": "1.0.0"}`,
				"code/node_modules/lodash/fp/package.json": `{}`, "usr/lib/ruby/specifications/rack-1.gemspec": "Gem::Specification.new do |s|\n  s.name = \"rack\".freeze\n  s.version = '1.0.0'\nend\n",
			},
			[]string{"CVE-2030-0004 lodash@4.17.1 high image:/", "CVE-2030-0005 rack@1.0.0 high image:/"}, "", 2,
		},
		"what nobody looks up": {
			map[string]string{"code/a.jar": "x", "code/b.JAR": "x", "code/node_modules/broken/package.json": "{", "opt/conda/conda-meta/x.json": "{}"},
			[]string{"image-unexamined  low image:/code/a.jar", "image-unexamined  low image:/code/node_modules/broken/package.json", "image-unexamined  low image:/opt/conda/conda-meta/x.json"}, "", 3,
		},
		"packages of RPM's in distroless images": {
			map[string]string{"var/lib/rpmmanifest/container-manifest-2": "x", "var/lib/dpkg/status": dpkgOf("bash", "5")}, nil,
			"the image has packages of RPM (/var/lib/rpmmanifest/container-manifest-2), for which there is no self-test yet", 0,
		},
		"packages of RPM's": {
			map[string]string{"var/lib/rpm/rpmdb.sqlite": "x"}, nil,
			"the image has packages of RPM (/var/lib/rpm/rpmdb.sqlite), for which there is no self-test yet", 0,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := work(t, Image{probe: asIs}.Worker(), t.TempDir(), p, map[string]pipeline.Need{"build": built(t, tt.files), DatabaseName: db})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			var blocking []sarif.Finding
			for _, f := range r.Findings {
				got = append(got, f.Rule+" "+f.Module+" "+f.Severity.String()+" "+f.Location.Path)
				if !f.Unfixed {
					blocking = append(blocking, f)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.findings, got); diff != "" || r.NotRun != tt.notRun || len(blocking) != tt.blocked {
				t.Errorf("not run %q, blocking %d (-want +got):\n%s", r.NotRun, len(blocking), diff)
			}
			want := pipeline.Passed
			switch {
			case tt.blocked > 0:
				want = pipeline.Failed
			case tt.notRun != "":
				want = pipeline.NotRun
			}
			if d := pipeline.Decide(r, pipeline.Verdict{Blocking: blocking}, true); d.Outcome != want {
				t.Errorf("%s %s", d.Outcome, d.Reason)
			}
		})
	}
}

func TestDeps(t *testing.T) {
	t.Parallel()
	p, db := withTrivy(t), databaseNeed(t, databaseOf(t))
	dir := folder(t, map[string]string{
		"requirements.txt":     "Flask==3.0.0\nrequests\n",
		"requirements-dev.txt": "django==4.2.1\n",
		"poetry.lock":          "[[package]]\nname = \"Django\"\nversion = \"4.2.20\"\ndescription = \"\"\noptional = false\npython-versions = \">=3.8\"\nfiles = []\n\n[metadata]\nlock-version = \"2.0\"\npython-versions = \"^3.11\"\ncontent-hash = \"x\"\n",
	})
	r, err := work(t, Deps{probe: asIs}.Worker(), dir, depsParams{params: p, Dir: "."}, map[string]pipeline.Need{DatabaseName: db})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Rule+" "+f.Module+" "+f.Location.Path)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"CVE-2030-0003 django@4.2.1 requirements-dev.txt", "requirement-unpinned  requirements.txt"}, got); diff != "" || r.NotRun != "" {
		t.Errorf("not run %q, notes %q (-want +got):\n%s", r.NotRun, r.Notes, diff)
	}
	want := []pipeline.Count{{What: "packages of poetry.lock", N: 1, Of: 1}, {What: "packages of requirements-dev.txt", N: 1, Of: 1}, {What: "packages of requirements.txt", N: 1, Of: 1}}
	if diff := cmp.Diff(want, r.Examined); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadPackages(t *testing.T) {
	t.Parallel()
	dpkg := "Package: a\nStatus: install ok installed\nSource: src (1.0)\n\nPackage: gone\nStatus: deinstall ok config-files\n\n\nPackage: b\nDescription: x\n Package: no\n"
	apk := "P:musl\nV:1\no:musl\n\nP:libssl3\no:openssl\nF:lib\n"
	for name, want := range map[string][]installed{
		"/var/lib/dpkg/status":        {{"a", "src"}, {"b", ""}},
		"/var/lib/dpkg/status.d/base": {{"a", "src"}, {"b", ""}},
		"/lib/apk/db/installed":       {{"musl", "musl"}, {"libssl3", "openssl"}},
		"/var/lib/rpm/rpmdb.sqlite":   nil,
	} {
		text := dpkg
		if strings.Contains(name, "apk") {
			text = apk
		}
		if diff := cmp.Diff(want, readPackages(name, []byte(text)), cmp.AllowUnexported(installed{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func FuzzReadPackages(f *testing.F) {
	f.Add("Package: a\nStatus: install ok installed\n\n")
	f.Add("P:a\nV:1\n\nP:b\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"/var/lib/dpkg/status", "/lib/apk/db/installed"} {
			for _, p := range readPackages(name, []byte(text)) {
				if p.name == "" || strings.Contains(p.name, "\n") {
					t.Errorf("%+v", p)
				}
			}
		}
	})
}

func TestDatabaseThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string]string{
		"nothing":        {},
		"no metadata":    {"trivy.db": "x"},
		"no data":        {"metadata.json": `{"Version":2,"UpdatedAt":"2026-01-02T03:04:05Z"}`},
		"empty data":     {"metadata.json": `{"Version":2,"UpdatedAt":"2026-01-02T03:04:05Z"}`, "trivy.db": ""},
		"no date":        {"metadata.json": `{"Version":2}`, "trivy.db": "x"},
		"another schema": {"metadata.json": `{"Version":3,"UpdatedAt":"2026-01-02T03:04:05Z"}`, "trivy.db": "x"},
		"yet to come":    {"metadata.json": `{"Version":2,"UpdatedAt":"` + time.Now().AddDate(0, 0, 3).Format(time.RFC3339) + `"}`, "trivy.db": "x"},
	}
	for name, files := range tests {
		if r, err := work(t, Database{}.Worker(), t.TempDir(), databaseParams{Source: folder(t, files)}, nil); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestDatabaseJob(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		service scan.Service
		applies bool
		network pipeline.Network
	}{
		"Go":                  {scan.Service{GoModule: "m"}, false, pipeline.Outside},
		"Go with a database":  {scan.Service{GoModule: "m", Options: scan.Options{TrivyDB: "example.com/db:2"}}, true, pipeline.Outside},
		"Python":              {scan.Service{Python: true}, true, pipeline.Outside},
		"Python and a folder": {scan.Service{Python: true, Options: scan.Options{TrivyDB: "/db"}}, true, pipeline.NoNetwork},
	}
	for name, tt := range tests {
		job, err := Database{}.Job(tt.service)
		if err != nil || (job.NotApplicable == "") != tt.applies || job.Access.Network != tt.network {
			t.Errorf("%s: %+v, %v", name, job, err)
		}
	}
}
