package trivy

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// all are requirements as texts.
func all(requirements []requirement) (texts []string) {
	for _, r := range requirements {
		texts = append(texts, r.String())
	}
	slices.Sort(texts)
	return texts
}

// pins are the packages of manifests, by file.
func (m *manifests) pins() map[string]string {
	got := map[string]string{}
	for _, f := range m.files {
		got[f.name] = strings.Join(f.packages, " ")
	}
	return got
}

func TestFindManifests(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"requirements.txt": "\ufeff# comment\nFlask==2.3.2 # why\nDjango [bcrypt] == 4.2.1 ; python_version > '3'\n--index-url https://example.com\n" +
			"jinja2==3.1.2 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n-r more/base.txt\nrequests>=2\nlocal @ https://example.com/a==1.whl\n-e .\ngit+https://example.com/x==1\n-e ../other\n./wheel.whl\n",
		"more/base.txt":            "Zope_Interface.x===5\n-r ../requirements.txt\n-c https://example.com/c.txt\n",
		"requirements-dev.txt":     "pytest\nstar==2.*\n",
		"requirements/prod.txt":    "gunicorn==23.0.0\n",
		"requirements/README.txt":  "What is installed where.\n",
		"deploy/constraints.txt":   "# -*- coding: UTF-8 -*-\r\nidna==3\r\n",
		"a b/web-requirements.pip": "a>1,<2\n",
		"pins/web.in":              "b==1\n",
		"deps.txt":                 "flask==0.5\n-e .[dev]\n",
		"words.txt":                "one\ntwo\n",
		"notes.txt":                "a==1\nand this is why\n",
		".git/requirements.txt":    "no==1\n",
		"poetry.lock":              "[[package]]\nname = \"Click\"\nversion = \"8.1.3\"\n\n[[package]]\nversion = \"1\"\nname = \"x\"\n",
	})
	for name, to := range map[string]string{"loop.txt": "loop.txt", "nowhere.txt": "gone", "out.txt": "/etc/hostname", "folder.txt": "pins"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	m, err := findManifests(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"poetry.lock": "click x", "requirements-dev.txt": "", "requirements.txt": "flask django jinja2", "more/base.txt": "zope-interface-x",
		"requirements/prod.txt": "gunicorn", "deploy/constraints.txt": "idna", "a b/web-requirements.pip": "", "pins/web.in": "b", "deps.txt": "flask",
	}
	if diff := cmp.Diff(want, m.pins()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a>1,<2 (a b/web-requirements.pip:1)", "pytest (requirements-dev.txt:1)", "requests>=2 (requirements.txt:9)", "star==2.* (requirements-dev.txt:2)"}, all(m.unpinned)); diff != "" {
		t.Errorf("unpinned (-want +got):\n%s", diff)
	}
	elsewhere := []string{
		"-e ../other (requirements.txt:13)", "./wheel.whl (requirements.txt:14)", "git+https://example.com/x==1 (requirements.txt:12)",
		"https://example.com/c.txt (more/base.txt:3)", "local @ https://example.com/a==1.whl (requirements.txt:10)",
	}
	if diff := cmp.Diff(elsewhere, all(m.elsewhere)); diff != "" {
		t.Errorf("elsewhere (-want +got):\n%s", diff)
	}
}

