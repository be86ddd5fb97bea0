// Package release decides whether what jobs handed over may be released, and
// keeps releases, with their evidence, in a folder.
package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/handover"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/verdict"
)

// Why something is not released, besides what is wrong with the files.
var (
	ErrFailed = errors.New("a gate failed")
	ErrNotRun = errors.New("a stage was not run")
)

// Rules are what hand-overs are held to: what the commit's own files say, read
// by whoever releases, and not by whoever hands over.
type Rules struct {
	Service string
	Dir     string // of the service, relative to the repository's root
	Commit  string
	Strict  bool // every run must have been strict
	Policy  policy.Policy
	// Baseline is the commit's sluice.baseline.json; nil when it has none.
	Baseline *policy.Baseline
	// Released tells of a commit whether a run may have compared with it.
	Released func(commit string) bool
	Stages   []Stage
	Now      time.Time
}

// Stage is what the commit's pipeline has for a stage.
type Stage struct {
	Name     string
	Required bool
	Check    bool // it passes only with a self-test and a census
	// Claims is set when code of the repository is executed to answer. Nothing
	// that such a job hands over is believed but these answers.
	Claims        bool
	NotApplicable string // why it has nothing to do, by detection
}

// Answer is how a stage ended, and whose word that is.
type Answer struct {
	Stage   string           `json:"stage"`
	Outcome pipeline.Outcome `json:"outcome"`
	Claim   bool             `json:"claim,omitempty"` // by a job that executes code of the repository
	Run     string           `json:"run"`
}

// Accepted is what may be released.
type Accepted struct {
	Image   string // its digest
	From    *handover.Folder
	Answers []Answer // of every required stage
	Since   string   // the commit that From was compared with; "" when it was with none
	Handed  []*handover.Folder
}

// imageStage is the stage that builds the image; imageValue names, in its
// report, the digest, and imageFolder is where a hand-over has the layout.
const (
	imageStage  = "build"
	imageValue  = "digest"
	imageFolder = "image"
)

// Judge decides whether hand-overs may be released together.
func (r Rules) Judge(handed []*handover.Folder) (a Accepted, err error) {
	a.Handed = handed
	since := map[*handover.Folder]string{}
	for _, f := range handed {
		if since[f], err = r.judgeOne(f); err != nil {
			return a, fmt.Errorf("the hand-over %s: %w", f.Path, err)
		}
	}
	if err := agree(handed); err != nil {
		return a, err
	}
	for _, s := range r.Stages {
		if !s.Required {
			continue
		}
		f, err := r.whoAnswers(s, handed)
		if err != nil {
			return a, err
		}
		a.Answers = append(a.Answers, Answer{Stage: s.Name, Outcome: outcomeOf(f, s.Name), Claim: s.Claims, Run: f.Run})
		if s.Name == imageStage {
			a.From = f
		}
	}
	if a.From == nil || a.From.Image == "" {
		return a, hint.With(errors.New("no hand-over has an image"), "release a service that has one: sluice run --until image-scan --out FOLDER")
	}
	a.Image, a.Since = a.From.Image, since[a.From]
	return a, checkImage(a.From)
}

// judgeOne judges a hand-over by itself, and tells what it was compared with.
func (r Rules) judgeOne(f *handover.Folder) (since string, err error) {
	text, err := f.Read(verdict.Name)
	if err != nil {
		return "", hint.With(err, "hand over with sluice run --out")
	}
	v, err := verdict.Read(bytes.NewReader(text))
	if err != nil {
		return "", fmt.Errorf("%s: %w", verdict.Name, err)
	}
	if err := r.origin(f, v); err != nil {
		return "", err
	}
	if since, err = r.samePolicy(v); err != nil {
		return "", fmt.Errorf("%s: %w", verdict.Name, err)
	}
	if err := r.replay(f, v); err != nil {
		return "", fmt.Errorf("%s: %w", verdict.Name, err)
	}
	return since, r.outcomes(f)
}

// origin asks what a run was of, and whether the manifest and the verdict are
// of one run.
func (r Rules) origin(f *handover.Folder, v verdict.Verdict) error {
	switch {
	case v.Run != f.Run || v.Commit != f.Commit || v.Dirty != f.Dirty || v.Strict != f.Strict:
		return fmt.Errorf("%s and %s are of different runs", handover.Name, verdict.Name)
	case f.Service != r.Service || f.Dir != r.Dir:
		return hint.With(fmt.Errorf("it is of the service %q in %s, and %q in %s is to be released", f.Service, f.Dir, r.Service, r.Dir), "run sluice release in a checkout of the service")
	case f.Commit == "" || f.Commit != r.Commit:
		return hint.With(fmt.Errorf("it is of commit %.12q, and the checkout is at %.12q", f.Commit, r.Commit), "check the commit out that was checked and built")
	case f.Dirty:
		return hint.With(fmt.Errorf("its work tree had changes that are not in commit %.12s", f.Commit), "commit them, and run again")
	case r.Strict && !f.Strict:
		return hint.With(errors.New("its run was not strict"), "run with --strict, or release with --strict=false, which the release will say")
	}
	return nil
}

