package licenses

import (
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/sluice-ci/sluice/internal/pydist"
)

// Where a Python project says what it is called.
var (
	section   = regexp.MustCompile(`^\s*\[+([^\]]*)\]`)
	nameIs    = regexp.MustCompile(`^\s*name\s*=\s*["']?([A-Za-z0-9][A-Za-z0-9._-]*)`)
	setupName = regexp.MustCompile(`\bname\s*=\s*["']([A-Za-z0-9][A-Za-z0-9._-]*)["']`)
)

// ownNames are what the service's project calls itself, normalised: installed in an
// image, it is a distribution like others. A file that cannot be read says nothing.
func ownNames(dir string) map[string]bool {
	own := map[string]bool{}
	for file, in := range map[string][]string{"pyproject.toml": {"project", "tool.poetry"}, "setup.cfg": {"metadata"}} {
		text, _ := readSmall(filepath.Join(dir, file))
		at := ""
		for line := range strings.Lines(string(text)) {
			if m := section.FindStringSubmatch(line); m != nil {
				at = strings.TrimSpace(m[1])
			}
			if m := nameIs.FindStringSubmatch(line); m != nil && (at == in[0] || at == in[len(in)-1]) {
				own[pydist.Normalise(m[1])] = true
			}
		}
	}
	text, _ := readSmall(filepath.Join(dir, "setup.py"))
	if m := setupName.FindSubmatch(text); m != nil {
		own[pydist.Normalise(string(m[1]))] = true
	}
	return own
}

// others leaves out the service's own distribution, whose licence is not judged; one
// that its requirements ask for, or that came from an index, is not its own.
func others(all []known, own map[string]bool, a asked) (left []known) {
	for _, k := range all {
		name, _, _ := strings.Cut(k.name, "@")
		if at, ok := a[name]; !own[name] || !k.atHand || ok && path.Base(at.Path) != "pyproject.toml" { // that one has its own name, too
			left = append(left, k)
		}
	}
	return left
}
