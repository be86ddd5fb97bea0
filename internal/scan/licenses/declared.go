package licenses

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/pydist"
	"github.com/sluice-ci/sluice/internal/spdx"
)

// maxPhrase bounds a licence that is named in words, bytes: what is longer is a text.
const maxPhrase = 120

// declared is the licence that a distribution's metadata says it is under: by an
// expression (PEP 639), else by classifiers, which hold together, else in words.
// Families are those of which it does not say which is meant, besides: "BSD". Why is
// set when it says something that cannot be read.
func declared(d pydist.Distribution) (e spdx.Expression, families []string, why string) {
	if d.Expression != "" {
		e, err := spdx.Parse(d.Expression)
		if err != nil {
			return nil, nil, "its License-Expression cannot be read: " + err.Error()
		}
		return e, nil, ""
	}
	classified := 0
	for _, c := range d.Classifiers {
		name, ok := strings.CutPrefix(c, "License :: ")
		name = strings.TrimPrefix(strings.TrimPrefix(name, "OSI Approved"), " :: ")
		if !ok || name == "" {
			continue
		}
		classified++
		named, family := class(name)
		both, err := spdx.Both(e, named)
		switch {
		case err != nil:
			return nil, nil, err.Error()
		case len(named) == 0 && family == "":
			return nil, nil, fmt.Sprintf("it is classified as %q", clip(name))
		case family != "":
			families = append(families, family)
		}
		e = both
	}
	words, family := phrase(d.License)
	switch {
	case classified == 1 && len(families) == 0: // two that differ hold together
		both, err := spdx.Both(e, words)
		switch {
		case err != nil:
			return nil, nil, err.Error()
		case family != "" && !isOfFamily(both, family):
			return both, []string{family}, ""
		}
		return both, nil, ""
	case len(words) > 0 && namesAll(words, e, families): // they say which, or how the classifiers hold together
		return words, nil, ""
	case len(words) > 0:
		if e, err := spdx.Both(e, words); err == nil {
			return e, families, ""
		}
		return nil, nil, "its classifiers and its License differ"
	case classified == 0 && family != "":
		families = []string{family}
	}
	return e, families, ""
}

// namesAll tells whether words name each licence of the classifiers, so that what they
// say of them together counts.
func namesAll(words, classified spdx.Expression, families []string) bool {
	unnamed := func(t spdx.Term) bool { return !slices.Contains(slices.Concat(words...), t) }
	return !slices.ContainsFunc(slices.Concat(classified...), unnamed) && !slices.ContainsFunc(families, func(f string) bool { return !isOfFamily(words, f) })
}

func isOfFamily(e spdx.Expression, family string) bool {
	return slices.ContainsFunc(slices.Concat(e...), func(t spdx.Term) bool { return strings.HasPrefix(t.ID, family+"-") })
}

// unspecified is a licence of a family of which nothing says which.
func unspecified(family string) spdx.Expression { return spdx.Ref(family + "-unspecified") }

// inBrackets is what a classifier ends with.
var inBrackets = regexp.MustCompile(`\(([^()]*)\)[^()]*$`)

// class is what a classifier of PyPI's list says (pypi.org/classifiers). Most end
// in an identifier; those that do not are listed by what is in the brackets, or whole.
func class(name string) (e spdx.Expression, family string) {
	id := name
	if m := inBrackets.FindStringSubmatch(name); m != nil {
		id = m[1]
	}
	if of, ok := strings.CutSuffix(classifiers()[id], " family"); ok {
		return nil, of
	}
	if known := classifiers()[id]; known != "" {
		id = known
	}
	e, err := spdx.Parse(id)
	if err != nil {
		return nil, ""
	}
	return e, ""
}

func classifiers() map[string]string {
	return map[string]string{
		"AFL": "AFL family", "Apache Software License": "Apache family", "Artistic License": "Artistic family", "BSD License": "BSD family", "FDL": "GFDL family",
		"GPL": "GPL family", "LGPL": "LGPL family", "Zope Public License": "ZPL family", "Apple Public Source License": "APSL family", "Eiffel Forum License": "EFL family",
		"AGPLv3": "AGPL-3.0-only", "GNU Affero General Public License v3": "AGPL-3.0-only", "AGPLv3+": "AGPL-3.0-or-later",
		"GPLv2": "GPL-2.0-only", "GPLv2+": "GPL-2.0-or-later", "GPLv3": "GPL-3.0-only", "GPLv3+": "GPL-3.0-or-later",
		"LGPLv2": "LGPL-2.0-only", "LGPLv2+": "LGPL-2.0-or-later", "LGPLv3": "LGPL-3.0-only", "LGPLv3+": "LGPL-3.0-or-later",
		"EUPL 1.0": "EUPL-1.0", "EUPL 1.1": "EUPL-1.1", "EUPL 1.2": "EUPL-1.2", "CC0 1.0": "CC0-1.0",
		"MPL": "MPL-1.0", "MPL 1.1": "MPL-1.1", "MPL 2.0": "MPL-2.0",
		"MIT License": "MIT", "ISCL": "ISC", "Python Software Foundation License": "PSF-2.0", "CNRI Python License": "CNRI-Python", "Common Public License": "CPL-1.0",
		"IBM Public License": "IPL-1.0", "Intel Open Source License": "Intel", "Motosoto License": "Motosoto", "NOKOS": "Nokia", "Open Group Test Suite License": "OGTSL",
		"PostgreSQL License": "PostgreSQL", "QPL": "QPL-1.0", "Sleepycat License": "Sleepycat", "Sun Public License": "SPL-1.0", "UPL": "UPL-1.0",
		"University of Illinois/NCSA Open Source License": "NCSA", "Vovida Software License 1.0": "VSL-1.0", "W3C License": "W3C", "X.Net License": "Xnet", "zlib/libpng License": "Zlib",
		"Public Domain": "LicenseRef-Public-Domain",
	}
}

