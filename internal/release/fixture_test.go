package release

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/handover"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/verdict"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

var now = time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)

// run is a run that a test hands over.
type run struct {
	id, service, commit string
	dirty, lax          bool
	policy              policy.Policy
	reports             []pipeline.Report
	checks              []string // stages that had to show proofs
	at                  time.Time
	label               string                         // of the image
	forge               func(*verdict.Verdict)         // before it is written
	claim               func(*handover.Manifest)       // before it is written
	after               func(t *testing.T, dir string) // before the manifest is written
}

var looked = []pipeline.Count{{What: "files", N: 3, Of: 3}}

func rules() Rules {
	return Rules{
		Service: "todo", Dir: "app", Commit: commit, Strict: true, Now: now.Add(time.Hour),
		Policy:   policy.Policy{Gates: policy.Gates{"lint": {Fail: sarif.High, MaxAge: 7 * 24 * time.Hour}}},
		Released: func(commit string) bool { return commit == "released" },
		Stages: []Stage{
			{Name: "modules", Required: true}, {Name: "lint", Required: true, Check: true}, {Name: "test", Required: true, Claims: true},
			{Name: "licences", Required: true, NotApplicable: "there are none"}, {Name: "build", Required: true}, {Name: "deploy", Claims: true},
		},
	}
}

// tests and builds are the runs of the two jobs.
func tests() *run {
	return &run{id: "20260331T120000Z-aaaaaa", service: "todo", commit: commit, policy: rules().Policy, at: now,
		reports: []pipeline.Report{{Stage: "modules", Examined: looked}, {Stage: "test", Examined: looked}}}
}

func builds() *run {
	proof := &pipeline.SelfTest{Planted: []string{"a"}, Caught: []string{"a"}}
	return &run{id: "20260331T120001Z-bbbbbb", service: "todo", commit: commit, policy: rules().Policy, at: now, checks: []string{"lint"},
		reports: []pipeline.Report{
			{Stage: "modules", Examined: looked}, {Stage: "lint", Examined: looked, SelfTest: proof, Values: map[string]string{pipeline.DataModified: now.Format(time.RFC3339)}},
			{Stage: "licences", NotApplicable: "there are none"}, {Stage: "build", Examined: looked, Values: map[string]string{imageValue: ""}},
		}}
}

// open hands the run over and opens what was handed.
func (r *run) open(t *testing.T) *handover.Folder {
	t.Helper()
	dir := filepath.Join(t.TempDir(), r.id)
	must(t, os.Mkdir(dir, 0o755))
	f, err := handover.Open(dir, r.write(t, dir))
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func (r *run) write(t *testing.T, dir string) (digest string) {
	t.Helper()
	m := handover.Manifest{Run: r.id, Sluice: "v1", Service: r.service, Dir: "app", Commit: r.commit, Dirty: r.dirty, Strict: !r.lax}
	for i := range r.reports {
		if r.reports[i].Stage == imageStage {
			m.Image = writeImage(t, filepath.Join(dir, imageFolder), r.label)
			r.reports[i].Values[imageValue] = m.Image
		}
	}
	v := r.judged()
	if r.forge != nil {
		r.forge(&v)
	}
	var b bytes.Buffer
	must(t, v.Write(&b))
	must(t, os.WriteFile(filepath.Join(dir, verdict.Name), b.Bytes(), 0o644))
	m.Outcome = v.Outcome
	for _, s := range v.Stages {
		m.Stages = append(m.Stages, handover.Stage{Stage: s.Report.Stage, Outcome: s.Outcome})
	}
	if r.claim != nil {
		r.claim(&m)
	}
	if r.after != nil {
		r.after(t, dir)
	}
	digest, err := handover.Write(dir, m)
	must(t, err)
	return digest
}

func (r *run) judged() verdict.Verdict {
	judge := verdict.Judge(r.policy, !r.lax, r.at)
	var results []pipeline.Result
	for _, report := range r.reports {
		check := false
		for _, name := range r.checks {
			check = check || name == report.Stage
		}
		results = append(results, pipeline.Decide(report, judge(report), check))
	}
	return verdict.New(pipeline.Record{ID: r.id, Sluice: "v1", Commit: r.commit, Dirty: r.dirty, Strict: !r.lax, Started: r.at}, r.policy, results)
}

// writeImage writes a layout with one small image.
func writeImage(t *testing.T, dir, label string) (digest string) {
	t.Helper()
	im := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	layer := static.NewLayer(bytes.Repeat([]byte{0}, 1024), types.OCIUncompressedLayer) // an archive of nothing
	im, err := mutate.Append(im, mutate.Addendum{Layer: layer, MediaType: types.OCIUncompressedLayer})
	must(t, err)
	config, err := im.ConfigFile()
	must(t, err)
	config.Config.Labels = map[string]string{"label": label}
	im, err = mutate.ConfigFile(im, config)
	must(t, err)
	path, err := layout.Write(dir, empty.Index)
	must(t, err)
	must(t, path.AppendImage(im))
	h, err := im.Digest()
	must(t, err)
	return h.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
