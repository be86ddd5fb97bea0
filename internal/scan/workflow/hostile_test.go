package workflow

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const clean = "name: clean\non: push\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: make\n"

// TestHostile holds that what cannot be examined is told with its line, and
// keeps the stage from passing.
func TestHostile(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 'b'; i < 'j'; i++ {
		bomb += string(i) + ": &" + string(i) + " [" + strings.Repeat("*"+string(i-1)+", ", 9) + "*" + string(i-1) + "]\n"
	}
	tests := map[string]struct {
		text, want string
	}{
		"no YAML":            {"name: x\non: [push\njobs:\n", ".github/workflows/ci.yml:2: it is no YAML"},
		"empty":              {"", ".github/workflows/ci.yml:1: it is empty"},
		"a list":             {"- a\n", ".github/workflows/ci.yml:1: it is no mapping"},
		"two documents":      {clean + "---\n" + clean, ".github/workflows/ci.yml:9: it has more than one YAML document"},
		"invalid UTF-8":      {"name: x\non: \xff\n", ".github/workflows/ci.yml:2: it is not UTF-8 text"},
		"NUL":                {"name: x\non: \x00\n", ".github/workflows/ci.yml:2: it is not UTF-8 text"},
		"aliases multiplied": {bomb, "it has more than 50000 values"},
		"an alias of itself": {"on: push\njobs: &a\n  a: *a\n", ".github/workflows/ci.yml:2: an alias is part of what it stands for"},
		"deep":               {"on: " + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "\n", "it is nested more than 64 deep"},
		"large":              {"# " + strings.Repeat("x", maxFile) + "\n", "it is larger than 512 KiB"},
		"a long expression":  {strings.Replace(clean, "make", "${{ "+strings.Repeat("(", maxExpression)+" }}", 1), ":8: it has an expression of more than 21000 characters"},
		"a long condition":   {strings.Replace(clean, "run: make", "run: make\n        if: |\n          "+strings.Repeat("(", maxExpression), 1), ":8: it has an expression of more than 21000 characters"},
		"many defects":       {clean + strings.Repeat("      - uses: a/b@v1\n", maxFindings+1), "it has more than 500 defects"},
		"many commands":      {strings.Replace(clean, "run: make", "run: a"+strings.Repeat("|curl", maxCommands), 1), ":8: its scripts have more than 5000 commands"},
		"steps dropped":      {strings.Replace(clean, "      - run: make\n", "      - run: make\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: make\n", 1), "only 1 of its 2 steps could be examined"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := examine(t, test.text).report(".")
			if !strings.Contains(r.NotRun, test.want) || r.Remedy == "" {
				t.Errorf("it is not run for %q (%s), want %q", r.NotRun, r.Remedy, test.want)
			}
			if len(r.Findings) == 0 || r.Examined[0].N != 0 {
				t.Errorf("findings %v, examined %v", r.Findings, r.Examined)
			}
		})
	}
}

// TestLong holds that a long text which is named often is not told each time.
func TestLong(t *testing.T) {
	t.Parallel()
	text := strings.Replace(clean, "run: make", "uses: &long a/"+strings.Repeat("b", 100<<10)+"@v1\n"+strings.Repeat("      - uses: *long\n", 50), 1)
	s := examine(t, text)
	if len(s.findings) < 51 {
		t.Errorf("%d findings", len(s.findings))
	}
	for _, f := range s.findings {
		if len(f.Message)+len(f.Identity) > 3*maxText {
			t.Errorf("%s is told in %d bytes", f.Rule, len(f.Message)+len(f.Identity))
		}
	}
}

// TestClean holds that nothing is told of what is right, and that what names
// are like does no harm.
func TestClean(t *testing.T) {
	t.Parallel()
	s := lookAt(t, map[string]string{
		".github/workflows/ci.yml":          clean,
		".github/workflows/with space.YML":  clean,
		".github/workflows/line\nbreak.yml": clean,
		".github/workflows/bad\xff.yaml":    clean,
		".github/workflows/notes.txt":       "no workflow",
		".github/workflows/old/gone.yml":    "not where GitHub looks",
	})
	if r := s.report("."); r.NotRun != "" || len(r.Findings) > 0 || r.Examined[0].N != 4 || r.Examined[1].N != 4 {
		t.Errorf("got %+v", r)
	}
}

