package vulndb

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/vuln/scan"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	sluicescan "github.com/sluice-ci/sluice/internal/scan"
)

// today is the time of the tests.
var today = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// entry is an advisory about a module, changed at a time.
func entry(id, module string, modified time.Time) string {
	return fmt.Sprintf(`{
  "schema_version": "1.3.1", "id": %q, "modified": %q, "aliases": ["CVE-%s"], "summary": "planted", "details": "",
  "affected": [{"package": {"name": %q, "ecosystem": "Go"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "9.9.9"}]}]}]
}`, id, modified.Format(time.RFC3339), id, module)
}

// small is a database of two advisories, the newer a day old.
func small() map[string]string {
	return map[string]string{
		"ID/GO-2026-0001.json": entry("GO-2026-0001", "stdlib", today.Add(-24*time.Hour)),
		"ID/GO-2026-0002.json": entry("GO-2026-0002", "example.com/m", today.Add(-48*time.Hour)),
	}
}

// with is a database with a file changed, or without it where the text is "".
func with(files map[string]string, name, text string) map[string]string {
	if files[name] = text; text == "" {
		delete(files, name)
	}
	return files
}

// inRepository is a database in the layout of the repository.
func inRepository(files map[string]string) map[string]string {
	moved := map[string]string{}
	for name, text := range files {
		moved[strings.Replace(name, "ID/", "data/osv/", 1)] = text
	}
	return moved
}

func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// serve is a site that gives out an archive.
func serve(t *testing.T, archive []byte) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/vulndb.zip" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(archive)
	}))
	t.Cleanup(srv.Close)
	return srv
}

// gone is the address of a site that does not answer.
func gone(t *testing.T) string {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	return srv.URL
}

// task is a task for a planned job, with a cache folder.
func task(t *testing.T, job pipeline.Job, cache string) pipeline.Task {
	t.Helper()
	params, err := json.Marshal(job.Params)
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Task{Job: job.Name, Stages: job.Stages, Cache: cache, Params: params, Progress: func(string) {}, Log: t.Output()}
}

func plan(t *testing.T, s Scanner, source string) pipeline.Job {
	t.Helper()
	job, err := s.Job(sluicescan.Service{GoModule: "example.com/svc", Options: sluicescan.Options{VulnDB: source}})
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// get plans and does the job.
func get(t *testing.T, s Scanner, cache, source string) (pipeline.Answer, error) {
	t.Helper()
	return s.Worker()(t.Context(), task(t, plan(t, s, source), cache))
}

func mustGet(t *testing.T, s Scanner, cache, source string) pipeline.Report {
	t.Helper()
	a, err := get(t, s, cache, source)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Reports) != 1 {
		t.Fatalf("%d reports, want 1", len(a.Reports))
	}
	return a.Reports[0]
}

func TestFromSite(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	srv := serve(t, zipped(t, small()))
	s := Scanner{now: at(today)}
	r := mustGet(t, s, cache, srv.URL)
	want := pipeline.Report{
		Stage:    "vulndb",
		Examined: []pipeline.Count{{What: "advisories", N: 2}, {What: "modules", N: 2}},
		Values: map[string]string{
			"path":     filepath.Join(cache, r.Values["digest"]),
			"digest":   r.Values["digest"],
			"modified": "2026-03-09T12:00:00Z",
			"source":   srv.URL + "/vulndb.zip",
		},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	if got := query(t, r.Values["path"], "example.com/m@v1.0.0"); !strings.Contains(got, "GO-2026-0002") {
		t.Errorf("govulncheck finds %q in the folder, want GO-2026-0002", got)
	}
	if got := query(t, r.Values["path"], "stdlib@go1.26.0"); !strings.Contains(got, "GO-2026-0001") {
		t.Errorf("govulncheck finds %q in the folder, want GO-2026-0001", got)
	}
	only(t, cache, r.Values["digest"], "source-*.json")
}

// query asks govulncheck what it knows of a module.
func query(t *testing.T, dir, module string) string {
	t.Helper()
	var out bytes.Buffer
	cmd := scan.Command(t.Context(), "-mode=query", "-format=json", "-db=file://"+dir, module)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(""), &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err, out.String())
	}
	return out.String()
}

