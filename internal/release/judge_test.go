package release

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/handover"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/verdict"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	tested, built := tests(), builds()
	built.policy.Baselines = policy.Baselines{{Name: "commit released"}}
	a, err := rules().Judge([]*handover.Folder{tested.open(t), built.open(t)})
	must(t, err)
	want := []Answer{
		{"modules", pipeline.Passed, false, built.id}, {"lint", pipeline.Passed, false, built.id}, {"test", pipeline.Passed, true, tested.id},
		{"licences", pipeline.NotApplicable, false, built.id}, {"build", pipeline.Passed, false, built.id},
	}
	if diff := cmp.Diff(want, a.Answers); diff != "" || a.Image == "" || a.From.Run != built.id {
		t.Errorf("image %s of %s\n%s", a.Image, a.From.Run, diff)
	}
}

func TestJudgeRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(tested, built *run, r *Rules)
		want   string
		is     error
	}{
		"another commit":  {func(_, b *run, _ *Rules) { b.commit = strings.Repeat("f", 40) }, "it is of commit", nil},
		"no commit":       {func(a, b *run, r *Rules) { a.commit, b.commit, r.Commit = "", "", "" }, "it is of commit", nil},
		"another service": {func(a, _ *run, _ *Rules) { a.service = "other" }, `it is of the service "other"`, nil},
		"another folder":  {func(_, _ *run, r *Rules) { r.Dir = "b" }, `it is of the service "todo" in app`, nil},
		"changes":         {func(_, b *run, _ *Rules) { b.dirty = true }, "had changes", nil},
		"not strict":      {func(_, b *run, _ *Rules) { b.lax = true }, "was not strict", nil},
		"a stage missing": {func(_, b *run, _ *Rules) { b.drop("lint") }, "no hand-over has an answer of the stage lint", nil},
		"no image":        {func(_, b *run, r *Rules) { b.drop("build"); r.Stages[4].Required = false }, "no hand-over has an image", nil},
		"the test job's word": {func(a, b *run, _ *Rules) {
			b.drop("lint")
			a.reports, a.checks = append(a.reports, builds().reports[1]), []string{"lint"}
		}, "lint is answered only by a job that executes code of the repository (test)", nil},
		"all in one job":          {func(a, b *run, _ *Rules) { b.reports = append(b.reports, a.reports[1]) }, "could have forged it", nil},
		"tests said to be absent": {func(a, _ *run, _ *Rules) { a.reports[1] = pipeline.Report{Stage: "test", NotApplicable: "none"} }, "test is said to have nothing to do", nil},
		"different answers":       {func(a, _ *run, _ *Rules) { a.reports[0] = pipeline.Report{Stage: "modules", NotApplicable: "none"} }, "modules is not applicable by", nil},
		"two images": {func(a, _ *run, _ *Rules) {
			a.label, a.reports = "other", append(a.reports, pipeline.Report{Stage: "build", Examined: looked, Values: map[string]string{}})
		}, "has the image", nil},
		"a gate that failed": {func(_, b *run, _ *Rules) { b.reports[1].Findings = high() }, "lint is failed", ErrFailed},
		"a stage not run":    {func(_, b *run, _ *Rules) { b.reports[0] = pipeline.Report{Stage: "modules", NotRun: "no network"} }, "modules is not run", ErrNotRun},
		"a failed test":      {func(a, _ *run, _ *Rules) { a.reports[1].Findings = high() }, "test is failed", ErrFailed},
		"an outcome that was written over": {func(_, b *run, _ *Rules) {
			b.reports[1].Findings = high()
			b.forge = func(v *verdict.Verdict) { v.Stages[1].Outcome, v.Outcome = pipeline.Passed, pipeline.Passed }
		}, "does not come to what was written down: lint was passed, and is failed", nil},
		"a manifest that says better": {func(_, b *run, _ *Rules) {
			b.reports[1].Findings = high()
			b.claim = func(m *handover.Manifest) { m.Stages[1].Outcome, m.Outcome = pipeline.Passed, pipeline.Passed }
		}, "its outcomes are not those of handover.json", nil},
		"a manifest that says other things": {func(_, b *run, _ *Rules) {
			b.claim = func(m *handover.Manifest) { m.Stages[0].Outcome = pipeline.NotApplicable }
		}, "its outcomes are not those of handover.json", nil},
		"a manifest of another run": {func(_, b *run, _ *Rules) { b.claim = func(m *handover.Manifest) { m.Run = "x" } }, "different runs", nil},
		"proofs not asked for":      {func(_, b *run, _ *Rules) { b.checks = nil }, "was not asked for the proofs", nil},
		"a weaker gate":             {func(_, b *run, _ *Rules) { b.policy = policy.Policy{Gates: policy.Gates{"lint": {Never: true}}} }, "its policy is not that of sluice.yaml", nil},
		"an exception more": {func(_, b *run, _ *Rules) {
			b.policy.Exceptions = policy.Exceptions{{ID: "G201", Expires: now.AddDate(0, 1, 0)}}
		}, "its policy is not that of sluice.yaml", nil},
		"another commit's policy": {func(_, b *run, _ *Rules) { b.policy.Source = "main" }, "the policy of commit main decided", nil},
		"a baseline of its own":   {func(_, b *run, _ *Rules) { b.policy.Baselines = policy.Baselines{{Name: "commit x"}} }, "which is no release here", nil},
		"data that is old today":  {func(_, _ *run, r *Rules) { r.Now = now.AddDate(0, 0, 9) }, "lint passed, and today it is not run", ErrNotRun},
		"a stage nobody knows": {func(_, b *run, _ *Rules) {
			b.reports = append(b.reports, pipeline.Report{Stage: "x", Examined: looked})
		}, `no stage "x"`, nil},
		"no verdict": {func(_, b *run, _ *Rules) {
			b.after = func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, verdict.Name))) }
		}, "has no verdict.json", nil},
		"another image in place": {func(_, b *run, _ *Rules) {
			b.after = func(t *testing.T, dir string) {
				must(t, os.RemoveAll(filepath.Join(dir, imageFolder)))
				writeImage(t, filepath.Join(dir, imageFolder), "another")
			}
		}, "was built", nil},
		"a layer that was changed": {func(_, b *run, _ *Rules) {
			b.after = func(t *testing.T, dir string) {
				blobs, err := filepath.Glob(filepath.Join(dir, imageFolder, "blobs", "sha256", "*"))
				must(t, err)
				for _, blob := range blobs {
					if info, err := os.Stat(blob); err == nil && info.Size() == 1024 {
						must(t, os.WriteFile(blob, append(make([]byte, 1023), 1), 0o644))
					}
				}
			}
		}, "reading image sha256:", nil},
		"another image by its own word": {func(_, b *run, _ *Rules) {
			b.claim = func(m *handover.Manifest) { m.Image = "sha256:" + strings.Repeat("0", 64) }
		}, "and handover.json says", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tested, built, r := tests(), builds(), rules()
			test.change(tested, built, &r)
			_, err := r.Judge([]*handover.Folder{tested.open(t), built.open(t)})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
			if errors.Is(err, ErrFailed) != (test.is == ErrFailed) || errors.Is(err, ErrNotRun) != (test.is == ErrNotRun) {
				t.Errorf("error %v, want a %v", err, test.is)
			}
		})
	}
}

