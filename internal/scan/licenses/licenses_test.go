package licenses

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/spdx"
)

// run does the job on the service in dir/svc.
func run(t *testing.T, dir string, terms scan.Licenses) pipeline.Report {
	t.Helper()
	p, err := json.Marshal(params{Cache: sharedCache(t), Version: "v1", Main: "cmd/s", Terms: terms, Beside: true})
	if err != nil {
		t.Fatal(err)
	}
	a, err := work(t.Context(), pipeline.Task{Job: Stage, Root: dir, Dir: filepath.Join(dir, "svc"), Params: p, Cache: t.TempDir(), Log: t.Output(), Progress: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	return a.Reports[0]
}

// outline is what of findings matters here.
func outline(r pipeline.Report) (lines []string) {
	for _, f := range r.Findings {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", f.Location, f.Severity, f.Rule, f.Message))
	}
	return lines
}

const way = "; it comes by example.com/s → example.com/mid → example.com/dep"

func TestFindings(t *testing.T) {
	t.Parallel()
	gpl, agpl, mit := text(t, "GPL-3.0-or-later"), text(t, "AGPL-3.0-or-later"), text(t, "MIT")
	const byDefault = ", which is not let through unless gates.licenses.allow lists it "
	const line = "svc/go.mod:7 "
	tests := map[string]struct {
		files map[string]string
		terms scan.Licenses
		want  []string
	}{
		"permissive": {map[string]string{"dep/LICENSE": mit}, scan.Licenses{}, nil},
		"strong":     {map[string]string{"dep/COPYING": gpl}, scan.Licenses{}, []string{line + "high license-denied/GPL-3.0-or-later: example.com/dep is under GPL-3.0-or-later" + byDefault + "(COPYING)" + way}},
		"both hold":  {map[string]string{"dep/LICENSE": mit, "dep/deep/LICENSE.txt": gpl}, scan.Licenses{}, []string{line + "high license-denied/GPL-3.0-or-later: example.com/dep is under GPL-3.0-or-later" + byDefault + "(LICENSE, deep/LICENSE.txt)" + way}},
		"a choice":   {map[string]string{"dep/LICENSE": "It is dual-licensed:\n\n" + mit + "\n\nor\n\n" + gpl}, scan.Licenses{}, nil},
		"no choice":  {map[string]string{"dep/LICENSE": mit + "\n\n" + gpl}, scan.Licenses{}, []string{line + "high license-denied/GPL-3.0-or-later: example.com/dep is under GPL-3.0-or-later" + byDefault + "(LICENSE)" + way}},
		"allowed":    {map[string]string{"dep/LICENSE": gpl}, scan.Licenses{Allow: []string{"GPL-3.0+", "BSD-3-Clause"}}, nil},
		"in a list":  {map[string]string{"dep/LICENSE": mit}, scan.Licenses{Allow: []string{"BSD-3-Clause"}}, []string{line + "high license-denied/MIT: example.com/dep is under MIT, which gates.licenses.allow does not list (LICENSE)" + way}},
		"denied":     {map[string]string{"dep/LICENSE": mit}, scan.Licenses{Allow: []string{"MIT", "BSD-3-Clause"}, Deny: []string{"MIT"}}, []string{line + "high license-denied/MIT: example.com/dep is under MIT, which gates.licenses.deny lists (LICENSE)" + way}},
		"Go itself":  {map[string]string{"dep/LICENSE": mit}, scan.Licenses{Deny: []string{"BSD-3-Clause"}}, []string{"svc/go.mod:3 high license-denied/BSD-3-Clause: std is under BSD-3-Clause, which gates.licenses.deny lists (LICENSE); it comes by example.com/s → std"}},
		"unknown":    {map[string]string{"dep/LICENSE": text(t, "unknown")}, scan.Licenses{}, []string{line + "medium license-unknown: the licence of example.com/dep cannot be told: LICENSE: 0 % of it is of a known licence" + way}},
		"no text":    {map[string]string{"dep/LICENSE": strings.Repeat("long ", maxText/5+1)}, scan.Licenses{}, []string{line + "medium license-unknown: the licence of example.com/dep cannot be told: LICENSE is no file of at most 1 MiB" + way}},
		"named":      {map[string]string{"dep/LICENSE": "SPDX-License-Identifier: AGPL-3.0-only\n"}, scan.Licenses{}, []string{line + "high license-denied/AGPL-3.0-only: example.com/dep is under AGPL-3.0-only" + byDefault + "(LICENSE)" + way}},
		"unnamed":    {map[string]string{"dep/LICENSE": "SPDX-License-Identifier: Ours\n"}, scan.Licenses{}, []string{line + `medium license-unknown: the licence of example.com/dep cannot be told: LICENSE: it names a licence that cannot be read: "Ours" is no identifier of the SPDX list` + way}},
		"unjudged":   {map[string]string{"dep/LICENSE": "SPDX-License-Identifier: LicenseRef-Ours\n"}, scan.Licenses{}, []string{line + "medium license-unknown: example.com/dep is under LicenseRef-Ours, which neither gates.licenses in sluice.yaml lists nor Sluice (LICENSE)" + way}},
		"the project's own, and a notice that names none": {map[string]string{"svc/LICENSE": agpl, "mid/NOTICE": "by us", "dep/license.go": "package dep\n", "dep/LICENSE.docs": agpl, "svc/testdata/x/LICENSE": agpl}, scan.Licenses{}, nil},
		"the project's own, again":                        {map[string]string{"svc/LICENSE": agpl, "svc/docs/LICENSE": agpl}, scan.Licenses{}, nil},
		"copied code": {map[string]string{"svc/third_party/it/COPYING": gpl, "svc/third_party/it/part/LICENSE": mit, "svc/third_party/it/part/a.go": "package part\n"}, scan.Licenses{},
			[]string{"svc/third_party/it/COPYING high license-denied/GPL-3.0-or-later: svc/third_party/it is under GPL-3.0-or-later" + byDefault + "(COPYING)"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, "example.com/s", "MIT")
			if err := os.Remove(filepath.Join(dir, "dep", "LICENSE")); err != nil {
				t.Fatal(err)
			}
			for file, text := range tt.files {
				write(t, filepath.Join(dir, file), text)
			}
			r := run(t, dir, tt.terms)
			if diff := cmp.Diff(tt.want, outline(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !r.SelfTest.Passed() || len(r.SelfTest.Planted) != 4 {
				t.Errorf("the self-test: %+v", r.SelfTest)
			}
			if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "beside the Go program") {
				t.Errorf("the notes: %q", r.Notes)
			}
			if want := (pipeline.Count{What: "modules", N: 3, Of: 3}); r.Examined[0] != want {
				t.Errorf("the census: %+v", r.Examined)
			}
			if len(r.Findings) > 0 && len(r.Rules) != 1 {
				t.Errorf("the rules: %+v", r.Rules)
			}
		})
	}
}

// TestIdentity: a finding is of a module and its licence, and of no version.
func TestIdentity(t *testing.T) {
	t.Parallel()
	id := func(version, license string) string {
		e, err := spdx.Parse(license)
		if err != nil {
			t.Fatal(err)
		}
		f, ok := terms{}.finding(known{part: part{name: "example.com/m" + version, chain: []string{"s", "example.com/m"}}, license: e, files: []string{"LICENSE"}})
		if !ok {
			t.Fatalf("%s is let through", license)
		}
		return f.Fingerprint()
	}
	first := id("@v1.0.0", "GPL-2.0-only")
	if again := id("@v2.0.0", "GPL-2.0"); first != again {
		t.Error("another version is another finding")
	}
	for _, other := range []string{"AGPL-3.0-only", "GPL-2.0-only AND SSPL-1.0"} {
		if id("@v1.0.0", other) == first {
			t.Errorf("%s is the same finding", other)
		}
	}
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	mit, gpl := text(t, "MIT"), text(t, "GPL-3.0-or-later")
	for text, want := range map[string]string{
		mit:                                     "MIT",
		strings.ReplaceAll(mit, "\n", "\r\n\t"): "MIT",
		mit + strings.Repeat("and so on ", 200): "MIT, 22 % of it is of a known licence",
		"SPDX-License-Identifier: MIT OR GPL-3.0-or-later\n\n" + mit + gpl:                                        "GPL-3.0-or-later OR MIT",
		"SPDX-License-Identifier: MIT\n\n" + gpl:                                                                  "GPL-3.0-or-later AND MIT",
		"SPDX-License-Identifier: MIT\n" + strings.Repeat("but no ", 99):                                          "MIT, 0 % of it is of a known licence",
		"Use it under either of the two, at your option.\n" + mit + gpl:                                           "GPL-3.0-or-later OR MIT",
		"It is dual-licensed.\n" + mit + gpl + "\nApache License 2.0: http://www.apache.org/licenses/LICENSE-2.0": "Apache-2.0 AND GPL-3.0-or-later AND MIT",
		mit + gpl + "\nOf the rest you have it under either of the two.":                                          "GPL-3.0-or-later AND MIT",
		mit + "\nAlternatively, this product may be distributed as follows.\n" + gpl:                              "GPL-3.0-or-later OR MIT",
		"Business Source License 1.1. The Licensor hereby grants you the right to copy, modify, create derivative\nworks, redistribute, and make non-production use of the Licensed Work.": "BUSL-1.1",
		"":               "no licence, 0 % of it is of a known licence",
		"\xff\xfe\x00 (": "no licence, 0 % of it is of a known licence",
	} {
		e, unclear, err := identify([]byte(text)).license(licenseFile)
		got := e.String()
		if len(e) == 0 {
			got = "no licence"
		}
		if unclear != "" {
			got += ", " + unclear
		}
		if err != nil || got != want {
			t.Errorf("%.60q: %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	want := map[kind][]string{
		licenseFile: {"LICENSE", "licence.md", "LICENSE-MIT", "LICENSE.APACHE2", "COPYING.LESSER", "UNLICENSE", "MIT-LICENSE.txt", "LICENSE-3RD-PARTY.md", "License.rst", "apache_license"},
		noticeFile:  {"NOTICE", "Notice.txt", "COPYRIGHT", "third_party_licenses.md", "ThirdPartyNotices.txt"},
		otherFile:   {"license.go", "LICENSE.docs", "LICENSE-LOGO", "licensed", "README.md", "LICENSE.tmpl", "notices_test.go", "licenseheader"},
	}
	for kind, names := range want {
		for _, name := range names {
			if got := kindOf(name); got != kind {
				t.Errorf("%s: %d, want %d", name, got, kind)
			}
		}
	}
}

func TestTerms(t *testing.T) {
	t.Parallel()
	tests := []struct {
		license string
		want    string
	}{
		{"MIT", ""}, {"MPL-2.0", ""}, {"LGPL-3.0-only", ""}, {"BSD-3-Clause-Clear", ""},
		{"MIT OR GPL-2.0-only", ""}, {"MIT AND GPL-2.0-only", "[GPL-2.0-only] []"},
		{"(MIT AND AGPL-3.0-only) OR LicenseRef-Ours", "[] [LicenseRef-Ours]"},
		{"SSPL-1.0", "[SSPL-1.0] []"}, {"BUSL-1.1", "[BUSL-1.1] []"}, {"Elastic-2.0", "[Elastic-2.0] []"},
		{"CC-BY-4.0", ""}, {"CC-BY-NC-4.0", "[CC-BY-NC-4.0] []"}, {"CC-BY-NC-SA-4.0", "[CC-BY-NC-SA-4.0] []"},
		{"GPL-2.0-only WITH Classpath-exception-2.0", "[GPL-2.0-only WITH Classpath-exception-2.0] []"},
		{"LicenseRef-CommonsClause AND Apache-2.0", "[LicenseRef-CommonsClause] []"}, {"LicenseRef-GooglePatentsFile", ""},
		{"Glide", "[] [Glide]"},
	}
	for _, tt := range tests {
		e, err := spdx.Parse(tt.license)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if s := (terms{}).standing(e); s.worse() > 0 {
			got = fmt.Sprint(s.denied, " ", s.unjudged)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.license, got, tt.want)
		}
	}
}

// TestSelfTest: it passes under all terms, and misses what the code does not see.
func TestSelfTest(t *testing.T) {
	t.Parallel()
	for name, written := range map[string]scan.Licenses{
		"none": {}, "all is allowed": {Allow: []string{"MIT", "GPL-3.0-or-later OR AGPL-3.0-or-later"}}, "MIT is denied": {Deny: []string{"mit"}}, "a list": {Allow: []string{"Zlib"}},
	} {
		terms, err := newTerms(written)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := selfTest(terms); err != nil || !s.Passed() {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

// TestReadList: what says too little, or is about something else, is an error.
func TestReadList(t *testing.T) {
	t.Parallel()
	const std = `{"ImportPath":"fmt","Dir":"/go/fmt","Standard":true,"DepOnly":true}`
	const root = `{"ImportPath":"m","Dir":"/m","Imports":["fmt"],"Module":{"Path":"m","Main":true}}`
	for text, want := range map[string]string{
		std + root:      "",
		std:             "the package m is not among them",
		root:            "m imports fmt, which is not among them",
		"":              "the package m is not among them",
		"{}":            `it says too little of the package ""`,
		std + root[:50]: "unexpected EOF",
		"[]":            "cannot unmarshal array",
		`{"ImportPath":"o","Dir":"/o","Module":{"Path":"o"}}`: `it was asked about m, and says "o"`,
		`{"ImportPath":"x","Dir":"/x","DepOnly":true}`:        `it says too little of the package "x"`,
	} {
		_, err := readList(strings.NewReader(text), "m")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestFolders(t *testing.T) {
	t.Parallel()
	in := func(mod, path, dir string) listed {
		return listed{ImportPath: path, Dir: dir, Module: &module{Path: mod}}
	}
	for want, p := range map[string]listed{
		"/c/m@v1":                       in("m", "m", "/c/m@v1"),
		"/c/m@v1 /c/m@v1/a /c/m@v1/a/b": in("m", "m/a/b", "/c/m@v1/a/b"),
		"/s/vendor/m /s/vendor/m/a":     in("m", "m/a", "/s/vendor/m/a"),
		"":                              in("m", "m/a", "/c/m@v1/b"),
	} {
		got, err := p.folders()
		if strings.Join(got, " ") != want || (err != nil) != (want == "") {
			t.Errorf("%v, %v; want %s", got, err, want)
		}
	}
}

// TestName: a module is called by what stands in for it.
func TestName(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]listed{
		"m@v1.0.0":    {Module: &module{Path: "m", Version: "v1.0.0"}},
		"fork@v1.2.0": {Module: &module{Path: "m", Version: "v1.0.0", Replace: &module{Path: "fork", Version: "v1.2.0"}}},
		"m":           {Module: &module{Path: "m", Version: "v1.0.0", Replace: &module{Path: "../m"}}},
		"std":         {Standard: true},
	} {
		if got := p.name(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestMemo: what was read is known again, by the same Sluice.
func TestMemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := recall(dir, "v1")
	first := m.reading([]byte(text(t, "MIT")))
	if err := m.remember(); err != nil {
		t.Fatal(err)
	}
	if again := recall(dir, "v1"); !cmp.Equal(slices.Collect(maps.Values(again.Texts)), []reading{first}) {
		t.Errorf("%+v", again.Texts)
	}
	if other := recall(dir, "v2"); len(other.Texts) > 0 {
		t.Error("another Sluice took it")
	}
	write(t, filepath.Join(dir, "texts.json"), "{")
	if broken := recall(dir, "v1"); len(broken.Texts) > 0 {
		t.Error("a broken one was taken")
	}
}

func FuzzIdentify(f *testing.F) {
	for _, seed := range []string{"", "MIT", "SPDX-License-Identifier: MIT OR (", "\xff\x00", "Permission is hereby granted, free of charge, to any person at your option"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := identify([]byte(text))
		for _, kind := range []kind{licenseFile, noticeFile} {
			if e, unclear, err := r.license(kind); kind == licenseFile && err == nil && unclear == "" && len(e) == 0 {
				t.Errorf("%q has no licence, and is clear", text)
			}
		}
	})
}

func FuzzReadList(f *testing.F) {
	f.Add(`{"ImportPath":"m","Dir":"/m","Imports":["m"],"Module":{"Path":"m","Main":true}}`)
	f.Add(`{"ImportPath":"m","Dir":"/m","Imports":["n"],"Module":{"Path":"m"}}{"ImportPath":"n","Dir":"/c/n","DepOnly":true,"Module":{"Path":"n","Version":"v1"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		prog, err := readList(strings.NewReader(text), "m")
		if err != nil {
			return
		}
		if parts, err := prog.parts("/m"); err == nil && len(prog.modules()) > 0 && len(parts) == 0 {
			t.Errorf("%s: no parts of %q", text, prog.modules())
		}
	})
}

// TestLayouts: what is vendored, and what is of a workspace, is found the same.
func TestLayouts(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*testing.T, string){
		"a vendor folder": func(t *testing.T, dir string) {
			t.Helper()
			vendor := exec.CommandContext(t.Context(), "go", "mod", "vendor")
			vendor.Dir, vendor.Env = filepath.Join(dir, "svc"), append(os.Environ(), "GOFLAGS=", "GOWORK=off")
			if out, err := vendor.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		},
		"a workspace": func(t *testing.T, dir string) {
			t.Helper()
			write(t, filepath.Join(dir, "go.work"), "go 1.21\n\nuse (\n\t./svc\n\t./mid\n)\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, "example.com/s", "AGPL-3.0-or-later")
			prepare(t, dir)
			want := []string{"svc/go.mod:7 high license-denied/AGPL-3.0-or-later: example.com/dep is under AGPL-3.0-or-later, which is not let through unless gates.licenses.allow lists it (LICENSE)" + way}
			if diff := cmp.Diff(want, outline(run(t, dir, scan.Licenses{}))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