// only fails when the folder has other entries than those of the patterns.
func only(t *testing.T, dir string, patterns ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		known := false
		for _, p := range patterns {
			ok, err := filepath.Match(p, e.Name())
			if err != nil {
				t.Fatal(err)
			}
			known = known || ok
		}
		if !known {
			t.Errorf("%s was left in the cache", e.Name())
		}
	}
}

func TestOneContentOneDigest(t *testing.T) {
	t.Parallel()
	s := Scanner{now: at(today)}
	index := `[{"id":"GO-2026-0001","modified":"2026-01-01T00:00:00Z"},{"id":"GO-2026-0002","modified":"2026-01-01T00:00:00Z"}]`
	compact := small()
	for name, text := range compact {
		var b bytes.Buffer
		if err := json.Compact(&b, []byte(text)); err != nil {
			t.Fatal(err)
		}
		compact[name] = b.String()
	}
	compact["ID/index.json"], compact["index/vulns.json"] = "[]", index
	sources := map[string]string{
		"a site":                 serve(t, zipped(t, small())).URL + "/vulndb.zip",
		"a folder":               folder(t, small()),
		"a file URL":             "file://" + folder(t, small()),
		"a repository":           folder(t, inRepository(small())),
		"compact, with an index": folder(t, compact),
	}
	digests := map[string]string{}
	for name, source := range sources {
		digests[name] = mustGet(t, s, t.TempDir(), source).Values["digest"]
	}
	for name, digest := range digests {
		if digest != digests["a site"] || len(digest) != 64 {
			t.Errorf("%s: the digest is %q, and of a site %q", name, digest, digests["a site"])
		}
	}
	other := folder(t, with(small(), "ID/GO-2026-0002.json", entry("GO-2026-0002", "example.com/other", today)))
	if d := mustGet(t, s, t.TempDir(), other).Values["digest"]; d == digests["a site"] {
		t.Error("another content has the same digest")
	}
}

func TestUnusable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"empty":                  {map[string]string{"README": ""}, "there is neither a folder ID nor a folder data/osv"},
		"no advisory":            {map[string]string{"ID/README": ""}, "there is no advisory in it"},
		"no standard library":    {with(small(), "ID/GO-2026-0001.json", ""), "none of its 1 advisories is about Go's standard library"},
		"another's name":         {with(small(), "ID/GO-2026-0003.json", entry("GO-2026-0004", "m", today)), `GO-2026-0003.json: it is about an advisory with the ID "GO-2026-0004"`},
		"a name that leads away": {with(small(), "ID/x.json", entry("../x", "m", today)), `the ID "../x"`},
		"no JSON":                {with(small(), "ID/GO-2026-0003.json", `{"id": `), "reading ID/GO-2026-0003.json: unexpected end of JSON input"},
		"an empty object":        {with(small(), "ID/GO-2026-0003.json", `{}`), `reading ID/GO-2026-0003.json: it is about an advisory with the ID ""`},
		"another ecosystem":      {with(small(), "ID/GO-2026-0003.json", strings.Replace(entry("GO-2026-0003", "m", today), `"Go"`, `"npm"`, 1)), `it is about "m" of "npm"`},
		"no module":              {with(small(), "ID/GO-2026-0003.json", entry("GO-2026-0003", "", today)), "and not about a Go module"},
		"no time":                {with(small(), "ID/GO-2026-0003.json", `{"id":"GO-2026-0003","modified":"yesterday"}`), "reading ID/GO-2026-0003.json: "},
		"too large":              {with(small(), "ID/GO-2026-0003.json", entry("GO-2026-0003", strings.Repeat("m", maxAdvisorySize), today)), "more than 1048576 bytes"},
		"a part is lost":         {with(small(), "index/vulns.json", `[{"id":"GO-2026-0001"},{"id":"GO-2026-0002"},{"id":"GO-2026-0003"}]`), `index/vulns.json names "GO-2026-0003", which is not there`},
		"more than in the index": {with(small(), "index/vulns.json", `[{"id":"GO-2026-0001"}]`), "index/vulns.json names 1 advisories, and 2 are there"},
		"a damaged index":        {with(small(), "index/vulns.json", `[`), "reading index/vulns.json: "},
		"from the future":        {with(small(), "ID/GO-2026-0001.json", entry("GO-2026-0001", "stdlib", today.Add(25*time.Hour))), "is dated 2026-03-11T13:00:00Z, which is yet to come"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cache := t.TempDir()
			for _, source := range []string{folder(t, c.files), serve(t, zipped(t, c.files)).URL} {
				a, err := get(t, Scanner{now: at(today)}, cache, source)
				if err == nil {
					t.Fatalf("it was taken from %s: %+v", source, a.Reports)
				}
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("the error is %q, want %q", err, c.want)
				}
				if hint.Remedy(err) == "" {
					t.Errorf("%q has no remedy", err)
				}
			}
			only(t, cache, strings.Repeat("[0-9a-f]", 64))
		})
	}
}