// How licences are written in words: filler says nothing about which is meant, and a
// version may follow its name, or a "v", at once.
var (
	filler   = regexp.MustCompile(`\b(?:the|licen[cs]ed?|under|version|gnu|software|foundation|style)\b|[^a-z0-9.+]+`)
	leadingV = regexp.MustCompile(`\bv([0-9])`)
	attached = regexp.MustCompile(`([a-z])v?([0-9])`)
	zeros    = regexp.MustCompile(`([0-9])\.0\b`)
)

// longNames are written out where others write initials.
func longNames() *strings.Replacer {
	return strings.NewReplacer("lesser general public", "lgpl", "library general public", "lgpl", "affero general public", "agpl", "general public", "gpl", "mozilla public", "mpl", "zope public", "zpl")
}

// phrase is a licence that is named in words, or by an expression of SPDX.
func phrase(text string) (e spdx.Expression, family string) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxPhrase || strings.Contains(text, "\n") {
		return nil, ""
	}
	if e, err := spdx.Parse(text); err == nil {
		return e, ""
	}
	plain := longNames().Replace(strings.ToLower(text))
	plain = attached.ReplaceAllString(leadingV.ReplaceAllString(plain, "$1"), "$1 $2")
	words := slices.Compact(strings.Fields(filler.ReplaceAllString(plain, " ")))
	plain = zeros.ReplaceAllString(strings.Join(words, " "), "$1")
	known, ok := phrases()[plain]
	if !ok {
		return nil, ""
	}
	if of, ok := strings.CutSuffix(known, " family"); ok {
		return nil, of
	}
	e, err := spdx.Parse(known)
	if err != nil {
		return nil, ""
	}
	return e, ""
}

// phrases are by what is left of them without fillers.
func phrases() map[string]string {
	return map[string]string{
		"mit": "MIT", "expat": "MIT", "mit expat": "MIT", "expat mit": "MIT", "isc": "ISC", "iscl": "ISC", "zlib": "Zlib", "unlicense": "Unlicense", "wtfpl": "WTFPL", "cc 0": "CC0-1.0",
		"apache": "Apache family", "apache 2": "Apache-2.0", "asl 2": "Apache-2.0", "al 2": "Apache-2.0",
		"bsd": "BSD family", "bsd 3 clause": "BSD-3-Clause", "3 clause bsd": "BSD-3-Clause", "new bsd": "BSD-3-Clause", "modified bsd": "BSD-3-Clause", "revised bsd": "BSD-3-Clause", "bsd 3": "BSD-3-Clause",
		"bsd 2 clause": "BSD-2-Clause", "2 clause bsd": "BSD-2-Clause", "simplified bsd": "BSD-2-Clause", "bsd 2": "BSD-2-Clause", "freebsd": "BSD-2-Clause",
		"mpl": "MPL family", "mpl 2": "MPL-2.0", "psf": "PSF-2.0", "psfl": "PSF-2.0", "python": "PSF-2.0", "zpl 2.1": "ZPL-2.1",
		"gpl": "GPL family", "gpl 2": "GPL-2.0-only", "gpl 3": "GPL-3.0-only", "gpl 2+": "GPL-2.0-or-later", "gpl 3+": "GPL-3.0-or-later", "gpl 2 or later": "GPL-2.0-or-later", "gpl 3 or later": "GPL-3.0-or-later",
		"lgpl": "LGPL family", "lgpl 2": "LGPL-2.0-only", "lgpl 2.1": "LGPL-2.1-only", "lgpl 3": "LGPL-3.0-only", "lgpl 2+": "LGPL-2.0-or-later", "lgpl 2.1+": "LGPL-2.1-or-later", "lgpl 3+": "LGPL-3.0-or-later", "lgpl 3 or later": "LGPL-3.0-or-later",
		"agpl": "AGPL family", "agpl 3": "AGPL-3.0-only", "agpl 3+": "AGPL-3.0-or-later", "agpl 3 or later": "AGPL-3.0-or-later", "public domain": "LicenseRef-Public-Domain",
	}
}
