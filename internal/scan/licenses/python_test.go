package licenses

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/pydist"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
)

// built is what the job "build" leaves of an image with files; the text of a link is
// "-> " and its target, "=> " and the other name.
func built(t *testing.T, files map[string]string) pipeline.Need {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := files[name]
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text))}
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			h.Typeflag, h.Linkname, h.Size, text = tar.TypeSymlink, target, 0, ""
		}
		if other, ok := strings.CutPrefix(text, "=> "); ok {
			h.Typeflag, h.Linkname, h.Size, text = tar.TypeLink, other, 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
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
	out := t.TempDir()
	path, err := layout.Write(filepath.Join(out, "image"), empty.Index)
	if err == nil {
		err = path.AppendImage(im)
	}
	digest, other := im.Digest()
	if err = errors.Join(err, other); err != nil {
		t.Fatal(err)
	}
	return pipeline.Need{Out: out, Reports: map[string]pipeline.Report{"build": {Stage: "build", Values: map[string]string{"digest": digest.String()}}}}
}

// pythonRun does the job on a service and an image of it.
func pythonRun(t *testing.T, service, files map[string]string, terms scan.Licenses) pipeline.Report {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "svc", "Dockerfile"), "FROM scratch\n")
	for name, text := range service {
		write(t, filepath.Join(root, "svc", name), text)
	}
	job, err := Scanner{}.Job(scan.Service{Name: "web", Root: root, Dir: filepath.Join(root, "svc"), Python: true, Version: "v1", Options: scan.Options{Licenses: terms}})
	if err != nil || !slices.Equal(job.Needs, []string{"build"}) {
		t.Fatalf("%+v, %v", job, err)
	}
	p, err := json.Marshal(job.Params)
	if err != nil {
		t.Fatal(err)
	}
	a, err := work(t.Context(), pipeline.Task{
		Job: Stage, Root: root, Dir: filepath.Join(root, "svc"), Params: p, Cache: t.TempDir(), Log: t.Output(), Progress: func(string) {},
		Needs: map[string]pipeline.Need{"build": built(t, files)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a.Reports[0]
}

const site = "usr/local/lib/python3.13/site-packages/"

// flask is an image with two distributions, of which one needs the other.
func flask(files map[string]string) map[string]string {
	all := map[string]string{
		site + "Flask-3.0.0.dist-info/METADATA":      "Name: Flask\nVersion: 3.0.0\nClassifier: License :: OSI Approved :: BSD License\nRequires-Dist: Jinja2>=3\nRequires-Dist: extra.one; extra == 'more'\n",
		site + "Flask-3.0.0.dist-info/LICENSE.rst":   bsd,
		site + "jinja2-3.1.0.dist-info/METADATA":     "Name: Jinja2\nVersion: 3.1.0\nLicense: BSD-3-Clause\n",
		site + "jinja2-3.1.0.dist-info/entry_points": "[x]\n",
	}
	maps.Copy(all, files)
	return all
}

const bsd = "BSD License\n\nRedistribution and use in source and binary forms, with or without modification, are permitted provided that the following conditions are met:\n\n" +
	"1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following disclaimer.\n\n" +
	"2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following disclaimer in the documentation and/or other materials provided with the distribution.\n\n" +
	"3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or promote products derived from this software without specific prior written permission.\n\n" +
	"THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS \"AS IS\" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.\n"

func TestPython(t *testing.T) {
	t.Parallel()
	requirements := map[string]string{"requirements.txt": "# by hand\nFlask[async]==3.0.0\n"}
	const extra = site + "extra_one-1.dist-info/"
	const byDefault = ", which is not let through unless gates.licenses.allow lists it "
	const byFlask = "; it comes by web → flask → extra-one"
	named := "Name: extra.one\nVersion: 1\n"
	gpl := text(t, "GPL-3.0-or-later")
	tests := map[string]struct {
		files map[string]string
		terms scan.Licenses
		want  []string
		n     int // of distributions
	}{
		"permissive":      {nil, scan.Licenses{}, nil, 2},
		"in a list":       {nil, scan.Licenses{Allow: []string{"MIT"}}, []string{"svc/requirements.txt:2 high license-denied/BSD-3-Clause: flask 3.0.0 is under BSD-3-Clause, which gates.licenses.allow does not list (LICENSE.rst); it comes by web → flask", "svc/requirements.txt:2 high license-denied/BSD-3-Clause: jinja2 3.1.0 is under BSD-3-Clause, which gates.licenses.allow does not list (METADATA); it comes by web → flask → jinja2"}, 2},
		"by an extra":     {map[string]string{extra + "METADATA": named + "License-Expression: GPL-3.0-or-later\n"}, scan.Licenses{}, []string{"svc/requirements.txt:2 high license-denied/GPL-3.0-or-later: extra-one 1 is under GPL-3.0-or-later" + byDefault + "(METADATA)" + byFlask}, 3},
		"by a text":       {map[string]string{extra + "METADATA": named, extra + "licenses/sub/LICENSE": gpl}, scan.Licenses{}, []string{"svc/requirements.txt:2 high license-denied/GPL-3.0-or-later: extra-one 1 is under GPL-3.0-or-later" + byDefault + "(LICENSE)" + byFlask}, 3},
		"by its metadata": {map[string]string{extra + "METADATA": named + "License: " + strings.ReplaceAll(gpl, "\n", "\n        ") + "\n"}, scan.Licenses{}, []string{"svc/requirements.txt:2 high license-denied/GPL-3.0-or-later: extra-one 1 is under GPL-3.0-or-later" + byDefault + "(METADATA)" + byFlask}, 3},
		"a family":        {map[string]string{extra + "METADATA": named + "License: GPL\n"}, scan.Licenses{}, []string{"svc/requirements.txt:2 high license-denied/LicenseRef-GPL-unspecified: extra-one 1 is under LicenseRef-GPL-unspecified" + byDefault + "(METADATA)" + byFlask}, 3},
		"a family, and an unknown text": {map[string]string{extra + "METADATA": named + "License: GPL\n", extra + "LICENSE": text(t, "unknown")}, scan.Licenses{},
			[]string{"svc/requirements.txt:2 high license-denied/LicenseRef-GPL-unspecified: extra-one 1 is under LicenseRef-GPL-unspecified" + byDefault + "(METADATA)" + byFlask}, 3},
		"two families, and texts of both": {map[string]string{
			extra + "METADATA":       named + "Classifier: License :: OSI Approved :: Apache Software License\nClassifier: License :: OSI Approved :: BSD License\n",
			extra + "LICENSE":        "It is made available under the terms of what is in either of the files beside this one.\n",
			extra + "LICENSE.APACHE": "SPDX-License-Identifier: Apache-2.0\n", extra + "LICENSE.BSD": bsd,
		}, scan.Licenses{Deny: []string{"Apache-2.0"}}, []string{"svc/requirements.txt:2 high license-denied/Apache-2.0: extra-one 1 is under Apache-2.0, which gates.licenses.deny lists (LICENSE.APACHE, LICENSE.BSD)" + byFlask}, 3},
		"nothing":         {map[string]string{extra + "METADATA": named}, scan.Licenses{}, []string{"svc/requirements.txt:2 medium license-unknown: the licence of extra-one 1 cannot be told: its metadata names no licence that is known, and there is no file of one with it" + byFlask}, 3},
		"an unknown text": {map[string]string{extra + "METADATA": named, extra + "LICENSE": text(t, "unknown")}, scan.Licenses{}, []string{"svc/requirements.txt:2 medium license-unknown: the licence of extra-one 1 cannot be told: LICENSE: 0 % of it is of a known licence" + byFlask}, 3},
		"an expression that cannot be read": {map[string]string{extra + "METADATA": named + "License-Expression: Ours\n"}, scan.Licenses{},
			[]string{"svc/requirements.txt:2 medium license-unknown: the licence of extra-one 1 cannot be told: its License-Expression cannot be read: \"Ours\" is no identifier of the SPDX list" + byFlask}, 3},
		"one too large": {map[string]string{extra + "METADATA": named, extra + "LICENSE": strings.Repeat("long ", maxText/5+1)}, scan.Licenses{}, []string{"svc/requirements.txt:2 medium license-unknown: the licence of extra-one 1 cannot be told: LICENSE is no file of at most 1 MiB" + byFlask}, 3},
		"nobody's": {map[string]string{site + "alone.egg-info": "Name: alone\nVersion: 2\nLicense: AGPLv3\n"}, scan.Licenses{},
			[]string{"image:/" + site + "alone.egg-info high license-denied/AGPL-3.0-only: alone 2 is under AGPL-3.0-only" + byDefault + "(alone.egg-info); it comes by the image → alone"}, 3},
		"under two names": {map[string]string{
			"opt/cache/a/x.dist-info/METADATA": "Name: x\nVersion: 1\n", "opt/cache/a/x.dist-info/LICENSE": gpl,
			site + "x.dist-info/METADATA": "=> opt/cache/a/x.dist-info/METADATA", site + "x.dist-info/LICENSE": "=> opt/cache/a/x.dist-info/LICENSE",
		}, scan.Licenses{}, []string{
			"image:/opt/cache/a/x.dist-info/METADATA high license-denied/GPL-3.0-or-later: x 1 is under GPL-3.0-or-later" + byDefault + "(LICENSE); it comes by the image → x",
		}, 4},
		"of a package of Debian's": {map[string]string{
			extra + "METADATA": named + "License: GPL\n", "var/lib/dpkg/status": "Package: a\nMaintainer: A <a@debian.org>\nStatus: install ok installed\nVersion: 1\n", "var/lib/dpkg/info/a.list": "/" + extra + "METADATA\n",
		}, scan.Licenses{}, nil, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := pythonRun(t, requirements, flask(tt.files), tt.terms)
			if diff := cmp.Diff(tt.want, outline(r)); diff != "" || r.NotRun != "" {
				t.Errorf("not run %q (-want +got):\n%s", r.NotRun, diff)
			}
			if !r.SelfTest.Passed() || len(r.SelfTest.Planted) != 16 {
				t.Errorf("the self-test: %+v", r.SelfTest)
			}
			if want := (pipeline.Count{What: "packages of Python's", N: tt.n, Of: tt.n}); r.Examined[0] != want {
				t.Errorf("the census: %+v", r.Examined)
			}
			if notes := len(r.Notes); (notes == 1) != (name == "of a package of Debian's") {
				t.Errorf("the notes: %q", r.Notes)
			}
		})
	}
}

// TestEnvironments: what git tracks is no environment, whatever is beside it.
func TestEnvironments(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	for _, name := range []string{"lib/x/LICENSE", "lib/x/pyvenv.cfg", "lib/x/y/LICENSE", "venv/pyvenv.cfg", "venv/LICENSE"} {
		write(t, filepath.Join(top, name), "")
	}
	if out, err := exec.Command("sh", "-c", `cd "$0" && git init -q && git add lib/x/y`, top).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	committed, err := committedBeside(top)
	if err != nil || !slices.Equal(committed, []string{filepath.Join(top, "lib/x")}) {
		t.Errorf("%q, %v", committed, err)
	}
	p := params{Committed: committed}
	if p.isEnvironment(filepath.Join(top, "lib/x")) || !p.isEnvironment(filepath.Join(top, "venv")) || p.isEnvironment(top) {
		t.Error("environments are not told from code")
	}
	if p.Unsure = true; p.isEnvironment(filepath.Join(top, "venv")) {
		t.Error("where git says nothing there is an environment")
	}
}

// TestPythonCopied: code that was copied into the service, too, and not what is in an
// environment on disk.
func TestPythonCopied(t *testing.T) {
	t.Parallel()
	gpl := text(t, "GPL-3.0-or-later")
	r := pythonRun(t, map[string]string{"web/vendored/it/COPYING": gpl, "venv/pyvenv.cfg": "", "venv/lib/x/LICENSE": gpl, ".venv/LICENSE": gpl}, flask(nil), scan.Licenses{})
	want := []string{"svc/web/vendored/it/COPYING high license-denied/GPL-3.0-or-later: svc/web/vendored/it is under GPL-3.0-or-later, which is not let through unless gates.licenses.allow lists it (COPYING)"}
	if diff := cmp.Diff(want, outline(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPythonOwn: the service's own distribution is not judged, unless its files ask for
// one of that name.
func TestPythonOwn(t *testing.T) {
	t.Parallel()
	files := flask(map[string]string{"app/to_do.egg-info/PKG-INFO": "Name: to_do\nVersion: 0.1\n"})
	for name, tt := range map[string]struct {
		service map[string]string
		own     bool
	}{
		"pyproject.toml":     {map[string]string{"pyproject.toml": "[build-system]\nrequires = []\n[project]\nname = \"To-Do\"\n[tool.x]\nname = \"x\"\n"}, true},
		"another table":      {map[string]string{"pyproject.toml": "[project]\nversion = \"1\"\n[[tool.poetry.source]]\nname = \"to-do\"\n"}, false},
		"setup.cfg":          {map[string]string{"setup.cfg": "[metadata]\nname = to_do\n"}, true},
		"setup.py":           {map[string]string{"setup.py": "from setuptools import setup\nsetup(\n    name='to.do', version='1')\n"}, true},
		"one asked for":      {map[string]string{"setup.cfg": "[metadata]\nname = to_do\n", "requirements.txt": "to_do==0.1\n"}, false},
		"nothing that names": {nil, false},
	} {
		if r := pythonRun(t, tt.service, files, scan.Licenses{}); (len(r.Findings) == 0) != tt.own || r.Examined[0].N != 3 {
			t.Errorf("%s: %q, %v", name, outline(r), r.Examined)
		}
	}
	const info = "usr/lib/python3/site-packages/to_do-0.1.dist-info/"
	for url, own := range map[string]bool{"": false, "file:///app": true, "https://example.com/to_do.whl": false} {
		files := flask(map[string]string{info + "METADATA": "Name: to_do\nVersion: 0.1\n", info + "direct_url.json": fmt.Sprintf(`{"url": %q, "dir_info": {}}`, url)})
		if r := pythonRun(t, map[string]string{"setup.cfg": "[metadata]\nname = to_do\n"}, files, scan.Licenses{}); (len(r.Findings) == 0) != own || r.Examined[0].N != 3 {
			t.Errorf("installed from %q: %q, %v", url, outline(r), r.Examined)
		}
	}
}

// TestPythonNotRun: what nobody can tell is not clean.
func TestPythonNotRun(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		service, files map[string]string
		want           string
	}{
		"metadata that says nothing": {nil, flask(map[string]string{"opt/a.dist-info/METADATA": "Name: a\n"}), `1 packages of Python's in the image do not say what they are: /opt/a.dist-info/METADATA: "" is no version`},
		"no metadata":                {nil, flask(map[string]string{"opt/a.dist-info": "-> /b", "opt/b.dist-info/RECORD": ""}), "2 packages of Python's in the image do not say what they are: /opt/b.dist-info: there is no metadata in it; /opt/a.dist-info: there is no metadata in it"},
		"none at all":                {map[string]string{"pyproject.toml": "[project]\ndependencies = [\"flask>=3\"]\n"}, map[string]string{"app.py": "x"}, "the service requires packages of Python's, and the image has the metadata of none"},
	} {
		if r := pythonRun(t, tt.service, tt.files, scan.Licenses{}); r.NotRun != tt.want || r.Remedy == "" {
			t.Errorf("%s: not run %q, want %q", name, r.NotRun, tt.want)
		}
	}
	if r := pythonRun(t, nil, map[string]string{"app.py": "x"}, scan.Licenses{}); r.NotRun != "" {
		t.Errorf("without packages: not run %q", r.NotRun)
	}
}

func TestWays(t *testing.T) {
	t.Parallel()
	of := func(name string, needs ...string) dist {
		d := dist{Distribution: pydist.Distribution{Name: name}}
		for _, n := range needs {
			other, extra := strings.CutPrefix(n, "?")
			d.Requires = append(d.Requires, pydist.Requirement{Name: other, Extra: extra})
		}
		return d
	}
	a := asked{}
	a.read("requirements.txt", "--hash=x\n-r other.txt\nA[x]==1 \\\n    --hash=sha256:1\nz ; python_version > '3'\nhttps://example.com/x\n")
	a.read("pyproject.toml", "dependencies = [\"P.P>=1\", 'q [x] (>1)']\n[tool.poetry.dependencies]\npoetic = \"^1\"\n")
	if diff := cmp.Diff([]string{"a", "dependencies", "p-p", "poetic", "q", "z"}, slices.Sorted(maps.Keys(a))); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if want := (sarif.Location{Path: "requirements.txt", Line: 3}); a["a"] != want {
		t.Errorf("a is asked for at %v", a["a"])
	}
	w := findWays([]dist{of("a", "b", "?c", "?f", "gone"), of("b", "a", "d"), of("c", "e"), of("d", "f"), of("e"), of("f"), of("pip"), of("x", "y"), of("y", "x"), of("self", "?self")}, "web", a)
	for name, want := range map[string]string{
		"a": "web a", "d": "web a b d", "e": "web a c e", "f": "web a b d f", "pip": "the image pip", "x": "the image x", "y": "the image y", "self": "the image self",
	} {
		if got := strings.Join(w.chain(name), " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestConformPython(t *testing.T) {
	service := func(files map[string]string, terms scan.Licenses) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\n")
			write(t, filepath.Join(dir, "requirements.txt"), "Flask\n")
			return scantest.Service{
				Service: scan.Service{Root: dir, Dir: dir, Python: true, Version: "v1", Options: scan.Options{Licenses: terms}},
				Needs:   map[string]pipeline.Need{"build": built(t, flask(files))},
			}
		}
	}
	with := func(name, text string) func(*testing.T) scantest.Service {
		return service(map[string]string{name: text}, scan.Licenses{})
	}
	const metadata = "opt/x.dist-info/METADATA"
	scantest.Run(t, scantest.Adapter{
		Scanner: Scanner{},
		Make:    service(nil, scan.Licenses{}),
		Defects: map[string]func(*testing.T) scantest.Service{
			"strong copyleft":         with(metadata, "Name: x\nVersion: 1\nLicense-Expression: GPL-3.0-only\n"),
			"network copyleft":        with(metadata, "Name: x\nVersion: 1\nClassifier: License :: OSI Approved :: GNU Affero General Public License v3\n"),
			"an unknown licence":      with(metadata, "Name: x\nVersion: 1\n"),
			"one that is not allowed": service(nil, scan.Licenses{Allow: []string{"MIT"}}),
			"one that is denied":      service(nil, scan.Licenses{Deny: []string{"BSD-3-Clause"}}),
		},
		Blind: map[string]func(*testing.T) scantest.Service{
			"metadata that says nothing": with(metadata, "Version: 1\n"),
			"no metadata":                with("opt/x.dist-info/RECORD", ""),
			"no package": func(t *testing.T) scantest.Service {
				s := service(nil, scan.Licenses{})(t)
				s.Needs["build"] = built(t, map[string]string{"app.py": ""})
				return s
			},
			"no Dockerfile": func(t *testing.T) scantest.Service {
				s := service(nil, scan.Licenses{})(t)
				s.Dir = t.TempDir()
				return s
			},
			"another image": func(t *testing.T) scantest.Service {
				s := service(nil, scan.Licenses{})(t)
				s.Needs["build"] = pipeline.Need{Out: built(t, flask(nil)).Out, Reports: built(t, nil).Reports}
				return s
			},
		},
	})
}

func FuzzAsked(f *testing.F) {
	f.Add("A[x]==1 \\\n --hash=x\n-r other\n")
	f.Add("dependencies = [\"P.P>=1\", 'q']\n")
	f.Fuzz(func(t *testing.T, text string) {
		a := asked{}
		a.read("pyproject.toml", text)
		for name, at := range a {
			if name == "" || pydist.Normalise(name) != name || at.Line < 1 || at.Line > strings.Count(text, "\n")+1 {
				t.Errorf("%q at %v", name, at)
			}
		}
	})
}