func TestFolderTricks(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "GO-2026-0003.json")
	if err := os.WriteFile(outside, []byte(entry("GO-2026-0003", "m", today)), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		make func(dir string) error
		want string
	}{
		"a link out":     {func(dir string) error { return os.Symlink(outside, dir+"/ID/GO-2026-0003.json") }, "GO-2026-0003.json"},
		"a folder":       {func(dir string) error { return os.Mkdir(dir+"/ID/GO-2026-0003.json", 0o755) }, "it is not a regular file"},
		"no such folder": {os.RemoveAll, "opening the vulnerability data"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, small())
			s, cache := Scanner{now: at(today)}, t.TempDir()
			mustGet(t, s, cache, dir)
			if err := c.make(dir); err != nil {
				t.Fatal(err)
			}
			if a, err := get(t, s, cache, dir); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the answer is %+v, the error %v, want %q", a, err, c.want)
			}
		})
	}
}

func TestSiteTricks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"no archive": {func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>log in</html>") }, "not a valid zip file"},
		"not found":  {http.NotFound, `the answer is "404 Not Found"`},
		"endless":    {func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, zeros{}) }, "the answer has more than 67108864 bytes"},
		"cut off": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "9")
			fmt.Fprint(w, "PK")
		}, "unexpected EOF"},
		"plain http": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://vuln.example.org/vulndb.zip", http.StatusFound)
		}, "http://vuln.example.org/vulndb.zip is no https URL"},
		"round and round": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, "more than 3 redirections"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(c.handler)
			t.Cleanup(srv.Close)
			a, err := get(t, Scanner{now: at(today)}, t.TempDir(), srv.URL)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "getting "+srv.URL+"/vulndb.zip: ") {
				t.Errorf("the answer is %+v, the error %v, want %q", a, err, c.want)
			}
		})
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAddress(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"https://vuln.go.dev":         "https://vuln.go.dev/vulndb.zip",
		"https://vuln.go.dev/":        "https://vuln.go.dev/vulndb.zip",
		"https://example.org/a/b.zip": "https://example.org/a/b.zip",
		"http://127.0.0.1:1/x":        "http://127.0.0.1:1/x/vulndb.zip",
		"http://[::1]:1":              "http://[::1]:1/vulndb.zip",
		"http://vuln.go.dev":          "",
		"http://127.0.0.1.nip.io":     "",
		"ftp://vuln.go.dev":           "",
		"https://":                    "",
		"https://[::1":                "",
	} {
		u, err := archiveURL(source)
		if (err != nil) != (want == "") || err == nil && u.String() != want {
			t.Errorf("%s: the address is %v, the error %v, want %q", source, u, err, want)
		}
	}
	if _, err := archiveURL("http://user:hidden@vuln.example.org"); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("the error is %v, want one that does not show the password", err)
	}
}

