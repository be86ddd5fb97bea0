package govuln

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// verdict is what all sightings of one advisory in one module come to.
type verdict struct {
	advisory advisory
	module   string // its path
	version  string // as Go writes it: "v1.2.3", and "go1.26.8" of the standard library
	fixed    string // likewise; "" when there is no fixed version
	reach    sarif.Reach
	trace    []frame // of the strongest sighting, the vulnerable function first
}

// verdicts sums up what was seen, in the order of modules and advisories.
func (o *outcome) verdicts() []verdict {
	best := map[[2]string]sighting{}
	for _, s := range o.sightings {
		key := [2]string{s.Trace[0].Module, s.OSV}
		if old, ok := best[key]; !ok || s.compare(old) < 0 {
			best[key] = s
		}
	}
	keys := slices.SortedFunc(maps.Keys(best), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	var all []verdict
	for _, key := range keys {
		s := best[key]
		sink := s.Trace[0]
		all = append(all, verdict{
			advisory: o.advisories[s.OSV],
			module:   sink.Module,
			version:  displayVersion(sink.Module, sink.Version),
			fixed:    displayVersion(sink.Module, s.FixedVersion),
			reach:    s.reach(),
			trace:    s.Trace,
		})
	}
	return all
}

// reach follows from how much the sighting says: govulncheck names a function
// only when it is called, and a package only when it is imported.
func (s sighting) reach() sarif.Reach {
	switch sink := s.Trace[0]; {
	case sink.Function != "":
		return sarif.Reachable
	case sink.Package != "":
		return sarif.Imported
	}
	return sarif.Required
}

// reaches tells whether anything comes so near.
func (o *outcome) reaches(least sarif.Reach) bool {
	return slices.ContainsFunc(o.sightings, func(s sighting) bool { return s.reach().AtLeast(least) })
}

// strongest puts the stronger claim first.
func strongest(a, b sarif.Reach) int {
	switch {
	case a == b:
		return 0
	case a.AtLeast(b):
		return -1
	}
	return 1
}

// compare puts the strongest sighting first, then the shortest way to it.
// Govulncheck's order is another every time; this one is not.
func (s sighting) compare(t sighting) int {
	return cmp.Or(
		strongest(s.reach(), t.reach()),
		cmp.Compare(len(s.Trace), len(t.Trace)),
		slices.CompareFunc(s.Trace, t.Trace, frame.compare),
	)
}

func (f frame) compare(g frame) int {
	a, b := f.at(), g.at()
	return cmp.Or(
		cmp.Compare(f.Module, g.Module), cmp.Compare(f.Package, g.Package), cmp.Compare(f.Receiver, g.Receiver), cmp.Compare(f.Function, g.Function),
		cmp.Compare(a.Filename, b.Filename), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
	)
}

func (f frame) at() position {
	if f.Position == nil {
		return position{}
	}
	return *f.Position
}

// name is the function as it is written in code: "language.Parse".
func (f frame) name() string {
	pkg := f.Package[strings.LastIndex(f.Package, "/")+1:]
	receiver := strings.TrimPrefix(f.Receiver, "*")
	if receiver != "" {
		receiver += "."
	}
	return clean(pkg+"."+receiver+f.Function, 200)
}

// displayVersion writes the standard library's version as the release is
// called: govulncheck says v1.26.8 and v1.27.0-rc.1 for go1.26.8 and go1.27rc1.
func displayVersion(module, version string) string {
	if version == "" || module != "stdlib" && module != "toolchain" {
		return version
	}
	release, pre, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(version, "go"), "v"), "-")
	if pre != "" {
		release = strings.TrimSuffix(release, ".0")
	}
	return "go" + release + strings.ReplaceAll(pre, ".", "")
}