// TestLinks holds that what a symbolic link leads to is examined in the
// repository, and refused outside.
func TestLinks(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(repository(t, map[string]string{"ci.yml": clean}), "ci.yml")
	dir := repository(t, map[string]string{"ci/real.yml": "on: [push\n", ".github/workflows/a.yml": clean})
	for link, target := range map[string]string{"in.yml": "../../ci/real.yml", "out.yml": outside, "loop.yml": "loop.yml", "gone.yml": "gone"} {
		if err := os.Symlink(target, filepath.Join(dir, ".github/workflows", link)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	s, err := look(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1 workflow-unreadable", "1 workflow-unreadable", "1 workflow-unreadable", "2 workflow-unreadable"}
	if d := cmp.Diff(want, told(s.findings)); d != "" {
		t.Errorf("defects (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{".github/workflows/a.yml"}, s.examined); d != "" {
		t.Errorf("examined (-want +got):\n%s", d)
	}
}

// TestActions holds that actions are held to the rules wherever a workflow finds
// them, and that settings of actionlint's switch nothing off.
func TestActions(t *testing.T) {
	t.Parallel()
	composite := "runs:\n  using: composite\n  steps:\n    - uses: a/b@v1\n    - run: echo ${{ github.head_ref }}\n      shell: bash\n"
	s := lookAt(t, map[string]string{
		".github/workflows/ci.yml":       strings.Replace(clean, "run: make", "uses: ./ci/build\n      - uses: ./ci/made-later\n      - uses: ./../../outside\n      - uses: ./", 1),
		".github/actions/one/action.yml": composite,
		"ci/build/action.yaml":           composite,
		"ci/other/action.yml":            composite, // nobody uses it
		"action.yml":                     "runs: {using: docker, image: 'docker://alpine:3'}\n",
		".github/actionlint.yaml":        "paths: {'**': {ignore: ['.*']}}\n",
	})
	want := []string{
		".github/actions/one/action.yml:4:13 action-unpinned", ".github/actions/one/action.yml:5:17 expression-injection",
		"ci/build/action.yaml:4:13 action-unpinned", "ci/build/action.yaml:5:17 expression-injection", "action.yml:1:30 action-unpinned",
	}
	var got []string
	for _, f := range s.findings {
		got = append(got, f.Location.String()+" "+f.Rule)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("defects (-want +got):\n%s", d)
	}
	r := s.report("..")
	if r.NotRun != "" || r.Findings[0].Location.Path != "../.github/actions/one/action.yml" || len(r.Notes) != 2 {
		t.Errorf("not run: %s, notes %q, first %+v", r.NotRun, r.Notes, r.Findings[0])
	}
}

// TestFingerprint holds that a defect stays the same when lines move, and when
// the version of an action does.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	one := strings.Replace(clean, "run: make", "uses: a/b@v1", 1)
	moved := "# a remark\n" + strings.Replace(one, "a/b@v1", "a/b@v2", 1)
	a, b := examine(t, one).findings, examine(t, moved).findings
	if len(a) != 1 || len(b) != 1 || a[0].Fingerprint() != b[0].Fingerprint() || a[0].Location.Line == b[0].Location.Line {
		t.Errorf("got %+v and %+v", a, b)
	}
	action := a
	check := strings.Replace(clean, "run: make", "run: |\n          cd app\n          pytest || true", 1)
	a, b = examine(t, check).findings, examine(t, strings.Replace(check, "cd app", "cd service\n          ls", 1)).findings
	if len(a) != 1 || len(b) != 1 || a[0].Fingerprint() != b[0].Fingerprint() {
		t.Errorf("got %+v and %+v of a script that another command is changed in", a, b)
	}
	if c := examine(t, strings.Replace(one, "a/b@v1", "a/c@v1", 1)).findings; c[0].Fingerprint() == action[0].Fingerprint() {
		t.Error("two actions have one fingerprint")
	}
}
