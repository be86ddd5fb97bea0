package licenses

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/pydist"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// theImage is what brings in the packages that no file of the service's asks for.
const theImage = "the image"

// maxRequiring bounds how many files may say what a Python service requires.
const maxRequiring = 1000

// asked are the distributions that a service's files ask for, by their normalised
// names, and where.
type asked map[string]sarif.Location

var (
	requiring = regexp.MustCompile(`^(?:requirements[^/]*\.(?:txt|in)|[^/]*requirements\.(?:txt|in)|pyproject\.toml)$`)
	ofLine    = regexp.MustCompile(`^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:$|[\[=<>!~;@# ])`)
	ofString  = regexp.MustCompile(`["']([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]"']*\]\s*)?(?:[<>=!~;@( ][^"']*)?["']`)
)

// readAsked reads the files of a service's own folder that name what it requires. It
// only tells who brought a distribution in, so that any name counts which is one.
func readAsked(root, dir string) (asked, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := asked{}
	files := 0
	for _, e := range entries {
		if !requiring.MatchString(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		if files++; files > maxRequiring {
			return nil, fmt.Errorf("there are more than %d files of requirements", maxRequiring)
		}
		text, err := readSmall(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(root, filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		all.read(filepath.ToSlash(rel), string(text))
	}
	return all, nil
}

func (a asked) read(file, text string) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		names := ofLine.FindAllStringSubmatch(strings.TrimRight(line, "\r\n"), 1)
		if path.Base(file) == "pyproject.toml" {
			names = append(names, ofString.FindAllStringSubmatch(line, -1)...)
		}
		for _, name := range names {
			if _, ok := a[pydist.Normalise(name[1])]; !ok {
				a[pydist.Normalise(name[1])] = sarif.Location{Path: file, Line: n}
			}
		}
	}
}

// ways are how distributions come into an image: by which other one each, on one of
// the shortest ways.
type ways struct {
	needs map[string][]pydist.Requirement // by normalised name
	from  map[string]string               // likewise; "" is of none
	first map[string]string               // by those of none: what asks for them
}

// findWays begins with what the service's files ask for, then with what no other one
// needs, and takes extras for needed where nothing else explains a distribution.
func findWays(all []dist, service string, a asked) ways {
	w := ways{needs: map[string][]pydist.Requirement{}, from: map[string]string{}, first: map[string]string{}}
	needed := map[string]bool{}
	for _, d := range all {
		name := pydist.Normalise(d.Name)
		w.needs[name] = append(w.needs[name], d.Requires...)
		for _, r := range d.Requires {
			needed[r.Name] = needed[r.Name] || r.Name != name
		}
	}
	names := slices.Sorted(maps.Keys(w.needs))
	start := func(by string, is func(name string) bool) {
		var order []string
		for _, name := range names {
			if _, known := w.from[name]; !known && is(name) {
				w.from[name], w.first[name] = "", by
				order = append(order, name)
			}
		}
		w.follow(order, false)
	}
	start(service, func(name string) bool { _, ok := a[name]; return ok })
	start(theImage, func(name string) bool { return !needed[name] })
	w.follow(slices.Sorted(maps.Keys(w.from)), true)
	start(theImage, func(string) bool { return true })
	return w
}

// follow goes from distributions to all that they need, and with extras to what they
// may need.
func (w ways) follow(order []string, extras bool) {
	for i := 0; i < len(order); i++ {
		for _, r := range w.needs[order[i]] {
			_, known := w.from[r.Name]
			if _, there := w.needs[r.Name]; known || !there || r.Extra && !extras {
				continue
			}
			w.from[r.Name] = order[i]
			order = append(order, r.Name)
		}
	}
}

// chain is the way to a distribution, what asks for it first.
func (w ways) chain(name string) (chain []string) {
	for ; name != ""; name = w.from[name] {
		chain = append(chain, name)
		if by := w.first[name]; by != "" {
			chain = append(chain, by)
		}
	}
	slices.Reverse(chain)
	return chain
}