// samePolicy sees that the commit's own policy decided. What was compared with
// must be the commit of a release, or what the commit itself lists.
func (r Rules) samePolicy(v verdict.Verdict) (since string, err error) {
	if v.Policy.Source != "" {
		return "", hint.With(fmt.Errorf("the policy of commit %.12s decided, and not the commit's own", v.Policy.Source), "run without --since; --released compares with the last release")
	}
	own := policy.Policy{Gates: r.Policy.Gates, Exceptions: r.Policy.Exceptions}
	if !same(own, policy.Policy{Gates: v.Policy.Gates, Exceptions: v.Policy.Exceptions}) {
		return "", hint.With(errors.New("its policy is not that of sluice.yaml at the commit"), "run again, at the commit that is to be released")
	}
	for _, b := range v.Policy.Baselines {
		commit, ok := strings.CutPrefix(b.Name, "commit ")
		switch {
		case ok && r.Released(commit):
			since = commit
		case r.Baseline != nil && same(*r.Baseline, b):
		default:
			return "", hint.With(fmt.Errorf("it lets be what was found in %q, which is no release here", b.Name), "run again, with --released and the folder that is released to")
		}
	}
	return since, nil
}

// same compares as JSON, which is what a verdict keeps.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// replay judges the evidence again, as at the time of the run and as of now:
// exceptions end and data ages.
func (r Rules) replay(f *handover.Folder, v verdict.Verdict) error {
	if _, differences := v.Replay(); len(differences) > 0 {
		return fmt.Errorf("the evidence does not come to what was written down: %s", strings.Join(differences, "; "))
	}
	var stages []handover.Stage
	for _, s := range v.Stages {
		stages = append(stages, handover.Stage{Stage: s.Report.Stage, Outcome: s.Outcome})
		at := slices.IndexFunc(r.Stages, func(known Stage) bool { return known.Name == s.Report.Stage })
		switch {
		case at < 0:
			return fmt.Errorf("the commit's pipeline has no stage %q", s.Report.Stage)
		case s.Check != r.Stages[at].Check:
			return fmt.Errorf("%s was not asked for the proofs that it needs", s.Report.Stage)
		case s.Report.Stage == imageStage && s.Report.Values[imageValue] != f.Image:
			return fmt.Errorf("the image that was built is %q, and %s says %q", s.Report.Values[imageValue], handover.Name, f.Image)
		}
	}
	if !slices.Equal(stages, f.Stages) || v.Outcome != f.Outcome {
		return fmt.Errorf("its outcomes are not those of %s", handover.Name)
	}
	v.Decided = r.Now
	results, _ := v.Replay()
	for _, now := range results {
		if was := outcomeOf(f, now.Stage); was == pipeline.Passed && now.Outcome != was {
			return fmt.Errorf("%w: %s passed, and today it is %s %s", kindOf(now.Outcome), now.Stage, now.Outcome, now.Reason)
		}
	}
	return nil
}

func kindOf(o pipeline.Outcome) error {
	if o == pipeline.Failed {
		return ErrFailed
	}
	return ErrNotRun
}

// outcomes sees that nothing of a run kept it from being released.
func (r Rules) outcomes(f *handover.Folder) error {
	for _, s := range f.Stages {
		switch s.Outcome {
		case pipeline.Passed, pipeline.NotApplicable:
		default:
			return hint.With(fmt.Errorf("%w: %s is %s", kindOf(s.Outcome), s.Stage, s.Outcome), "sluice replay "+f.Path+" tells why")
		}
	}
	return nil
}

// agree sees that no two hand-overs differ in an answer that both have.
func agree(handed []*handover.Folder) error {
	for i, f := range handed {
		for _, other := range handed[:i] {
			if f.Image != "" && other.Image != "" && f.Image != other.Image {
				return hint.With(fmt.Errorf("%s has the image %s, and %s has %s", other.Path, other.Image, f.Path, f.Image), "hand over one image")
			}
			for _, s := range f.Stages {
				if o := outcomeOf(other, s.Stage); o != "" && o != s.Outcome {
					return fmt.Errorf("%s is %s by %s, and %s by %s", s.Stage, o, other.Path, s.Outcome, f.Path)
				}
			}
		}
	}
	return nil
}

// whoAnswers is the hand-over whose answer about a stage counts.
func (r Rules) whoAnswers(s Stage, handed []*handover.Folder) (*handover.Folder, error) {
	found, claims := false, ""
	for _, f := range handed {
		outcome := outcomeOf(f, s.Name)
		if outcome == "" {
			continue
		}
		found = true
		claims = r.executed(f)
		if claims != "" && outcome == pipeline.NotApplicable && s.NotApplicable == "" {
			return nil, fmt.Errorf("%s: %s is said to have nothing to do, and by the commit's files it has", f.Path, s.Name)
		}
		if claims == "" || s.Claims {
			return f, nil
		}
	}
	if found {
		return nil, hint.With(fmt.Errorf("%s is answered only by a job that executes code of the repository (%s), which could have forged it", s.Name, claims), "run "+claims+" in a job of its own, and hand over two folders")
	}
	return nil, hint.With(fmt.Errorf("no hand-over has an answer of the stage %s", s.Name), "run it, and hand it over with the others")
}

// executed is the stage by which the job of a hand-over executed code of the
// repository; "" when it has none that does.
func (r Rules) executed(f *handover.Folder) string {
	for _, s := range r.Stages {
		if s.Claims && s.NotApplicable == "" && outcomeOf(f, s.Name) != "" {
			return s.Name
		}
	}
	return ""
}

func outcomeOf(f *handover.Folder, stage string) pipeline.Outcome {
	for _, s := range f.Stages {
		if s.Stage == stage {
			return s.Outcome
		}
	}
	return ""
}

// checkImage reads the whole image, and sees that it is the one that was built.
func checkImage(f *handover.Folder) error {
	im, err := image.Open(filepath.Join(f.Path, imageFolder))
	if err != nil {
		return err
	}
	if im.Digest() != f.Image {
		return fmt.Errorf("%s: the image is %s, and %s was built", f.Path, im.Digest(), f.Image)
	}
	return im.Walk(func(image.Entry) error { return nil })
}
