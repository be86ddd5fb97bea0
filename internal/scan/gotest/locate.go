package gotest

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// mention is a line of a file as tests and compilers name it.
var mention = regexp.MustCompile(`([^\s:]+\.go):(\d+)(?::(\d+))?`)

// logCall is a line that prints, rather than fails.
var logCall = regexp.MustCompile(`\.Logf?\(`)

// resolve finds a file that output names: absolute, or relative to one of some
// folders. Only files of the repository count, and not what it vendors.
func (r *runner) resolve(name string, dirs ...string) (string, bool) {
	candidates := []string{name}
	if !filepath.IsAbs(name) {
		candidates = nil
		for _, dir := range dirs {
			candidates = append(candidates, filepath.Join(dir, name))
		}
	}
	for _, path := range candidates {
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && r.own(path) {
			return filepath.Clean(path), true
		}
	}
	return "", false
}

// own tells whether a file is the repository's.
func (r *runner) own(path string) bool {
	rel, ok := within(r.Root, path)
	if _, cached := within(r.tc.ModCache, path); !ok || cached {
		return false
	}
	return !strings.HasPrefix(rel, "vendor/") && !strings.Contains(rel, "/vendor/")
}

// within gives a path relative to root, with slashes, if it is below it.
func within(root, path string) (string, bool) {
	rel, err := filepath.Rel(root, path)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

// location is a place as findings have it.
func (r *runner) location(at place) sarif.Location {
	rel, _ := within(r.Root, at.file) // places come from resolve, or from the listing
	return sarif.Location{Path: rel, Line: at.line}
}

// failedAt finds the first line of a package's file that a test's output names,
// and what the output says from there on. A line that only logs is passed
// over, unless there is no other.
func (r *runner) failedAt(p *listed, said []string) (at place, text []string, ok bool) {
	for i, line := range said {
		m := mention.FindStringSubmatchIndex(line)
		if m == nil {
			continue
		}
		file, found := r.resolve(line[m[2]:m[3]], p.Dir)
		n, err := strconv.Atoi(line[m[4]:m[5]])
		if !found || err != nil || n == 0 {
			continue
		}
		logs := logCall.MatchString(lineOf(file, n))
		if ok && logs {
			continue
		}
		after := strings.TrimPrefix(strings.TrimSpace(line[m[1]:]), ":")
		at, text, ok = place{file, n}, append([]string{after}, said[i+1:]...), true
		if !logs {
			return at, text, true
		}
	}
	return at, text, ok
}

// lineOf reads one line of a file, "" when there is none.
func lineOf(file string, n int) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	s := bufio.NewScanner(io.LimitReader(f, maxSource))
	for i := 1; s.Scan(); i++ {
		if i == n {
			return s.Text()
		}
	}
	return "" // past the end, or a line too long to be looked at
}

// ownFrame is the first call of a stack that is in the repository.
func (r *runner) ownFrame(stack []frame) (frame, bool) {
	for _, f := range stack {
		if file, ok := r.resolve(f.at.file); ok {
			return frame{f.function, place{file, f.at.line}}, true
		}
	}
	return frame{}, false
}

// testIn is the package's test that a stack leads through, "" when there is none.
func (p *listed) testIn(stack []frame) string {
	for _, f := range stack {
		rest, ok := strings.CutPrefix(f.function, p.ImportPath)
		if !ok {
			continue
		}
		name, ok := strings.CutPrefix(strings.TrimPrefix(rest, "_test"), ".")
		if i := strings.IndexAny(name, ".( "); i > 0 {
			name = name[:i]
		}
		if _, declared := p.declared[name]; ok && declared {
			return name
		}
	}
	return ""
}

// somewhere is the place for what has none: TestMain, or the package's first
// file.
func (p *listed) somewhere() place {
	if p.main != nil {
		return *p.main
	}
	for _, files := range [][]string{p.TestGoFiles, p.XTestGoFiles, p.GoFiles, p.CgoFiles} {
		if len(files) > 0 {
			return place{file: filepath.Join(p.Dir, files[0])}
		}
	}
	return place{file: p.Dir}
}
