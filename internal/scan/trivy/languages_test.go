package trivy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

func TestLanguages(t *testing.T) {
	t.Parallel()
	tests := []struct{ file, text, want string }{ // "" is that it says nothing
		{"/a/node_modules/x/package.json", `{"Name": "y", "name": "x", "version": "1.0.0-rc.1+b"}`, "node-pkg x 1.0.0-rc.1+b"},
		{"/a/node_modules/@s/x/package.json", `{"name": "@s/x", "version": "1"}`, "node-pkg @s/x 1"},
		{"/a/node_modules/.pnpm/x@1/node_modules/x/package.json", `{"name": "x", "version": "1"}`, "node-pkg x 1"},
		{"/a/node_modules/x/package.json", `{"name": "x", "name": "y", "version": "1"}`, "node-pkg y 1"},
		{"/a/node_modules/x/package.json", `{"name": "x\ny", "version": "1"}`, ""},
		{"/a/node_modules/x/package.json", `{"name": "x", "version": 1}`, ""},
		{"/a/node_modules/x/package.json", `{"name": "x"}`, ""},
		{"/a/node_modules/x/package.json", `[]`, ""},
		{"/a/node_modules/x/y/package.json", `{"name": "x", "version": "1"}`, "none"},
		{"/a/package.json", `{"name": "x", "version": "1"}`, "none"},
		{"/a/specifications/x-1.gemspec", "# stub\nGem::Specification.new do |s|\n  s.name = \"x\".freeze\n  s.version = Gem::Version.new(\"1.2\".freeze)\nend\n", "gemspec x 1.2"},
		{"/a/specifications/default/x-1.gemspec", "  s.name = 'x'\n  s.version = '1'\n", "gemspec x 1"},
		{"/a/specifications/x-1.gemspec", "  s.name = 'x'\n  s.name = 'y'\n  s.version = '1'\n", ""},
		{"/a/specifications/x-1.gemspec", "  s.name = NAME\n  s.version = '1'\n", ""},
		{"/a/x.gemspec", "  s.name = 'x'\n  s.version = '1'\n", "none"},
		{"/a/x.dist-info/METADATA", "Name: X_y\nVersion: 1!2\n", "python-pkg X_y 1!2"},
	}
	for _, tt := range tests {
		c, got := newContents(t.TempDir()), "none"
		if i := c.languageOf(tt.file); i >= 0 {
			got = ""
			if err := c.noteLanguage(i, tt.file, []byte(tt.text)); err != nil {
				t.Fatal(err)
			}
			for _, n := range c.noted[i] {
				got = c.languages[i].kind + " " + n.name + " " + n.version
			}
		}
		if got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.file, tt.text, got, tt.want)
		}
	}
}

// FuzzLanguages: what is read of a package, and is fit to be written again, is read
// from that as it was.
func FuzzLanguages(f *testing.F) {
	f.Add(`{"name": "x", "version": "1"}`)
	f.Add("  s.name = 'x'\n  s.version = '1'\n")
	f.Add("Name: x\nVersion: 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range languages() {
			name, version, err := l.read([]byte(text))
			if err != nil || !harmless.MatchString(name) || !harmless.MatchString(version) {
				continue
			}
			again, same, err := l.read([]byte(l.write(name, version)))
			if again != name || same != version || err != nil || strings.Contains(name, "\n") {
				t.Errorf("%s: %q %q became %q %q, %v", l.of, name, version, again, same, err)
			}
		}
	})
}

// TestUnexamined: what nobody looks up is told by its kind, and not what came with a
// package of the operating system.
func TestUnexamined(t *testing.T) {
	t.Parallel()
	need := built(t, map[string]string{
		"srv/b.jar": "x", "srv/a.WAR": "x", "srv/deps.egg": "x", "usr/share/java/c.jar": "x", "srv/node_modules/x/package.json": "{", "srv/vendor/composer/installed.json": "{}",
		"var/lib/dpkg/status": dpkgOf("java", "1"), "var/lib/dpkg/info/java.list": "/usr/share/java/c.jar\n", "var/lib/dpkg/info/planted.list": "/srv/deps.egg\n",
	})
	im, err := image.Built(need)
	if err != nil {
		t.Fatal(err)
	}
	c, err := take(im, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var r pipeline.Report
	c.tell(&r)
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Message)
	}
	const what = "nobody looks up the vulnerabilities of "
	want := []string{what + "archives of Java's: /srv/a.WAR and 1 more", what + "packed eggs of Python's: /srv/deps.egg", what + "lists of PHP's packages: /srv/vendor/composer/installed.json", what + "packages that do not say what they are: /srv/node_modules/x/package.json"}
	if diff := cmp.Diff(want, got); diff != "" || len(r.Rules) != 1 || r.NotRun != "" {
		t.Errorf("rules %v, not run %q (-want +got):\n%s", r.Rules, r.NotRun, diff)
	}
}
