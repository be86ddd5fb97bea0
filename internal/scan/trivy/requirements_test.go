package trivy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFindManifests(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"requirements.txt": "# comment\nFlask==2.3.2 # why\nDjango [bcrypt] == 4.2.1 ; python_version > '3'\n--index-url https://example.com\n" +
			"jinja2==3.1.2 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n-r more/base.txt\nrequests>=2\nlocal @ https://example.com/a==1.whl\n-e .\ngit+https://example.com/x==1\n",
		"more/base.txt":        "Zope_Interface.x===5\n-r ../requirements.txt\n-c https://example.com/c.txt\n",
		"requirements-dev.txt": "pytest\n",
		"poetry.lock":          "[[package]]\nname = \"Click\"\nversion = \"8.1.3\"\n\n[[package]]\nname = \"x\"\n",
		"notes.txt":            "a==1\n",
	})
	m, err := findManifests(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, f := range m.files {
		got[f.name] = f.packages
	}
	want := map[string][]string{
		"poetry.lock": {"click", "x"}, "requirements-dev.txt": nil,
		"requirements.txt": {"flask", "django", "jinja2"}, "more/base.txt": {"zope-interface-x"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"pytest (requirements-dev.txt:1)", "requests>=2 (requirements.txt:9)"}, m.unpinned); diff != "" {
		t.Errorf("unpinned (-want +got):\n%s", diff)
	}
	elsewhere := []string{"https://example.com/c.txt (more/base.txt:3)", "local @ https://example.com/a==1.whl (requirements.txt:10)", "-e . (requirements.txt:11)", "git+https://example.com/x==1 (requirements.txt:12)"}
	if diff := cmp.Diff(elsewhere, m.elsewhere); diff != "" {
		t.Errorf("elsewhere (-want +got):\n%s", diff)
	}
}

func TestRequirementsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"not there": "-r gone.txt\n", "outside": "-r ../../../etc/passwd\n", "a folder": "-r .\n"} {
		if m, err := findManifests(folder(t, map[string]string{"requirements.txt": text})); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func FuzzRequirements(f *testing.F) {
	f.Add("Flask==2.3.2\n-r requirements.txt\n")
	f.Add("a==1 \\\n --hash=sha256:b\n\\\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := findManifests(folder(t, map[string]string{"requirements.txt": text}))
		if err == nil && (len(m.files) == 0 || len(m.files[0].packages) > len(text)) {
			t.Errorf("%+v", m)
		}
	})
}

// TestIncluded: the forms in which pip takes the name of another file.
func TestIncluded(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"-r extra.txt": "extra.txt", "-rextra.txt": "extra.txt", "-r=extra.txt": "extra.txt", "-cextra.txt": "extra.txt",
		"--requirement extra.txt": "extra.txt", "--requirement=extra.txt": "extra.txt", "--constraint extra.txt": "extra.txt", "--require-hashes": "", "-i extra.txt": "",
	} {
		got := ""
		if m := option.FindStringSubmatch(line); m != nil {
			got = m[1]
		}
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