func TestOlderCopy(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	srv := serve(t, zipped(t, small()))
	first := mustGet(t, Scanner{now: at(today)}, cache, srv.URL)
	srv.Close()

	near := mustGet(t, Scanner{now: at(today.Add(5 * 24 * time.Hour))}, cache, srv.URL)
	if diff := cmp.Diff(first, near); diff != "" {
		t.Errorf("without a site, five days on: %s", diff)
	}
	far := mustGet(t, Scanner{now: at(today.Add(96 * 24 * time.Hour))}, cache, srv.URL)
	if diff := cmp.Diff(first.Values, far.Values); diff != "" {
		t.Error(diff)
	}
	want := "vulnerability data is 97 days old (from " + srv.URL + "/vulndb.zip); newer could not be had: getting " + srv.URL + "/vulndb.zip: "
	if len(far.Notes) != 1 || !strings.HasPrefix(far.Notes[0], want) {
		t.Errorf("the notes are %q, want %q…", far.Notes, want)
	}
	if a, err := get(t, Scanner{now: at(today)}, cache, gone(t)); err == nil {
		t.Errorf("another source's copy was used: %+v", a.Reports)
	}
}

// By itself Sluice does not go back; the user may.
func TestNoWayBack(t *testing.T) {
	t.Parallel()
	older := with(small(), "ID/GO-2026-0001.json", entry("GO-2026-0001", "stdlib", today.Add(-72*time.Hour)))
	cache := t.TempDir()
	newer := mustGet(t, Scanner{now: at(today), site: serve(t, zipped(t, small())).URL}, cache, "")
	again := mustGet(t, Scanner{now: at(today), site: serve(t, zipped(t, older)).URL}, cache, "")
	if diff := cmp.Diff(newer.Values, again.Values); diff != "" {
		t.Errorf("a site with older data was followed: %s", diff)
	}
	dir := folder(t, small())
	mustGet(t, Scanner{now: at(today)}, cache, dir)
	if err := os.WriteFile(dir+"/ID/GO-2026-0001.json", []byte(older["ID/GO-2026-0001.json"]), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := mustGet(t, Scanner{now: at(today)}, cache, dir).Values["modified"]; got != "2026-03-08T12:00:00Z" {
		t.Errorf("the folder's data is of %s, want 2026-03-08T12:00:00Z", got)
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(dir string) error
		seen   bool // by the quick look
	}{
		"the folder is gone":    {os.RemoveAll, true},
		"a file is gone":        {func(dir string) error { return os.Remove(dir + "/ID/GO-2026-0001.json") }, true},
		"a file is cut off":     {func(dir string) error { return os.Truncate(dir+"/index/modules.json", 3) }, true},
		"the manifest is gone":  {func(dir string) error { return os.Remove(dir + "/manifest") }, true},
		"the manifest is empty": {func(dir string) error { return os.Truncate(dir+"/manifest", 0) }, true},
		"the manifest is other": {func(dir string) error { return os.WriteFile(dir+"/manifest", []byte("x 1 ../../etc/passwd\n"), 0o644) }, true},
		"a file is a link": {func(dir string) error {
			info, err := os.Stat(dir + "/index/db.json")
			if err != nil {
				return err
			}
			as := strings.Repeat("x", int(info.Size())) // so that the link is as large as the file
			return errors.Join(os.Remove(dir+"/index/db.json"), os.Symlink(as, dir+"/index/db.json"))
		}, true},
		"a byte is another":    {flip("/ID/GO-2026-0001.json"), false},
		"the index leaves out": {flip("/index/modules.json"), false},
		"all is another":       {func(dir string) error { return errors.Join(flip("/ID/GO-2026-0001.json")(dir), rewrite(dir)) }, true},
		"an advisory is added": {func(dir string) error { return os.WriteFile(dir+"/ID/GO-2026-0009.json", nil, 0o644) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cache, s := t.TempDir(), Scanner{now: at(today)}
			srv := serve(t, zipped(t, small()))
			job := plan(t, s, srv.URL)
			a, err := get(t, s, cache, srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			if !job.Valid(a) {
				t.Fatal("a whole folder is not valid")
			}
			if err := c.damage(a.Reports[0].Values["path"]); err != nil {
				t.Fatal(err)
			}
			if c.seen && job.Valid(a) {
				t.Error("the damage was not seen")
			}
			again := mustGet(t, s, cache, srv.URL)
			if diff := cmp.Diff(a.Reports[0], again); diff != "" {
				t.Error(diff)
			}
			if err := whole(again.Values["path"]); err != nil {
				t.Error(err)
			}
			if err := c.damage(again.Values["path"]); err != nil {
				t.Fatal(err)
			}
			srv.Close()
			if a, err := get(t, s, cache, srv.URL); err == nil {
				t.Errorf("the damaged folder was used where there is no other: %+v", a.Reports)
			}
		})
	}
}

// flip changes a byte in the middle of a file.
func flip(name string) func(string) error {
	return func(dir string) error {
		text, err := os.ReadFile(dir + name)
		if err != nil {
			return err
		}
		text[len(text)/2] ^= 1
		return os.WriteFile(dir+name, text, 0o644)
	}
}

// rewrite makes a manifest of what is in a folder.
func rewrite(dir string) error {
	m, err := readManifest(dir)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	for _, l := range m {
		if files[l.name], err = os.ReadFile(filepath.Join(dir, l.name)); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, manifestName), newManifest(files).text(), 0o644)
}

func TestHalfWritten(t *testing.T) {
	t.Parallel()
	s := store{dir: t.TempDir()}
	files := map[string][]byte{"ID/a.json": nil, "nowhere/b.json": nil}
	if err := s.write(files, newManifest(files), filepath.Join(s.dir, "x")); err == nil {
		t.Error("a file was written into a folder that is not there")
	}
	only(t, s.dir)
}

func TestValidNeedsAFolder(t *testing.T) {
	t.Parallel()
	job := plan(t, Scanner{}, "")
	for name, a := range map[string]pipeline.Answer{
		"no report":     {},
		"another stage": {Reports: []pipeline.Report{{Stage: "deps"}}},
		"no folder":     {Reports: []pipeline.Report{{Stage: "vulndb"}}},
		"an empty one":  {Reports: []pipeline.Report{{Stage: "vulndb", Values: map[string]string{"path": t.TempDir(), "digest": hexSum(nil)}}}},
	} {
		if job.Valid(a) {
			t.Errorf("%s is valid", name)
		}
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	job := plan(t, Scanner{now: at(today)}, dir)
	job.Valid = nil
	tool, err := gotool.Find()
	if err != nil {
		t.Fatal(err)
	}
	want := pipeline.Job{
		Name: "vulndb", Stages: []string{"vulndb"}, Params: params{Source: dir},
		Inputs: pipeline.Inputs{Trees: []string{dir}, Values: map[string]string{"source": dir, "period": "82090", "format": "1"}},
		Access: pipeline.Access{Network: "outside", Read: append(tool.Reads(), dir)}, Cost: 5 * time.Second, Limit: 5 * time.Minute,
	}
	if diff := cmp.Diff(want, job); diff != "" {
		t.Error(diff)
	}
	same := plan(t, Scanner{now: at(today.Add(checkEvery - time.Second))}, dir)
	next := plan(t, Scanner{now: at(today.Add(checkEvery))}, dir)
	if p := same.Inputs.Values["period"]; p != "82090" {
		t.Errorf("within six hours the period is %s", p)
	}
	if p := next.Inputs.Values["period"]; p != "82091" {
		t.Errorf("after six hours the period is %s", p)
	}
	other, err := Scanner{}.Job(sluicescan.Service{})
	if err != nil || other.NotApplicable == "" {
		t.Errorf("without a Go module: %+v, %v", other, err)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	srv := serve(t, zipped(t, small()))
	kept := mustGet(t, Scanner{now: at(today)}, cache, srv.URL).Values["digest"]
	unused := strings.Repeat("0", 64)
	young := strings.Repeat("1", 64)
	for name, age := range map[string]time.Duration{unused: 8 * 24 * time.Hour, young: time.Hour, "new-1": 25 * time.Hour, "new-2": time.Hour, "module-1": 25 * time.Hour} {
		dir := filepath.Join(cache, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, today, today.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	mustGet(t, Scanner{now: at(today)}, cache, srv.URL)
	only(t, cache, kept, young, "new-2", "source-*.json")
	for _, name := range []string{kept, young, "new-2"} {
		if _, err := os.Stat(filepath.Join(cache, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	cache := t.TempDir()
	s := Scanner{now: at(today), site: srv.URL}
	if _, err := s.Worker()(ctx, task(t, plan(t, s, ""), cache)); err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("the error is %v, want that the context was cancelled", err)
	}
	only(t, cache)
}
