package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/sarif"
)

func inFile(path, identity string) sarif.Finding {
	return sarif.Finding{Rule: "G201", Severity: sarif.High, Identity: identity, Location: sarif.Location{Path: path}}
}

func advisory(version string, reach sarif.Reach, severity sarif.Severity) sarif.Finding {
	return sarif.Finding{Rule: "GO-1", Severity: severity, Module: "example.com/m@" + version, Reach: reach}
}

func TestBaseline(t *testing.T) {
	t.Parallel()
	const old, fresh = sarif.Unchanged, sarif.New
	tests := map[string]struct {
		before, now []sarif.Finding
		want        []sarif.BaselineState
	}{
		"the same":                      {[]sarif.Finding{inFile("a", "x")}, []sarif.Finding{inFile("a", "x")}, []sarif.BaselineState{old}},
		"moved to another file":         {[]sarif.Finding{inFile("a", "x")}, []sarif.Finding{inFile("b", "x")}, []sarif.BaselineState{old}},
		"another":                       {[]sarif.Finding{inFile("a", "x")}, []sarif.Finding{inFile("a", "y")}, []sarif.BaselineState{fresh}},
		"nothing before":                {nil, []sarif.Finding{inFile("a", "x")}, []sarif.BaselineState{fresh}},
		"nothing now":                   {[]sarif.Finding{inFile("a", "x")}, nil, nil},
		"one more of the same":          {[]sarif.Finding{inFile("a", "x")}, []sarif.Finding{inFile("a", "x"), inFile("a", "x")}, []sarif.BaselineState{old, fresh}},
		"a copy elsewhere is the new":   {[]sarif.Finding{inFile("b", "x")}, []sarif.Finding{inFile("a", "x"), inFile("b", "x")}, []sarif.BaselineState{fresh, old}},
		"both moved":                    {[]sarif.Finding{inFile("a", "x"), inFile("a", "x")}, []sarif.Finding{inFile("b", "x"), inFile("c", "x")}, []sarif.BaselineState{old, old}},
		"another version":               {[]sarif.Finding{advisory("v1", sarif.Imported, 3)}, []sarif.Finding{advisory("v2", sarif.Imported, 3)}, []sarif.BaselineState{old}},
		"it has become reachable":       {[]sarif.Finding{advisory("v1", sarif.Imported, 3)}, []sarif.Finding{advisory("v1", sarif.Reachable, 3)}, []sarif.BaselineState{fresh}},
		"it is no longer reachable":     {[]sarif.Finding{advisory("v1", sarif.Reachable, 3)}, []sarif.Finding{advisory("v1", sarif.Required, 3)}, []sarif.BaselineState{old}},
		"it has become worse":           {[]sarif.Finding{advisory("v1", sarif.Imported, 2)}, []sarif.Finding{advisory("v1", sarif.Imported, 3)}, []sarif.BaselineState{fresh}},
		"the worse one is not used up":  {[]sarif.Finding{advisory("v1", sarif.Required, 3), advisory("v1", sarif.Reachable, 3)}, []sarif.Finding{advisory("v1", sarif.Reachable, 3)}, []sarif.BaselineState{old}},
		"what a scanner says of itself": {nil, []sarif.Finding{{Rule: "G1", Severity: 3, Baseline: old}}, []sarif.BaselineState{fresh}},
	}
	for name, tt := range tests {
		p := Policy{Gates: Gates{"sast": {Fail: sarif.Medium}}, Baselines: Baselines{{Name: "b", Stages: map[string][]Known{"sast": Know(tt.before)}}}}
		for i := range tt.now {
			tt.now[i].Location.Line = i + 1
		}
		d := p.Decide("sast", Evidence{Findings: tt.now}, day("2026-01-01"), true)
		var got []sarif.BaselineState
		blocking := 0
		for _, f := range d.Findings {
			got = append(got, f.Baseline)
			if f.Baseline != old {
				blocking++
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || len(d.Blocking) != blocking {
			t.Errorf("%s: %d block (-want +got):\n%s", name, len(d.Blocking), diff)
		}
	}
}

// TestBaselineCounts looks before, on and after a baseline's last day, at
// stages that it does not know, and at those that have none.
func TestBaselineCounts(t *testing.T) {
	t.Parallel()
	found := []sarif.Finding{inFile("a", "x")}
	known := map[string][]Known{"sast": Know(found), "secrets": Know(found), "test": Know(found), "image-scan": Know(found), "dast": Know(found)}
	b := Baseline{Name: "old", Expires: day("2026-03-31"), Stages: known}
	tests := []struct {
		name, stage, day string
		blocking         int
		told             string
	}{
		{"before", "sast", "2026-01-01", 0, "not new, and let be: 1"},
		{"on the last day", "sast", "2026-03-31", 0, "not new, and let be: 1"},
		{"after", "sast", "2026-04-01", 1, "expired on 2026-03-31"},
		{"a stage it does not know", "lint", "2026-01-01", 1, "nothing is known of lint before"},
		{"secrets", "secrets", "2026-01-01", 1, ""},
		{"tests", "test", "2026-01-01", 1, ""},
		{"the image", "image-scan", "2026-01-01", 1, ""},
		{"requests", "dast", "2026-01-01", 1, ""},
	}
	for _, tt := range tests {
		d := Policy{Baselines: Baselines{b}}.Decide(tt.stage, Evidence{Findings: found}, day(tt.day), true)
		if told := strings.Join(d.Warnings, "\n"); len(d.Blocking) != tt.blocking || !strings.Contains(told, tt.told) || tt.told == "" && told != "" {
			t.Errorf("%s: %d block, %q", tt.name, len(d.Blocking), told)
		}
	}
	for name, tt := range map[string]struct {
		bs   Baselines
		want int
	}{
		"the second alone knows the stage": {Baselines{{Name: "empty"}, {Name: "old", Stages: known}}, 0},
		"two do not forgive twice":         {Baselines{{Name: "one", Stages: known}, {Name: "other", Stages: known}}, 0},
		"the first that knows counts":      {Baselines{{Name: "empty", Stages: map[string][]Known{"sast": nil}}, {Name: "old", Stages: known}}, 1},
		"the first has expired":            {Baselines{{Name: "gone", Expires: day("2020-01-01"), Stages: map[string][]Known{"sast": nil}}, {Name: "old", Stages: known}}, 0},
	} {
		twice := append(slices.Clone(found), inFile("b", "x"))
		d := Policy{Baselines: tt.bs}.Decide("sast", Evidence{Findings: twice}, day("2026-01-01"), true)
		if len(d.Blocking) != tt.want+1 {
			t.Errorf("%s: %d block, want %d", name, len(d.Blocking), tt.want+1)
		}
	}
}
