package trivy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/pydist"
)

// manifests are the files that say which of Python's packages a service needs.
type manifests struct {
	files     []manifest
	unpinned  []string // requirements whose version is not said, as they are written, with their file
	elsewhere []string // requirements that are not from an index
}

// manifest is one of them.
type manifest struct {
	name     string // relative to the service's folder
	as       string // what Trivy knows such a file by
	text     []byte
	packages []string // that it pins, normalised
}

// Bounds on manifests.
const (
	maxManifest  = 16 << 20 // bytes
	maxManifests = 1000
)

// requirementsName is what files are called that pip reads.
var requirementsName = regexp.MustCompile(`^(?:requirements[^/]*|[^/]*requirements)\.(?:txt|in)$`)

// locks are files of which Trivy knows one name only, and how each package
// begins in them.
func locks() map[string]*regexp.Regexp {
	table := regexp.MustCompile(`(?m)^\[\[package\]\]\s*\nname = "([^"]+)"`)
	return map[string]*regexp.Regexp{"poetry.lock": table, "uv.lock": table}
}

// findManifests reads those of a folder itself, and the ones that they include.
func findManifests(dir string) (*manifests, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	m := &manifests{}
	for _, e := range entries {
		switch pattern, isLock := locks()[e.Name()]; {
		case isLock:
			err = m.lock(root, e.Name(), pattern)
		case requirementsName.MatchString(e.Name()):
			err = m.requirements(root, e.Name())
		}
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

func readManifest(root *os.Root, name string) ([]byte, error) {
	info, err := root.Stat(name)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxManifest) {
		err = fmt.Errorf("it is no file of at most %d MiB", maxManifest>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return root.ReadFile(name)
}

func (m *manifests) lock(root *os.Root, name string, pattern *regexp.Regexp) error {
	text, err := readManifest(root, name)
	if err != nil {
		return err
	}
	f := manifest{name: name, as: name, text: text}
	for _, p := range pattern.FindAllSubmatch(text, -1) {
		f.packages = append(f.packages, pydist.Normalise(string(p[1])))
	}
	m.files = append(m.files, f)
	return nil
}

// A requirement as pip reads it (PEP 508), and the name with which one begins.
var (
	pinned    = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*===?\s*([^\s;,*]+)\s*(?:;.*)?$`)
	reference = regexp.MustCompile(`^[A-Za-z0-9._-]+\s*(?:\[[^\]]*\])?\s*@|^[A-Za-z][A-Za-z0-9+.-]*://|^\.{0,2}/|^[^\s;]*\.whl`)
	option    = regexp.MustCompile(`^(?:-[rc]\s*=?\s*|--(?:requirement|constraint)(?:\s+|=))(.+)$`)
	inline    = regexp.MustCompile(`\s--?[A-Za-z].*$`) // of one requirement: --hash
)

// requirements reads a file of pip's. What pins nothing is kept apart: it
// cannot be looked up.
func (m *manifests) requirements(root *os.Root, name string) error {
	name = path.Clean(name)
	if slices.ContainsFunc(m.files, func(f manifest) bool { return f.name == name }) {
		return nil
	}
	if len(m.files) >= maxManifests {
		return fmt.Errorf("there are more than %d files of requirements", maxManifests)
	}
	text, err := readManifest(root, name)
	if err != nil {
		return err
	}
	f := manifest{name: name, as: "requirements.txt"}
	at := len(m.files)
	m.files = append(m.files, f)
	for n, line := range continued(text) {
		line = strings.TrimSpace(comment.ReplaceAllString(line, ""))
		if o := option.FindStringSubmatch(line); o != nil {
			if err := m.included(root, name, n+1, strings.TrimSpace(o[1])); err != nil {
				return err
			}
			continue
		}
		where := fmt.Sprintf("%s (%s:%d)", clean(line, 100), name, n+1)
		switch p := pinned.FindStringSubmatch(strings.TrimSpace(inline.ReplaceAllString(line, ""))); {
		case line == "", strings.HasPrefix(line, "-") && !strings.HasPrefix(line, "-e") && !strings.HasPrefix(line, "--editable"):
		case p != nil:
			f.packages = append(f.packages, pydist.Normalise(p[1]))
			f.text = fmt.Appendf(f.text, "%s==%s\n", p[1], p[2])
		case reference.MatchString(line), strings.HasPrefix(line, "-"):
			m.elsewhere = append(m.elsewhere, where)
		default:
			m.unpinned = append(m.unpinned, where)
		}
	}
	m.files[at] = f
	return nil
}

// comment is one of pip's: at the start of a line or after a space.
var comment = regexp.MustCompile(`(?:^|\s)#.*$`)

// continued are the lines of a text. One that ends in a backslash goes on in the
// next, which is then empty, so that each has its number.
func continued(text []byte) (lines []string) {
	var begun string
	joined := 0
	for line := range strings.SplitSeq(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n") {
		if before, more := strings.CutSuffix(line, "\\"); more && len(begun) < maxLine {
			begun += before + " "
			joined++
			continue
		}
		lines = append(append(lines, begun+line), make([]string, joined)...)
		begun, joined = "", 0
	}
	return append(lines, begun)
}

// maxLine bounds a line that goes on in others, bytes.
const maxLine = 64 << 10

// included reads a file that another one includes; it must be below the
// service's folder.
func (m *manifests) included(root *os.Root, by string, line int, name string) error {
	if strings.Contains(name, "://") {
		m.elsewhere = append(m.elsewhere, fmt.Sprintf("%s (%s:%d)", clean(name, 100), by, line))
		return nil
	}
	err := m.requirements(root, path.Join(path.Dir(by), name))
	if errors.Is(err, fs.ErrNotExist) || err != nil && strings.Contains(err.Error(), "escapes") {
		return fmt.Errorf("%s:%d: %w", by, line, err)
	}
	return err
}
