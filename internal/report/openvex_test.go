package report

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
)

func TestOpenVEX(t *testing.T) {
	t.Parallel()
	rec := pipeline.Record{ID: "r1", Service: "todo", Sluice: "v1", Started: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	findings := []sarif.Finding{
		{Rule: "GO-3", Module: "stdlib@go1.26.8", Reach: sarif.Required},
		{Rule: "GO-2", Module: "golang.org/x/text@v0.3.5", Reach: sarif.Reachable, Aliases: []string{"CVE-2"}, Fix: "run go get golang.org/x/text@v0.3.8"},
		{Rule: "GO-1", Module: "example.com/m@v1.0.0+incompatible", Reach: sarif.Reachable, Suppression: &sarif.Suppression{Reason: "the admin tool only", Owner: "me", Expires: "2026-12-31"}},
		{Rule: "G201", Message: "no advisory"},
	}
	var b bytes.Buffer
	if err := OpenVEX(&b, rec, "sha256:00ff", findings); err != nil {
		t.Fatal(err)
	}
	var got, want any
	const text = `{
		"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://github.com/sluice-ci/sluice/vex/todo/r1", "author": "todo",
		"timestamp": "2026-03-01T00:00:00Z", "version": 1, "tooling": "sluice v1",
		"statements": [
			{"vulnerability": {"name": "GO-1"}, "status": "not_affected", "impact_statement": "the admin tool only (me, until 2026-12-31)",
			 "products": [{"@id": "pkg:oci/todo@sha256%3A00ff", "subcomponents": [{"@id": "pkg:golang/example.com/m@v1.0.0+incompatible"}]}]},
			{"vulnerability": {"name": "GO-2", "aliases": ["CVE-2"]}, "status": "affected", "action_statement": "run go get golang.org/x/text@v0.3.8",
			 "products": [{"@id": "pkg:oci/todo@sha256%3A00ff", "subcomponents": [{"@id": "pkg:golang/golang.org/x/text@v0.3.5"}]}]},
			{"vulnerability": {"name": "GO-3"}, "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path",
			 "products": [{"@id": "pkg:oci/todo@sha256%3A00ff", "subcomponents": [{"@id": "pkg:golang/stdlib@go1.26.8"}]}]}
		]}`
	for to, from := range map[*any][]byte{&got: b.Bytes(), &want: []byte(text)} {
		if err := json.Unmarshal(from, to); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
}

// TestOpenVEXOfNothing is a document without statements, not one that is absent.
func TestOpenVEXOfNothing(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := OpenVEX(&b, pipeline.Record{Service: "todo"}, "", nil); err != nil || !bytes.Contains(b.Bytes(), []byte(`"statements": []`)) {
		t.Errorf("%v:\n%s", err, &b)
	}
}

// FuzzOpenVEX puts anything where a repository or a database has a say: the
// document stays one that says something of each advisory.
func FuzzOpenVEX(f *testing.F) {
	f.Add("todo", "sha256:00ff", "GO-2026-0001", "golang.org/x/text@v0.3.5", "CVE-2026-1", "reachable", "the admin tool only")
	f.Add("to/do", "", "GO-1", "@", "", "", "")
	f.Add("\x00", "%", "\"", "a@b@c", "\xff", "imported", "\n")
	f.Fuzz(func(t *testing.T, service, digest, rule, module, alias, reach, reason string) {
		finding := sarif.Finding{Rule: rule, Module: module, Aliases: []string{alias}, Reach: sarif.Reach(reach)}
		if reason != "" {
			finding.Suppression = &sarif.Suppression{Reason: reason}
		}
		var b bytes.Buffer
		if err := OpenVEX(&b, pipeline.Record{Service: service}, digest, []sarif.Finding{finding}); err != nil {
			t.Fatal(err)
		}
		var doc vexDocument
		if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		if module == "" {
			if len(doc.Statements) != 0 {
				t.Error("a statement on no advisory")
			}
			return
		}
		s := doc.Statements[0]
		if affected := s.Status == "affected"; affected != (reason == "" && reach != "imported" && reach != "required") || affected != (s.ActionStatement != "") {
			t.Errorf("%q, %q: %+v", reach, reason, s)
		}
		for _, id := range []string{s.Products[0].ID, s.Products[0].Subcomponents[0].ID} {
			if u, err := url.Parse(id); err != nil || u.Scheme != "pkg" {
				t.Errorf("%q is no package URL: %v", id, err)
			}
		}
	})
}
