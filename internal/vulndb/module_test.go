package vulndb

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/module"
)

// The versions that the tests' proxies have; newer is newer than the pinned one.
const (
	older = "v0.0.0-20250101000000-000000000001"
	newer = "v0.0.0-20260901000000-000000000002"
)

// proxy is a module proxy in a folder, as GOPROXY=file://… names it.
type proxy struct{ dir string }

func newProxy(t *testing.T) proxy {
	t.Helper()
	p := proxy{dir: filepath.Join(t.TempDir(), modulePath, "@v")}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p proxy) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// add publishes a version, in a file that the queries can be answered from.
func (p proxy) add(t *testing.T, version string, files map[string]string, queries ...string) {
	t.Helper()
	asOf, err := module.PseudoVersionTime(version)
	if err != nil {
		t.Fatal(err)
	}
	info := fmt.Sprintf(`{"Version":%q,"Time":%q}`, version, asOf.Format(time.RFC3339))
	inModule := map[string]string{}
	for name, text := range files {
		inModule[modulePath+"@"+version+"/"+name] = text
	}
	p.write(t, version+".info", info)
	p.write(t, version+".mod", "module "+modulePath+"\n")
	p.write(t, version+".zip", string(zipped(t, inModule)))
	p.write(t, "list", "") // without it @latest is not asked for
	for _, q := range queries {
		p.write(t, q, info)
	}
}

// env is this process's environment, with the proxy in place of all others.
func (p proxy) env() []string {
	root := strings.TrimSuffix(p.dir, filepath.Join(modulePath, "@v"))
	return append(os.Environ(), "GOPROXY=file://"+filepath.ToSlash(root), "GONOSUMDB=*", "GOENV=off")
}

// undated is a database as the repository has it: no advisory is dated.
func undated() map[string]string {
	return inRepository(map[string]string{
		"ID/GO-2026-0001.json": entry("GO-2026-0001", "stdlib", time.Time{}),
	})
}

func TestFromModuleProxy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		versions map[string][]string // and the queries that lead to them
		want     string              // the version, or a part of the error
	}{
		"the latest":            {map[string][]string{newer: {"../@latest"}}, newer},
		"the branch":            {map[string][]string{newer: {"master.info"}}, newer},
		"older than the pinned": {map[string][]string{older: {"../@latest"}}, older},
		"nothing":               {nil, "getting golang.org/x/vulndb@" + pinnedVersion},
		"another content":       {map[string][]string{pinnedVersion: nil}, "checksum mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t)
			for v, queries := range c.versions {
				p.add(t, v, undated(), queries...)
			}
			cache := t.TempDir()
			s := Scanner{now: at(today.Add(365 * 24 * time.Hour)), site: gone(t), env: p.env()}
			a, err := get(t, s, cache, "")
			if !strings.HasPrefix(c.want, "v0") {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("the error is %v, want %q", err, c.want)
				}
				only(t, cache)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			r := a.Reports[0]
			asOf, err := module.PseudoVersionTime(c.want)
			if err != nil {
				t.Fatal(err)
			}
			if r.Values["source"] != modulePath+"@"+c.want || r.Values["modified"] != asOf.Format(time.RFC3339) {
				t.Errorf("the data is of %s, from %s, want %s of %s", r.Values["modified"], r.Values["source"], c.want, asOf)
			}
			if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "; newer could not be had: getting http://127.0.0.1:") {
				t.Errorf("the notes are %q", r.Notes)
			}
			only(t, cache, r.Values["digest"], "source-*.json")
		})
	}
}

// The newest version is tried first, be it the pinned one.
func TestVersions(t *testing.T) {
	t.Parallel()
	for latest, want := range map[string][]string{newer: {newer, pinnedVersion}, older: {pinnedVersion, older}, "": {pinnedVersion}} {
		p := newProxy(t)
		if latest != "" {
			p.add(t, latest, undated(), "../@latest")
		}
		m, err := newModules(t.TempDir(), p.env())
		if err != nil {
			t.Fatal(err)
		}
		got, errs := m.versions(t.Context())
		if !slices.Equal(got, want) || (latest == "") != (len(errs) == 2) {
			t.Errorf("the versions are %v, the errors %v, want %v", got, errs, want)
		}
	}
}

// A version that was had already is not got again.
func TestModuleIsGotOnce(t *testing.T) {
	t.Parallel()
	p, cache := newProxy(t), t.TempDir()
	p.add(t, newer, undated(), "../@latest")
	s := Scanner{now: at(today.Add(365 * 24 * time.Hour)), site: gone(t), env: p.env()}
	first := mustGet(t, s, cache, "")
	if err := os.Remove(filepath.Join(p.dir, newer+".zip")); err != nil {
		t.Fatal(err)
	}
	again := mustGet(t, s, cache, "")
	if again.Values["digest"] != first.Values["digest"] {
		t.Errorf("the second time it is %v, the first %v", again.Values, first.Values)
	}
	if notes := strings.Join(again.Notes, ""); strings.Contains(notes, "getting "+modulePath) {
		t.Errorf("it was asked for again: %s", notes)
	}
}

// The pinned version is there, has the pinned checksums, and is a whole
// database. It comes from whatever module proxy this machine is set to use.
func TestPinned(t *testing.T) {
	t.Parallel()
	m, err := newModules(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.close(); err != nil {
			t.Error(err)
		}
	})
	d, err := m.fetch(t.Context(), pinnedVersion)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(d.advisories); n < 4000 {
		t.Errorf("it has %d advisories, want 4,000 and more", n)
	}
	if want := time.Date(2026, 8, 13, 21, 43, 54, 0, time.UTC); !d.modified.Equal(want) {
		t.Errorf("it is of %v, want %v", d.modified, want)
	}
	if !slices.ContainsFunc(d.modules(), func(m indexModule) bool { return m.Path == "golang.org/x/text" && len(m.Vulns) > 1 }) {
		t.Error("it has nothing about golang.org/x/text")
	}
	s := store{dir: t.TempDir()}
	r, err := s.put(d, "test")
	if err != nil {
		t.Fatal(err)
	}
	if got := query(t, s.path(r), "golang.org/x/text@v0.3.5"); !strings.Contains(got, "GO-2021-0113") {
		t.Error("govulncheck does not find GO-2021-0113 in the folder")
	}
}
