package licenses

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/spdx"
)

// terms are what may be shipped.
type terms struct{ allow, deny []spdx.Expression }

func newTerms(written scan.Licenses) (t terms, err error) {
	for list, texts := range map[*[]spdx.Expression][]string{&t.allow: written.Allow, &t.deny: written.Deny} {
		for _, text := range texts {
			e, err := spdx.Parse(text)
			if err != nil {
				return t, fmt.Errorf("reading the licence %q of the settings: %w", text, err)
			}
			*list = append(*list, e)
		}
	}
	return t, nil
}

// standing is what is to be said against a licence. The alternative counts against
// which there is least.
type standing struct {
	denied, unjudged []string
	why              string // of denied
}

func (t terms) standing(e spdx.Expression) (best standing) {
	for i, set := range e {
		if s := t.ofAll(set); i == 0 || s.worse() < best.worse() {
			best = s
		}
	}
	return best
}

func (s standing) worse() int {
	switch {
	case len(s.denied) > 0:
		return 2
	case len(s.unjudged) > 0:
		return 1
	}
	return 0
}

// ofAll is about licences that hold together. What is denied is so whatever is
// allowed; where there is a list of what is allowed, nothing else is.
func (t terms) ofAll(set []spdx.Term) (s standing) {
	for _, term := range set {
		covers := func(e spdx.Expression) bool { return e.Covers(term, set) }
		switch {
		case slices.ContainsFunc(t.deny, covers):
			s.deny(term, "which gates.licenses.deny lists")
		case slices.ContainsFunc(t.allow, covers):
		case len(t.allow) > 0:
			s.deny(term, "which gates.licenses.allow does not list")
		case isOf(denied(), term):
			s.deny(term, "which is not let through unless gates.licenses.allow lists it")
		case !isOf(letThrough(), term):
			s.unjudged = append(s.unjudged, term.String())
		}
	}
	return s
}

func (s *standing) deny(t spdx.Term, why string) {
	s.denied = append(s.denied, t.String())
	s.why = why
}

func isOf(patterns string, t spdx.Term) bool {
	id := strings.ToLower(strings.TrimPrefix(t.ID, "LicenseRef-"))
	return slices.ContainsFunc(strings.Fields(patterns), func(p string) bool {
		ok, _ := path.Match(strings.ToLower(p), id) // the patterns are well-formed
		return ok
	})
}

// denied are the licences that ask for the whole program's source, or forbid uses of
// it: strong copyleft, copyleft across a network, source that is available for
// some, and no commerce. These go before those that are let through.
func denied() string {
	return `GPL-* AGPL-* SSPL-* BUSL-* FSL-* Elastic-* CommonsClause PolyForm-* Parity-* Prosperity-* Hippocratic-* Anti996
		CC-BY-NC* CC-BY-ND* CC-BY-SA* *-NC-* GFDL-* CPAL-* EUPL-* OSL-* NPOSL-* RPL-* RPSL-* QPL-* Sleepycat CAL-* CECILL-1* CECILL-2* D-FSL-*
		copyleft-next-* BSD-Protection SimPL-* Aladdin* APSL-1* Watcom-* CERN-OHL-S-* LiLiQ-Rplus-* SugarCRM-* Frameworx-* NCGL-* ODbL-* CDLA-Sharing-* TAPR-OHL-*`
}

// letThrough are permissive licences, and those whose copyleft ends at the file or
// at the library.
func letThrough() string {
	return `0BSD AFL-* Apache-* Artistic-* BlueOak-* BSD-* BSL-1.0 bzip2-* CC0-* CC-BY-[1-4]* CC-PDDC CNRI-* curl ECL-* EFL-* Fair FTL HPND* ICU IJG
		ISC JSON Libpng libpng-* libtiff MirOS MIT* MS-PL MulanPSL-* NCSA NTP* ODC-By-* OFL-* OpenSSL PDDL-* PHP-* PostgreSQL PSF-* Python-* Ruby SAX-PD
		SGI-B-2.0 Spencer-* SSH-* TCL TU-Berlin-* Unicode-* Unlicense UPL-* W3C* WTFPL X11* Xnet Zlib zlib-* ZPL-* CDLA-Permissive-* blessing
		GooglePatentClause GooglePatentsFile
		LGPL-* LGPLLR MPL-* EPL-* CDDL-* CPL-* IPL-* MS-RL CECILL-B CECILL-C ErlPL-* LPPL-* CERN-OHL-P-* CERN-OHL-W-* LiLiQ-P-* LiLiQ-R-*`
}
