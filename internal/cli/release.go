package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/handover"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/release"
	"github.com/sluice-ci/sluice/internal/verdict"
)

// releasing is what "sluice release" was asked for.
type releasing struct {
	to      string
	digests []string
	strict  bool
}

// imageScan is the last stage that a release must have an answer of.
const imageScan = "image-scan"

// checkedAgain are the stages that a release runs itself: those that need no
// code of the repository to run, and little time.
var checkedAgain = []string{"lint", "sast", "secrets"}

func (a *app) releaseCommand() *cobra.Command {
	var o releasing
	c := &cobra.Command{
		Use:   "release FOLDER[@DIGEST]…",
		Short: "Attest and publish what runs have handed over",
		Long: `Release takes what jobs have handed over (sluice run --out FOLDER) of one service
and one commit, and publishes the image with its evidence in a folder. It is run
in a clean checkout of the commit, and executes no code of it.

Nothing is released unless every stage up to image-scan has passed, the evidence
comes to that again today, by the policy of the commit, and every file is what
its run wrote: DIGEST is what the run printed ("handed over: sha256:…"), and is
required when CI=true. A job that executes code of the repository is believed
only what that code says of itself: the tests need a hand-over of their own.
lint, sast and secrets are run again.

The evidence is not signed yet.

Exit status: 0 released, or released before; 1 a gate failed; 2 the command or a
file is wrong; 3 something could not run.`,
		Example: `  sluice run --strict --only test --out /tmp/tested
  sluice run --strict --until image-scan --without test --out /tmp/built
  sluice release /tmp/tested /tmp/built --to ~/releases
  sluice release --json built@sha256:4f2a… tested@sha256:91bc… --to ~/releases`,
		Args: cobra.RangeArgs(1, maxHandovers),
		RunE: func(c *cobra.Command, args []string) error { return a.release(c.Context(), args, o) },
	}
	c.Flags().StringVar(&o.to, "to", "", "publish in this `folder`")
	c.Flags().StringSliceVar(&o.digests, "digest", nil, "the `digests` of the hand-overs, in their order")
	c.Flags().BoolVar(&o.strict, "strict", true, "refuse what a run handed over that was not strict")
	return c
}

// maxHandovers is how many folders make a release.
const maxHandovers = 16

func (a *app) release(ctx context.Context, args []string, o releasing) error {
	if o.to == "" {
		return usage(hint.With(errors.New("--to is missing"), "name the folder to publish in: --to FOLDER"))
	}
	handed, err := a.openHandovers(args, o.digests)
	defer func() {
		for _, f := range handed {
			_ = f.Close() // it was only read
		}
	}()
	if err != nil {
		return usage(err)
	}
	rules, err := a.releaseRules(ctx, o)
	if err != nil {
		return err
	}
	accepted, err := rules.Judge(handed)
	if err != nil {
		return refusal(err)
	}
	again, err := a.checkAgain(ctx, rules, accepted)
	if err != nil {
		return err
	}
	published, fresh, err := (release.Store{Dir: o.to}).Publish(rules, accepted, a.origin(), again)
	if err != nil {
		return err
	}
	return a.tellRelease(o, published, fresh)
}

// refusal chooses the exit status of a release that was refused.
func refusal(err error) error {
	switch {
	case errors.Is(err, release.ErrFailed):
		return &exitError{err, ExitFailed}
	case errors.Is(err, release.ErrNotRun):
		return &exitError{err, ExitMissing}
	}
	return usage(err)
}

// openHandovers opens the folders of the arguments, each with its digest.
func (a *app) openHandovers(args, digests []string) (handed []*handover.Folder, err error) {
	if len(digests) > 0 && len(digests) != len(args) {
		return nil, hint.With(fmt.Errorf("%d digests were given of %d folders", len(digests), len(args)), "give one of each folder, in their order")
	}
	for i, arg := range args {
		dir, digest, err := splitDigest(arg)
		if err != nil {
			return handed, err
		}
		if len(digests) > 0 {
			if digest != "" && digest != digests[i] {
				return handed, fmt.Errorf("%s: --digest says %s", arg, digests[i])
			}
			digest = digests[i]
		}
		if digest == "" && a.isCI() {
			return handed, hint.With(fmt.Errorf("no digest was given of %s", dir), "name it as "+dir+"@sha256:…, with what the run printed")
		}
		f, err := handover.Open(dir, digest)
		if err != nil {
			return handed, err
		}
		handed = append(handed, f)
	}
	return handed, nil
}

