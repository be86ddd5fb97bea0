package sarif

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func sample() Log {
	return Log{Version: "v1", Automated: "sluice/todo/",
		Tools: []Component{{"staticcheck", "v0.8.2"}, {"gosec", "v2.29.0"}},
		Rules: []Rule{{ID: "G201", Tool: "gosec", Why: "SQL is built from input.", Fix: "Use parameters.", URI: "https://example.com", CWE: []int{89}}},
		Findings: []Finding{
			{Rule: "G201", Tool: "gosec", Stage: "sast", Message: "SQL string concatenation", Severity: High, CWE: []int{89}, Identity: "x", Location: Location{Path: "a b/é.go", Line: 3, Column: 7}},
			{Rule: "GO-1", Tool: "govulncheck", Stage: "deps", Message: "m", Severity: High, Module: "m@v1", Reach: Reachable, Aliases: []string{"CVE-1"}, Trace: []Location{{Path: "a.go", Line: 1, Note: "main calls f"}}},
		},
		NotRun: []string{"test: it hung"},
	}
}

func TestLogReadsBackWhatItWrote(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	if err := sample().Write(&buf); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&buf)
	if err != nil {
		t.Fatal(err)
	}
	for _, diff := range []string{
		cmp.Diff(sample().Findings, got.Findings), cmp.Diff(sample().NotRun, got.NotRun),
		cmp.Diff(sample().Rules, got.Rules, cmpopts.IgnoreFields(Rule{}, "CWE")),
	} {
		if diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestLogSaysWhatConsumersNeed(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	if err := sample().Write(&buf); err != nil {
		t.Fatal(err)
	}
	var doc document
	if err := json.Unmarshal(buf.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	r := doc.Runs[0]
	if r.Tool.Driver.Name != "Sluice" || len(r.Tool.Extensions) != 3 {
		t.Errorf("driver %q with %d extensions, want Sluice with 3", r.Tool.Driver.Name, len(r.Tool.Extensions))
	}
	if r.Invocations[0].Successful {
		t.Error("a stage that was not run left executionSuccessful true")
	}
	res := r.Results[0]
	if uri := res.Locations[0].Physical.Artifact.URI; uri != "a%20b/%c3%a9.go" {
		t.Errorf("uri %q", uri)
	}
	ref := res.Rule
	rule := r.Tool.Extensions[ref.Tool.Index].Rules[*ref.Index]
	if rule.ID != "G201" || rule.Properties["security-severity"] != "8.0" || res.Fingerprints["sluice/v1"] == "" || res.Level != "error" {
		t.Errorf("result %+v, rule %+v", res, rule)
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	at := func(line int) Location { return Location{Path: "a.go", Line: line} }
	in := []Finding{
		{Rule: "printf", Tool: "vet", Class: "printf", Severity: Medium, Location: at(3), Message: "a"},
		{Rule: "SA5009", Tool: "staticcheck", Class: "printf", Severity: High, Location: at(3), Message: "b"},
		{Rule: "SA5009", Tool: "staticcheck", Class: "printf", Location: at(4), Message: "b"},
		{Rule: "GO-1", Tool: "govulncheck", Module: "m@v1", Aliases: []string{"CVE-1"}, Reach: Imported},
		{Rule: "CVE-1", Tool: "trivy", Module: "m@v1", Reach: Reachable},
		{Rule: "CVE-1", Tool: "trivy", Module: "other@v1"},
		{Rule: "G1", Tool: "gosec", Location: at(3), Message: "x"},
		{Rule: "G1", Tool: "gosec", Location: at(3), Message: "x"},
	}
	want := []Finding{
		{Rule: "printf", Tool: "vet", Class: "printf", Severity: High, Location: at(3), Message: "a", AlsoSeenBy: []string{"staticcheck SA5009"}},
		in[2],
		{Rule: "GO-1", Tool: "govulncheck", Module: "m@v1", Aliases: []string{"CVE-1"}, Reach: Reachable, AlsoSeenBy: []string{"trivy CVE-1"}},
		in[5], in[6],
	}
	if diff := cmp.Diff(want, Merge(in), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFingerprintDoesNotDependOnTheLine(t *testing.T) {
	t.Parallel()
	a := Finding{Rule: "G201", Identity: "q:=a+b", Location: Location{Path: "a.go", Line: 3}}
	moved, other := a, a
	moved.Location = Location{Path: "b.go", Line: 90}
	other.Identity = "q:=a+c"
	if a.Fingerprint() != moved.Fingerprint() || a.Fingerprint() == other.Fingerprint() {
		t.Error("the fingerprint follows the place, or not the defect")
	}
}

func FuzzRead(f *testing.F) {
	var buf bytes.Buffer
	if err := sample().Write(&buf); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Add([]byte(`{"version":"2.1.0","runs":[{"results":[{}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Read(bytes.NewReader(data))
		if err == nil && l.Write(&bytes.Buffer{}) != nil {
			t.Error("what was read cannot be written")
		}
	})
}