// TestManifestsThatCannotBeRead: each is an error that names the place.
func TestManifestsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ name, text, want string }{
		"not there":           {"requirements.txt", "\n-r gone.txt\n", "requirements.txt:2: "},
		"outside":             {"requirements.txt", "-r ../../../etc/passwd\n", "requirements.txt:1: "},
		"an absolute path":    {"requirements.txt", "\n-r /x.txt\n", "requirements.txt:2: "},
		"a variable":          {"requirements.txt", "-c ${X}.txt\n", "requirements.txt:1: "},
		"a second include":    {"requirements.txt", "-r a.txt -r b.txt\n", "requirements.txt:1: "},
		"after a setting":     {"requirements.txt", "-i https://pypi.org/simple -r a.txt\n", "requirements.txt:1: "},
		"a guessed file's":    {"deps.txt", "a==1\n--no-binary :all: -e git+https://example.com/x#egg=x\n", "deps.txt:2: "},
		"a hidden line":       {"requirements.txt", "a==1\r\n# a comment\revil==1.0\n", "requirements.txt:2: "},
		"Unicode's line":      {"requirements.txt", "# a\u2028evil==1.0\n", "requirements.txt:1: "},
		"a form feed":         {"setup.cfg", "[options]\ninstall_requires =\n  a==1 # b\fevil\n", "setup.cfg:3: "},
		"a guessed file's \v": {"deps.txt", "a==1\r\n# a\vevil\n", "deps.txt:2: "},
		"another encoding":    {"requirements.txt", "a==1\n# -*- coding: utf-7 -*-\n", "requirements.txt:1: "},
		"another reader's":    {"requirements.txt", "a==1\n-r environment.yml\n", "requirements.txt:2: \"environment.yml\" is "},
		"a lock for pip":      {"a/requirements.txt", "-c ../pylock.x.toml\n", "a/requirements.txt:1: \"pylock.x.toml\" is "},
		"a folder":            {"requirements.txt", "-r .\n", "requirements.txt:1: "},
		"an unknown option":   {"requirements/prod.txt", "a==1\n--reqirement other.txt\n", "requirements/prod.txt:2: "},
		"an abbreviated one":  {"requirements.txt", "--req other.txt\n", "requirements.txt:1: "},
		"an option of one":    {"requirements.txt", "a==1 --hush=sha256:aa\n", "requirements.txt:1: "},
		"prose":               {"constraints-prod.txt", "a==1\nsome words\n", "constraints-prod.txt:2: "},
		"UTF-16":              {"requirements.txt", "\xff\xfea\x00=\x00=\x001\x00", "requirements.txt:1: "},
		"broken TOML":         {"pyproject.toml", "[project]\ndependencies = [\n", "pyproject.toml:"},
		"a table of another":  {"pyproject.toml", "[project]\ndependencies = 3\n", "pyproject.toml:"},
		"a project's line":    {"pyproject.toml", "[project]\ndependencies = [\n\"a b\"]\n", "pyproject.toml:3: "},
		"deep TOML":           {"uv.lock", "a = " + strings.Repeat("[", 1<<20), "uv.lock:1: it is more than"},
		"broken JSON":         {"Pipfile.lock", "{\n\"default\": [\n", "Pipfile.lock:3: "},
		"another JSON":        {"Pipfile.lock", "{\"default\": 3}", "Pipfile.lock:1: "},
		"a table twice":       {"pyproject.toml", "[project]\ndependencies=[\"evil\"]\n[PROJECT]\ndependencies=[\"flask==3\"]\n", "pyproject.toml:3: "},
		"a key twice":         {"uv.lock", "[[package]]\nname='a'\n[[Package]]\nname='b'\n", "uv.lock:3: "},
		"another letter":      {"poetry.lock", "\"pacKage\" = [{name='a', version='5.2'}]\n", "poetry.lock:1: "},
		"setup.cfg":           {"setup.cfg", "[options]\ninstall_requires =\n  a b c\n", "setup.cfg:3: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := findManifests(t.Context(), folder(t, map[string]string{tt.name: tt.text}), nil)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || hint.Remedy(err) == "" {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestProjects: what other files than pip's own require, and pin.
func TestProjects(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text                      string
		pinned                    string
		unpinned, elsewhere, none []string
	}{
		"pyproject.toml": {
			text: "[build-system]\nrequires = [\"setuptools\"]\n[project]\ndependencies = [\n  \"Flask==2.3.2\",\n  \"requests[socks]>=2; python_version > '3'\",\n  \"x @ https://example.com/x.whl\"]\n[project.optional-dependencies]\ndb = [\"psycopg\"]\n" +
				"[dependency-groups]\ndev = [\"pytest==8\", {include-group = \"x\"}]\n[tool.poetry.dependencies]\npython = \"^3.11\"\nclick = \"8.1.3\"\nidna = {version = \"^3\", optional = true}\nours = {path = \"lib\"}\ntheirs = {git = \"https://example.com/x\"}\n[tool.poetry.group.dev.dependencies]\nblack = \"*\"\n",
			pinned:    "flask click pytest",
			unpinned:  []string{"black * (pyproject.toml:19)", "idna ^3 (pyproject.toml:15)", "psycopg (pyproject.toml:9)", "requests[socks]>=2; python_version > '3' (pyproject.toml:6)"},
			elsewhere: []string{"theirs (pyproject.toml:17)", "x @ https://example.com/x.whl (pyproject.toml:7)"},
		},
		"Pipfile": {
			text:   "[[source]]\nurl = \"https://example.com\"\n[packages]\nflask = \"*\"\nclick = \"==8.1.3\"\n[requires]\npython_version = \"3.11\"\n",
			pinned: "click", unpinned: []string{"flask * (Pipfile:4)"},
		},
		"Pipfile.lock": {
			text:   "{\"_meta\": {\"sources\": []}, \"default\": {\"Flask\": {\"version\": \"==2.3.2\", \"Version\": \"==9\"}, \"x\": {\"version\": \"==1\", \"git\": \"https://example.com\"}}, \"develop\": {\"pytest\": {\"version\": \"==8\"}}}",
			pinned: "flask pytest", elsewhere: []string{"x (Pipfile.lock:0)"},
		},
		"pylock.web.toml": {text: "[[packages]]\nname = \"attrs\"\nversion = \"25.1.0\"\n", pinned: "attrs"},
		"setup.cfg": {
			text:   "[flake8]\nignore = E1\n[options]\ninstall_requires =\n    flask==1\n    # no\n    idna>=3 ; python_version > '3'\n[options.extras_require]\nx = a; b==2\n",
			pinned: "flask b", unpinned: []string{"a (setup.cfg:9)", "idna>=3 ; python_version > '3' (setup.cfg:7)"},
		},
		"uv.lock": {
			text: "[[package]]\nname='ours'\nsource={editable='.'}\n[[package]]\nname='lib'\nversion='1'\nsource={directory='lib'}\n[[package]]\nname='g'\nversion='1'\nsource={git='https://example.com/g'}\n" +
				"[[package]]\nname='out'\nversion='1'\nsource={virtual='../out'}\n[[package]]\nname='a'\nversion='1'\nVersion='==9'\nsource={registry='https://pypi.org/simple'}\n",
			pinned: "a", elsewhere: []string{"g (uv.lock:0)", "out (uv.lock:0)"},
		},
		"poetry.lock": {
			text: "[[package]]\nname='g'\nversion='1'\n[package.source]\ntype='git'\nurl='https://example.com/g'\n[[package]]\nname='lib'\nversion='1'\n[package.source]\ntype='directory'\nurl='lib'\n" +
				"[[package]]\nname='a'\nversion='1'\n[package.source]\ntype='legacy'\nurl='https://example.com/simple'\n[[package]]\nname='b'\nversion='1'\ngit='not its key'\n[package.source]\nType='directory'\nurl='lib'\n",
			pinned: "a b", elsewhere: []string{"g (poetry.lock:0)"},
		},
		"pdm.lock": {
			text:   "[[package]]\nname='g'\nversion='1'\ngit='https://example.com/g'\n[[package]]\nname='lib'\nversion='1'\npath='./lib'\n[[package]]\nname='w'\nversion='1'\npath='./w.whl'\n[[package]]\nname='a'\nversion='1'\n",
			pinned: "a", elsewhere: []string{"g (pdm.lock:0)", "w (pdm.lock:0)"},
		},
		"pylock.toml": {
			text:   "[[packages]]\nname='g'\nversion='1'\nvcs={type='git'}\n[[packages]]\nname='lib'\ndirectory={path='.'}\n[[packages]]\nname='w'\nversion='1'\narchive={url='https://example.com/w'}\n[[packages]]\nname='a'\nversion='1'\n",
			pinned: "a", elsewhere: []string{"g (pylock.toml:0)", "w (pylock.toml:0)"},
		},
		"setup.py":        {text: "from setuptools import setup\nsetup(install_requires=x)\n", none: []string{"what setup.py requires (setup.py:2)"}},
		"environment.yml": {text: "name: x\ndependencies:\n  - numpy\n", none: []string{"packages of conda's (environment.yml:2)"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := findManifests(t.Context(), folder(t, map[string]string{name: tt.text}), nil)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(m.files[0].text), "==9") {
				t.Errorf("another version: %s", m.files[0].text)
			}
			diff := cmp.Diff(tt.pinned, m.pins()[name]) + cmp.Diff(tt.unpinned, all(m.unpinned)) + cmp.Diff(tt.elsewhere, all(m.elsewhere)) + cmp.Diff(tt.none, all(m.unread))
			if diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestProjectsSetupConfig: how configparser and setuptools take lines of setup.cfg.
func TestProjectsSetupConfig(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"all indented":       " [options]\n install_requires =\n  a==1\n  b==1\n tests_require = c==1\n",
		"hyphens":            "[options]\nInstall-Requires =\n\ta==1\n  b==1\ntests-require: c==1\n",
		"files":              "[options]\ninstall_requires = file: a.txt, b.txt,\n  c.txt\nx = y\n",
		"a header in a text": "[options]\ninstall_requires =\n  a==1\n  b==1\n  c==1\n[x]\ny =\n  [options]\ninstall_requires = no==1\n",
	} {
		m, err := findManifests(t.Context(), folder(t, map[string]string{"setup.cfg": text, "a.txt": "a==1", "b.txt": "b==1", "c.txt": "c==1"}), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := m.pins()["setup.cfg"]
		if name == "files" {
			i := slices.IndexFunc(m.files, func(f manifest) bool { return f.name == "setup.cfg" })
			got = strings.ReplaceAll(strings.Join(m.files[i].includes, " "), ".txt", "")
		}
		if got != "a b c" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestCovered: what pins a requirement that is written without a version.
func TestCovered(t *testing.T) {
	t.Parallel()
	const lock = "[[package]]\nname = \"a\"\nversion = \"1\"\n"
	for name, tt := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"nothing":                   {map[string]string{"requirements.txt": "a"}, false},
		"a constraint":              {map[string]string{"requirements.txt": "a\n-c pins/c.txt", "pins/c.txt": "A==1"}, true},
		"what includes it":          {map[string]string{"requirements.txt": "a==1\n-r x/base.txt", "x/base.txt": "a"}, true},
		"what is beside it":         {map[string]string{"requirements/prod.txt": "a", "requirements/dev.txt": "a==1"}, false},
		"what is made of it":        {map[string]string{"x.in": "a\n-c c.txt", "c.txt": "", "x.txt": "a==1"}, true},
		"a lock above":              {map[string]string{"x/Pipfile": "[packages]\na = \"*\"", "uv.lock": lock}, true},
		"a lock that pip reads not": {map[string]string{"requirements.txt": "a", "uv.lock": lock}, false},
		"a lock of what is written": {map[string]string{"requirements.in": "a", "pylock.toml": "[[packages]]\nname = \"a\"\nversion = \"1\"\n"}, true},
		"an empty lock":             {map[string]string{"setup.py": "install_requires", "Pipfile.lock": "{}"}, false},
		"a program and a lock":      {map[string]string{"setup.py": "install_requires", "uv.lock": lock}, true},
		"conda's":                   {map[string]string{"environment.yml": "dependencies:\n", "requirements.txt": "conda==1"}, false},
		"a lock beside":             {map[string]string{"pyproject.toml": "[project]\ndependencies = [\"a>1\"]", "uv.lock": lock}, true},
		"a lock's folder":           {map[string]string{"pyproject.toml": "[project]\ndependencies = [\"a\"]", "uv.lock": lock + "source = {editable = \"a\"}\n"}, true},
		"a lock's address":          {map[string]string{"pyproject.toml": "[project]\ndependencies = [\"a\"]", "uv.lock": lock + "source = {git = \"https://example.com/a\"}\n"}, false},
		"a lock elsewhere":          {map[string]string{"x/Pipfile": "[packages]\na = \"*\"", "y/uv.lock": lock}, false},
		"another's requirements":    {map[string]string{"requirements.in": "a", "x/requirements.txt": "a==1"}, false},
		"a project's":               {map[string]string{"pyproject.toml": "[project]\ndependencies = [\"a>1\"]", "requirements.txt": "a==1"}, true},
		"another package":           {map[string]string{"requirements.txt": "a\n-c c.txt", "c.txt": "b==1"}, false},
	} {
		m, err := findManifests(t.Context(), folder(t, tt.files), nil)
		if err != nil || len(m.unpinned)+len(m.unread) != 1 {
			t.Errorf("%s: %v, %+v", name, err, m)
			continue
		}
		if got := m.covered(slices.Concat(m.unpinned, m.unread)[0], m.groups()); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestAside: what only those who work on the service install shuts no gate by default.
func TestAside(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files map[string]string
		want  sarif.Reach
	}{
		"shipped":           {map[string]string{"requirements.txt": "a"}, ""},
		"by its name":       {map[string]string{"requirements-dev.txt": "a"}, sarif.Required},
		"by its folder":     {map[string]string{"docs/requirements.txt": "a"}, sarif.Required},
		"beside":            {map[string]string{"requirements/test.in": "a"}, sarif.Required},
		"a likely folder":   {map[string]string{"test-api/requirements.txt": "a"}, ""},
		"a word in another": {map[string]string{"requirements/latest.txt": "a"}, ""},
		"included":          {map[string]string{"requirements.txt": "-r test.txt", "test.txt": "a"}, ""},
		"included by such":  {map[string]string{"dev.txt": "-r test.txt", "test.txt": "a"}, sarif.Required},
		"a group":           {map[string]string{"pyproject.toml": "[dependency-groups]\nx = [\"a\"]\n"}, sarif.Required},
		"Poetry's group":    {map[string]string{"pyproject.toml": "[tool.poetry.group.x.dependencies]\na = \"*\"\n"}, sarif.Required},
		"Poetry's own":      {map[string]string{"pyproject.toml": "[tool.poetry.group.main.dependencies]\na = \"*\"\n"}, ""},
		"an extra":          {map[string]string{"pyproject.toml": "[project.optional-dependencies]\ndev = [\"a\"]\n"}, ""},
	} {
		m, err := findManifests(t.Context(), folder(t, tt.files), nil)
		if err != nil {
			t.Fatal(err)
		}
		var r pipeline.Report
		m.report(".", &r)
		if len(r.Findings) != 1 || r.Findings[0].Reach != tt.want {
			t.Errorf("%s: %+v, want %q", name, r.Findings, tt.want)
		}
	}
}

// TestManifestsOfGit: what .gitignore keeps out of the repository is no part of it,
// and a submodule is.
func TestManifestsOfGit(t *testing.T) {
	t.Parallel()
	top := folder(t, map[string]string{
		".gitignore": "venv\n", "app/requirements.txt": "a==1\n", "app/venv/requirements.txt": "b==1\n", "app/venv/tracked-requirements.txt": "c==1\n", "app/module/requirements.txt": "d==1\n",
	})
	git(t, top, "init", "-q")
	git(t, top, "init", "-q", "app/module")
	git(t, top, "add", "-f", ".gitignore", "app/venv/tracked-requirements.txt")
	git(t, top, "update-index", "--add", "--cacheinfo", "160000,1234567890123456789012345678901234567890,app/module")
	m, err := findManifests(t.Context(), filepath.Join(top, "app"), &workTree{Top: top, Below: "app"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"requirements.txt": "a", "venv/tracked-requirements.txt": "c", "module/requirements.txt": "d"}, m.pins()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := absent(t.Context(), top, "app"); err != nil {
		t.Error(err)
	}
	git(t, top, "update-index", "--add", "--cacheinfo", "160000,1234567890123456789012345678901234567890,app/gone")
	for folder, want := range map[string]bool{".": true, "app": true, "app/module": false} {
		if err := absent(t.Context(), top, folder); (err != nil) != want {
			t.Errorf("%s: %v", folder, err)
		}
	}
}

func FuzzRequirements(f *testing.F) {
	f.Add("requirements.txt", "Flask==2.3.2\n-r requirements.txt\n")
	f.Add("x.in", "a==1 \\\n --hash=sha256:b\n\\\n")
	f.Add("pyproject.toml", "[project]\ndependencies = [\"a\", \"b==1\"]\n[tool.poetry.dependencies]\nc = {path = \"x\"}\n")
	f.Add("Pipfile", "[packages]\na = \"*\"\n")
	f.Add("Pipfile.lock", "{\"default\": {\"a\": {\"version\": \"==1\"}}}")
	f.Add("setup.cfg", "[options]\ninstall_requires = a; b\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		if reader(name) == nil || !filepath.IsLocal(name) || filepath.Base(name) != name {
			name = "requirements.txt"
		}
		dir := folder(t, nil)
		if os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) != nil {
			t.Skip()
		}
		m, err := findManifests(context.Background(), dir, nil)
		if err == nil && (len(m.files) != 1 || len(m.files[0].packages) > len(text)) {
			t.Errorf("%+v", m)
		}
	})
}

// TestLines: how pip takes the lines of its files.
func TestLines(t *testing.T) {
	t.Parallel()
	type line struct {
		kind kindOfLine
		name string
	}
	for text, want := range map[string]line{
		"-r extra.txt": {includeLine, "extra.txt"}, "-rextra.txt": {includeLine, "extra.txt"}, "-r=extra.txt": {doubtfulLine, ""}, "-cextra.txt": {includeLine, "extra.txt"},
		"--requirement extra.txt": {includeLine, "extra.txt"}, "--requirement=extra.txt": {includeLine, "extra.txt"}, "--constraint extra.txt": {includeLine, "extra.txt"},
		"-r 'a b.txt'": {includeLine, "a b.txt"}, "--require-hashes": {settingLine, ""}, "-i extra.txt": {settingLine, ""}, "--pre": {settingLine, ""}, "--prefer": {unknownLine, ""},
		"a (==1)": {pinnedLine, "a"}, "a[b,c]===1.0": {pinnedLine, "a"}, "a==1,!=2": {unpinnedLine, "a"}, "a~=1.0": {unpinnedLine, "a"}, "a==${VERSION}": {unpinnedLine, "a"}, "a=1": {unknownLine, ""},
		"a==1 --config-settings=\"x=y z\" --hash=sha256:b": {pinnedLine, "a"}, "a == 1 --what": {unknownLine, ""}, "a@https://x": {elsewhereLine, "a"}, "file:///x": {elsewhereLine, ""},
		"-e git+ssh://x/y#egg=z": {elsewhereLine, ""}, "-e lib": {localLine, ""}, "./lib[x]": {localLine, ""}, "/srv/lib": {elsewhereLine, ""}, ".": {localLine, ""}, ".[dev]": {localLine, ""}, "-e .[dev]": {localLine, ""}, ".[a, b] ; python_version > '3'": {localLine, ""}, "..[dev]": {elsewhereLine, ""}, ".[dev]x": {unknownLine, ""}, "lib-1.tar.gz": {elsewhereLine, ""},
		"--index-url https://${TOKEN}@x/": {settingLine, ""}, "--extra-index-url=https://x --trusted-host x": {settingLine, ""}, "--find-links ./wheels": {settingLine, ""}, "--no-binary :all:": {settingLine, ""},
		"--only-binary=:all:": {settingLine, ""}, "--prefer-binary": {settingLine, ""}, "--use-feature=x": {settingLine, ""}, "-f'a b'": {settingLine, ""}, "-c c.txt": {includeLine, "c.txt"},
		"-i https://x -r y": {doubtfulLine, ""}, "-r a -r b": {doubtfulLine, ""}, "--pre -e git+https://x#egg=y": {doubtfulLine, ""}, `-r a\ b`: {doubtfulLine, ""}, "-r a\u00a0#b": {doubtfulLine, ""}, "-e a -e b": {doubtfulLine, ""},
		"-e '/srv/lib'": {elsewhereLine, ""}, "-e ${X}/lib": {elsewhereLine, ""}, "-e lib ; python_version > '3'": {localLine, ""},
		"--editable=.": {localLine, ""}, "-e": {unknownLine, ""}, "a b": {unknownLine, ""}, "": {emptyLine, ""},
	} {
		kind, name, _ := understandLine(text)
		if got := (line{kind, name}); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}
