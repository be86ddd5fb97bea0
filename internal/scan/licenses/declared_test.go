package licenses

import (
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/pydist"
	"github.com/sluice-ci/sluice/internal/spdx"
)

func TestDeclared(t *testing.T) {
	t.Parallel()
	osi := func(names ...string) (all []string) {
		for _, name := range names {
			all = append(all, "License :: OSI Approved :: "+name)
		}
		return append(all, "License :: OSI Approved", "Programming Language :: Python")
	}
	tests := []struct {
		d    pydist.Distribution
		want string // the licence; a family in brackets; why it is not known after a colon
	}{
		{pydist.Distribution{Expression: "mit or GPL-3.0", Classifiers: osi("BSD License")}, "GPL-3.0-only OR MIT"},
		{pydist.Distribution{Expression: "Ours", License: "MIT"}, `: its License-Expression cannot be read: "Ours" is no identifier of the SPDX list`},
		{pydist.Distribution{}, ""},
		{pydist.Distribution{Classifiers: osi()}, ""},
		{pydist.Distribution{Classifiers: osi("MIT License"), License: "GPL"}, "MIT (GPL)"},
		{pydist.Distribution{Classifiers: osi("MIT License"), License: "GPLv3"}, "GPL-3.0-only AND MIT"},
		{pydist.Distribution{Classifiers: osi("MIT License"), License: "The MIT License (MIT)"}, "MIT"},
		{pydist.Distribution{Classifiers: osi("GNU Lesser General Public License v3 (LGPLv3)"), License: "LGPL"}, "LGPL-3.0-only"},
		{pydist.Distribution{Classifiers: osi("Apache Software License", "BSD License"), License: "Dual License"}, "(Apache BSD)"},
		{pydist.Distribution{Classifiers: osi("MIT License", "BSD License")}, "MIT (BSD)"},
		{pydist.Distribution{Classifiers: osi("MIT License", "GNU General Public License v2 or later (GPLv2+)")}, "GPL-2.0-or-later AND MIT"},
		{pydist.Distribution{Classifiers: osi("MIT License", "Apache Software License"), License: "MIT OR Apache-2.0"}, "Apache-2.0 OR MIT"},
		{pydist.Distribution{Classifiers: osi("GNU General Public License v3 (GPLv3)", "GNU Affero General Public License v3"), License: "MIT"}, "AGPL-3.0-only AND GPL-3.0-only AND MIT"},
		{pydist.Distribution{Classifiers: osi("Apache Software License", "GNU General Public License v3 (GPLv3)"), License: "MIT"}, "GPL-3.0-only AND MIT (Apache)"},
		{pydist.Distribution{Classifiers: osi("BSD License"), License: "BSD-2-Clause"}, "BSD-2-Clause"},
		{pydist.Distribution{Classifiers: osi("BSD License"), License: "see LICENSE"}, "(BSD)"},
		{pydist.Distribution{Classifiers: osi("Apache Software License"), License: "Apache License, Version 2.0"}, "Apache-2.0"},
		{pydist.Distribution{Classifiers: osi("GNU Lesser General Public License v3 or later (LGPLv3+)")}, "LGPL-3.0-or-later"},
		{pydist.Distribution{Classifiers: osi("GNU Affero General Public License v3")}, "AGPL-3.0-only"},
		{pydist.Distribution{Classifiers: osi("GNU General Public License (GPL)")}, "(GPL)"},
		{pydist.Distribution{Classifiers: osi("Mozilla Public License 2.0 (MPL 2.0)")}, "MPL-2.0"},
		{pydist.Distribution{Classifiers: osi("CEA CNRS Inria Logiciel Libre License, version 2.1 (CeCILL-2.1)")}, "CECILL-2.1"},
		{pydist.Distribution{Classifiers: []string{"License :: CC0 1.0 Universal (CC0 1.0) Public Domain Dedication"}}, "CC0-1.0"},
		{pydist.Distribution{Classifiers: []string{"License :: Public Domain"}}, "LicenseRef-Public-Domain"},
		{pydist.Distribution{Classifiers: []string{"License :: Other/Proprietary License"}}, `: it is classified as "Other/Proprietary License"`},
		{pydist.Distribution{License: "Expat license"}, "MIT"},
		{pydist.Distribution{License: "Apache 2.0"}, "Apache-2.0"},
		{pydist.Distribution{License: "The BSD 3-Clause License"}, "BSD-3-Clause"},
		{pydist.Distribution{License: "GNU LGPLv2.1+"}, "LGPL-2.1-or-later"},
		{pydist.Distribution{License: "GNU General Public License v3 or later"}, "GPL-3.0-or-later"},
		{pydist.Distribution{License: "GNU Affero General Public License, version 3"}, "AGPL-3.0-only"},
		{pydist.Distribution{License: "BSD"}, "(BSD)"},
		{pydist.Distribution{License: "ours"}, ""},
		{pydist.Distribution{License: "MIT\nbut"}, ""},
	}
	for _, tt := range tests {
		e, families, why := declared(tt.d)
		got := e.String()
		if len(families) > 0 {
			got = strings.TrimSpace(got + " (" + strings.Join(families, " ") + ")")
		}
		if why != "" {
			got += ": " + why
		}
		if got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.d, got, tt.want)
		}
	}
}

// TestPhrases: all that is listed can be read.
func TestPhrases(t *testing.T) {
	t.Parallel()
	for id, name := range classifiers() {
		if e, family := class(id); len(e) == 0 && family == "" {
			t.Errorf("%s is %s, which cannot be read", id, name)
		}
	}
	for words, name := range phrases() {
		if e, family := phrase(words); len(e) == 0 && family == "" {
			t.Errorf("%s is %s, which cannot be read", words, name)
		}
	}
}

func FuzzDeclared(f *testing.F) {
	f.Add("MIT", "OSI Approved :: BSD License", "Apache 2.0")
	f.Add("", "Public Domain", "GPLv3+")
	f.Fuzz(func(t *testing.T, expression, classifier, text string) {
		e, _, _ := declared(pydist.Distribution{Expression: expression, Classifiers: []string{"License :: " + classifier, "License :: OSI Approved :: MIT License"}, License: text})
		if len(e) == 0 {
			return
		}
		if _, err := spdx.Parse(e.String()); err != nil && len(e.String()) < spdx.MaxLength {
			t.Errorf("%s: %v", e, err)
		}
	})
}
