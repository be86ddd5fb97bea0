package report

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
)

func sample() Summary {
	finding := sarif.Finding{Rule: "G202", Tool: "gosec", Stage: "sast", Severity: sarif.High, Message: "SQL string concatenation", CWE: []int{89},
		Location: sarif.Location{Path: "store/query.go", Line: 7, Column: 3}, Identity: "x", AlsoSeenBy: []string{"staticcheck SA9"}}
	return Summary{
		Record: pipeline.Record{Service: "todo", Outcome: pipeline.Failed, State: pipeline.Finished, Wall: 2300 * time.Millisecond, CriticalPath: []string{"modules", "gocode"}, Results: []pipeline.Result{
			{Stage: "modules", Job: "modules", Outcome: pipeline.Passed, Cached: true, Elapsed: 2 * time.Millisecond, Examined: []pipeline.Count{{What: "modules", N: 1}}},
			{Stage: "sast", Job: "gocode", Outcome: pipeline.Failed, Reason: "half of it", Blocked: 1, Findings: 1, Elapsed: 2200 * time.Millisecond, Notes: []string{"2 findings suppressed"}},
			{Stage: "deploy", Job: "deploy", Outcome: pipeline.NotRun, Reason: "the gate is shut: sast failed", Remedy: "repair it"},
		}},
		Blocking: []sarif.Finding{finding},
		Rules:    []sarif.Rule{{ID: "G202", Tool: "gosec", Why: "Input can change the query.", Fix: "Use placeholders.\nThey are safe."}},
		Folder:   ".sluice/runs/1",
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	sum := sample()
	Style{}.Rows(&got, sum.Record.Results)
	Style{}.Write(&got, sum)
	want := `  modules      passed             cached  1 module
  sast         failed              2.2 s  1 finding
  deploy       not run                    the gate is shut: sast failed

1 finding shut a gate:

store/query.go:7:3  SQL string concatenation
  sast, high, gosec G202, CWE-89, also seen by staticcheck SA9, ` + sum.Blocking[0].ID() + `
  why  Input can change the query.
  fix  Use placeholders.
       They are safe.

not run:
  sast: half of it
  deploy: the gate is shut: sast failed
    remedy: repair it

to know:
  sast: 2 findings suppressed

failed in 2.3 s, of which the longest chain is modules 2 ms → gocode 2.2 s
1 of 2 stages from the cache; all of it in .sluice/runs/1
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatComesFromOutsideCannotMoveTheCursor(t *testing.T) {
	t.Parallel()
	sum := sample()
	sum.Blocking[0].Message = "all is well\x1b[2J\x1b[H\r\u202e"
	sum.Blocking[0].Location.Path = "a\x1b]0;title\x07.go"
	sum.Record.Results[2].Reason = "\x1b[31mred"
	var got bytes.Buffer
	Style{}.Rows(&got, sum.Record.Results)
	Style{}.Write(&got, sum)
	if strings.ContainsAny(got.String(), "\x1b\r\x07\u202e") {
		t.Errorf("control characters came through: %q", got.String())
	}
}

func TestCopyPlain(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	var got strings.Builder
	if err := CopyPlain(&got, strings.NewReader("a\x1b[2Jb\n\xff\u202e\n"+long)); err != nil {
		t.Fatal(err)
	}
	if want := "a\ufffd[2Jb\n\ufffd\ufffd\n" + long; got.String() != want {
		t.Errorf("%.40q, %d bytes", got.String(), got.Len())
	}
	if err := CopyPlain(&got, iotest.ErrReader(errors.New("gone"))); err == nil {
		t.Error("a log that cannot be read was printed")
	}
}

func TestLiveDrawsInPlace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := &Live{W: &out, Width: func() int { return 60 }}
	l.Handle(pipeline.Event{Kind: pipeline.RunStarted, Plan: []pipeline.Planned{{Job: "gocode", Stages: []string{"lint", "sast"}}}})
	l.Handle(pipeline.Event{Kind: pipeline.JobStarted, Job: "gocode"})
	l.Handle(pipeline.Event{Kind: pipeline.Progress, Job: "gocode", Text: "loading " + strings.Repeat("x", 100)})
	for _, stage := range []string{"lint", "sast"} {
		l.Handle(pipeline.Event{Kind: pipeline.StageFinished, Job: "gocode", Stage: &pipeline.Result{Stage: stage, Job: "gocode", Outcome: pipeline.Passed}})
	}
	l.Handle(pipeline.Event{Kind: pipeline.RunFinished})
	text := out.String()
	for _, want := range []string{"\x1b[2A", "\x1b[?25l", "lint         passed", "waiting"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
	if !strings.HasSuffix(text, "\x1b[?25h") {
		t.Error("the cursor stays hidden")
	}
	for line := range strings.SplitSeq(text, "\n") {
		if n := len([]rune(strings.NewReplacer("\x1b[K", "", "\x1b[2A", "", "\x1b[?25l", "", "\x1b[?25h", "").Replace(line))); n > 60 {
			t.Errorf("a line of %d characters on a terminal of 60: %q", n, line)
		}
	}
}

func TestPlainTellsEachStageOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &Plain{W: &out}
	p.Handle(pipeline.Event{Kind: pipeline.JobStarted, Job: "test"})
	p.Handle(pipeline.Event{Kind: pipeline.Progress, Job: "test", Text: "compiling"})
	p.Handle(pipeline.Event{Kind: pipeline.StageFinished, Job: "test", Stage: &pipeline.Result{Stage: "test", Outcome: pipeline.Passed, Elapsed: 65 * time.Second}})
	if diff := cmp.Diff("  test         passed          1 min 05 s\n", out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
