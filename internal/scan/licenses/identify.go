package licenses

import (
	"fmt"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/google/licensecheck"

	"github.com/sluice-ci/sluice/internal/spdx"
)

// toolName is the library that knows licences by their texts.
const toolName = "licensecheck"

// version is that of the library. Test programs do not say.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/google/licensecheck" {
				return m.Version
			}
		}
	}
	return "unknown"
}

// leastCoverage is the part of a text, in percent, that must be of known licences. It is
// pkg.go.dev's.
const leastCoverage = 75

// maxRemark is how many words may stand beside a licence that is only named.
const maxRemark = 20

// reading is what was seen in a text.
type reading struct {
	Percent  float64  // of its words that are of known licences
	Words    int      // without the line that names the licence
	Texts    []string // identifiers of those whose text, or header, is there
	Links    []string // of those that are linked to
	Declared string   // what it says in the form of SPDX
	Choice   bool     // it offers them as a choice
}

var (
	// declaration is a line as SPDX has it (SPDX 2.3, annex E).
	declaration = regexp.MustCompile(`(?m)^.{0,10}SPDX-License-Identifier:[ \t]*(.{1,1000}?)[ \t]*(\*/|-->)?\r?$`)
	// offer is how a choice between two licences is put, before or between their texts.
	offer = regexp.MustCompile(`(?i)\b(dual[- ]licen[sc]ed|alternatively,? (this|the) \w+ may|either of|any one of|at your (option|choice|discretion)|your choice of|choose (one|between|either))\b|\blicen[sc]ed under either\b`)
	word  = regexp.MustCompile(`[\pL\pN]+`)
)

// identify looks at a text.
func identify(text []byte) (r reading) {
	if m := declaration.FindSubmatchIndex(text); m != nil {
		r.Declared = string(text[m[2]:m[3]])
		text = slices.Concat(text[:m[0]], text[m[1]:])
	}
	coverage := licensecheck.Scan(text)
	r.Percent, r.Words = coverage.Percent, len(word.FindAllIndex(text, -1))
	before, end := "", 0 // the second of them
	for i, m := range coverage.Match {
		if i < 2 {
			before, end = before+string(text[end:max(m.Start, end)])+"\n", max(m.End, end)
		}
		ids := &r.Texts
		if m.IsURL {
			ids = &r.Links
		}
		if !slices.Contains(*ids, m.ID) {
			*ids = append(*ids, m.ID)
		}
	}
	r.Choice = len(r.Texts)+len(r.Links) == 2 && offer.MatchString(before)
	for id, sentence := range sentences() {
		if strings.Contains(words(string(text)), sentence) {
			r.Texts, r.Percent = append(r.Texts, id), 100
		}
	}
	slices.Sort(r.Texts)
	return r
}

// sentences are of licences that the library does not know, each of which nobody
// writes by chance.
func sentences() map[string]string {
	return map[string]string{
		"BUSL-1.1":    words("grants you the right to copy, modify, create derivative works, redistribute, and make non-production use of the Licensed Work"),
		"Elastic-2.0": words("You may not provide the software to third parties as a hosted or managed service, where the service provides users with access to any substantial set of the features or functionality of the software"),
		"FSL-1.1":     words("A Permitted Purpose is any purpose other than a Competing Use"),
	}
}

// words is a text without all that may differ between copies of it.
func words(text string) string {
	return " " + strings.ToLower(strings.Join(word.FindAllString(text, -1), " ")) + " "
}

// license is the licence that a file of a kind names, and why it could not be told,
// or not all of it. A notice that names none says nothing.
func (r reading) license(kind kind) (e spdx.Expression, unclear string, err error) {
	ids := r.Texts
	if kind == licenseFile {
		ids = slices.Concat(ids, r.Links)
	}
	join := spdx.Both
	if r.Choice {
		join = either
	}
	for _, id := range ids {
		if e, err = join(e, licenseOf(id)); err != nil {
			return nil, "", err
		}
	}
	if e, err = r.declared(e); err != nil {
		return nil, "it names a licence that cannot be read: " + err.Error(), nil
	}
	told := r.Percent >= leastCoverage || r.Declared != "" && r.Words <= maxRemark
	if kind == licenseFile && !told {
		unclear = fmt.Sprintf("%.0f %% of it is of a known licence", r.Percent)
	}
	return e, unclear, nil
}

// declared adds what the text says of itself: that is how the licences in it are
// meant, and those that it does not name hold besides.
func (r reading) declared(e spdx.Expression) (spdx.Expression, error) {
	if r.Declared == "" {
		return e, nil
	}
	all, err := spdx.Parse(r.Declared)
	if err != nil {
		return nil, err
	}
	named := slices.Concat(all...)
	for _, t := range slices.Concat(e...) {
		if !slices.ContainsFunc(named, func(n spdx.Term) bool { return n.ID == t.ID || family(n.ID) == family(t.ID) }) {
			if all, err = spdx.Both(all, spdx.Of(t)); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// family is an identifier without what the text of a licence does not tell.
func family(id string) string {
	return strings.TrimSuffix(strings.TrimSuffix(id, "-only"), "-or-later")
}

func either(a, b spdx.Expression) (spdx.Expression, error) {
	if len(a) == 0 {
		return b, nil
	}
	return spdx.Either(a, b)
}

// licenseOf is the library's identifier as SPDX has it.
func licenseOf(id string) spdx.Expression {
	if before, after, ok := strings.Cut(id, "-or-"); ok && after == "3.0" { // GPL-2.0-or-3.0
		family, _, _ := strings.Cut(before, "-")
		id = before + " OR " + family + "-" + after
	}
	if e, err := spdx.Parse(id); err == nil {
		return e
	}
	return spdx.Ref(id)
}