// TestJudgeTakes are what looks wrong, and is not.
func TestJudgeTakes(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(tested, built *run, r *Rules){
		"not strict, as was said": func(_, b *run, r *Rules) { b.lax, r.Strict = true, false },
		"the commit's own baseline": func(_, b *run, r *Rules) {
			b.policy.Baselines = policy.Baselines{{Name: "sluice.baseline.json", Expires: now.AddDate(0, 1, 0)}}
			r.Baseline = &policy.Baseline{Name: "sluice.baseline.json", Expires: now.AddDate(0, 1, 0)}
		},
		"no tests, by the commit's files": func(a, b *run, r *Rules) {
			a.reports = a.reports[:1]
			b.reports = append(b.reports, pipeline.Report{Stage: "test", NotApplicable: "none"})
			r.Stages[2].NotApplicable = "none"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tested, built, r := tests(), builds(), rules()
			change(tested, built, &r)
			if _, err := r.Judge([]*handover.Folder{tested.open(t), built.open(t)}); err != nil {
				t.Error(err)
			}
		})
	}
}

// high is a finding that shuts every gate.
func high() []sarif.Finding {
	return []sarif.Finding{{Rule: "G1", Severity: sarif.Critical, Location: sarif.Location{Path: "a.go", Line: 1}}}
}

// drop takes a stage out of a run.
func (r *run) drop(stage string) {
	var kept []pipeline.Report
	for _, report := range r.reports {
		if report.Stage != stage {
			kept = append(kept, report)
		}
	}
	r.reports = kept
}