// splitDigest takes FOLDER@sha256:… apart. An "@" with something else behind it
// is part of the folder's name when there is such a folder.
func splitDigest(arg string) (dir, digest string, err error) {
	at := strings.LastIndex(arg, "@")
	if at < 0 {
		return arg, "", nil
	}
	if strings.HasPrefix(arg[at+1:], "sha256:") {
		return arg[:at], arg[at+1:], nil
	}
	if _, err := os.Stat(arg); err != nil {
		return "", "", hint.With(fmt.Errorf("%s names neither a folder nor a digest", arg), "a digest is written sha256:…")
	}
	return arg, "", nil
}

// releaseRules are what the checkout at hand says.
func (a *app) releaseRules(ctx context.Context, o releasing) (r release.Rules, err error) {
	p, err := a.open(".")
	if err != nil {
		return r, err
	}
	git := readGit(ctx, p.Service)()
	if git.commit == "" || git.dirty {
		return r, usage(hint.With(fmt.Errorf("%s is no clean checkout of a commit", p.Service.Root), "git status shows what differs; commit it, or take it away"))
	}
	rel, err := filepath.Rel(p.Service.Root, p.Service.Dir)
	if err != nil {
		return r, err
	}
	r = release.Rules{Service: p.Service.Name, Dir: filepath.ToSlash(rel), Commit: git.commit, Strict: o.strict, Policy: p.Policy, Now: time.Now(), Stages: releaseStages(p.jobs)}
	r.Released = func(commit string) bool {
		for was, err := range (release.Store{Dir: o.to}).Releases(p.Service.Name) {
			if err == nil && was.Commit == commit {
				return true
			}
		}
		return false
	}
	r.Baseline, err = config.LoadBaseline(p.Root.Dir)
	return r, usage(err)
}

// releaseStages are the stages of a pipeline, as a release looks at them.
func releaseStages(jobs []pipeline.Job) (stages []release.Stage) {
	for _, j := range jobs {
		for _, name := range j.Stages {
			i := slices.IndexFunc(stages, func(s release.Stage) bool { return s.Name == name })
			if i < 0 {
				i = len(stages)
				stages = append(stages, release.Stage{Name: name, NotApplicable: j.NotApplicable})
			}
			s := &stages[i]
			s.Check, s.Claims = s.Check || j.Check, s.Claims || j.Access.RunsRepositoryCode
			if j.NotApplicable == "" { // one part that applies is enough
				s.NotApplicable = ""
			}
		}
	}
	last := slices.IndexFunc(stages, func(s release.Stage) bool { return s.Name == imageScan })
	for i := range stages[:last+1] {
		stages[i].Required = true
	}
	return stages
}

// checkAgain runs the cheap checks in processes of this one's own, and compares
// with what was compared with before. It returns its verdict, to be kept.
func (a *app) checkAgain(ctx context.Context, rules release.Rules, accepted release.Accepted) (map[string][]byte, error) {
	aside := *a
	aside.Stdout, aside.json = a.Stderr, false
	r, err := aside.newRun(ctx, ".", selection{only: checkedAgain, strict: rules.Strict, since: accepted.Since, approved: accepted.Since != "" || rules.Baseline != nil})
	if err != nil {
		return nil, err
	}
	if err := r.doAndClean(ctx); err != nil {
		fmt.Fprintln(a.Stderr, "sluice: nothing was released: checked again, it did not pass")
		return nil, err
	}
	if r.record.Commit != rules.Commit || r.record.Dirty {
		return nil, usage(errors.New("the checkout was changed while it was checked again"))
	}
	text, err := os.ReadFile(filepath.Join(r.folder.Dir, verdict.Name))
	return map[string][]byte{"again/" + verdict.Name: text}, err
}

func (a *app) tellRelease(o releasing, r release.Release, fresh bool) error {
	folder := filepath.Join(o.to, "releases", r.ID)
	if a.json {
		return a.printJSON(struct {
			release.Release
			Folder string `json:"folder"`
			Fresh  bool   `json:"fresh"`
			Signed bool   `json:"signed"`
		}{r, folder, fresh, false})
	}
	said := "released"
	if !fresh {
		said = "released before, and unchanged"
	}
	fmt.Fprintf(a.Stdout, "%s %s at commit %.12s, %s\n  image     %s\n  evidence  %s (not signed)\n", r.Service, r.ID, r.Commit, said, r.Image, folder)
	if !r.Strict {
		fmt.Fprintln(a.Stdout, "  warning   released with --strict=false: what could not be proved may be in it")
	}
	return nil
}
