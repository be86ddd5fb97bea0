// Package secrets answers the stage "secrets": is a credential in the work
// tree, or in any commit that a reference leads to? The rules are gitleaks';
// what is read, and the proof that all of it was, is this package's.
//
// Files and history are read as git's objects, not as the patches that "git
// log" prints: no attribute, configuration or diff driver of the repository has
// a say in what is seen. Of every commit the new versions of files are compared
// with the parents' and the lines that are new are scanned.
package secrets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/internal/gitrepo"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// Stage is the name of the job and of the one stage that it answers.
const Stage = "secrets"

// planLimit bounds how long planning may ask git for its references.
const planLimit = 10 * time.Second

// Scanner looks for credentials in the repository of a service.
type Scanner struct{}

var _ scan.Scanner = Scanner{}

// params are what the worker is told, and part of the cache's key.
type params struct {
	// Root is the service's, relative to the top of the work tree: "." there,
	// "" when it is in none. Two services of a repository have answers of their
	// own, and copies of one in other folders share theirs.
	Root    string `json:"root"`
	Version string `json:"version"` // of Sluice: remembered results of another are not used
	State   string `json:"state"`   // of the repository when the job was planned; "" is unknown
}

// Name is that of the job.
func (Scanner) Name() string { return Stage }

// Job plans the scan of the repository that the service lives in: all of it,
// for a credential beside the service is as public as one within, and a change
// that moves sluice.yaml down must not take files out of sight. The state of
// the references and of the index is part of the inputs, as the tree's hash
// leaves .git out.
func (Scanner) Job(s scan.Service) (pipeline.Job, error) {
	p, top := params{Version: s.Version}, s.Root
	access := pipeline.Access{Network: pipeline.NoNetwork}
	if s.GitTop != "" {
		root, err := filepath.Rel(s.GitTop, s.Root)
		if err != nil || !filepath.IsLocal(root) {
			return pipeline.Job{}, fmt.Errorf("planning the scan for secrets: %s is not in the work tree %s", s.Root, s.GitTop)
		}
		p.Root, top = root, s.GitTop
		ctx, cancel := context.WithTimeout(context.Background(), planLimit)
		defer cancel()
		p.State = repositoryState(ctx, top)
		if r, err := gitrepo.Open(top); err == nil { // what keeps it from being opened is left to the worker to find
			access.Read = r.Folders()
		}
	}
	return pipeline.Job{
		Name:   Stage,
		Stages: []string{Stage},
		Check:  true,
		Params: p,

		FindsSecrets: true,
		Inputs: pipeline.Inputs{
			Trees:  []string{top},
			Values: map[string]string{"sluice": s.Version, "gitleaks": gitleaksVersion, "repository": p.State},
		},
		Access: access,
		Cost:   3 * time.Second,
	}, nil
}

// Worker scans the tree and the history.
func (Scanner) Worker() pipeline.Worker { return work }

func work(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
	var p params
	if err := json.Unmarshal(t.Params, &p); err != nil {
		return pipeline.Answer{}, fmt.Errorf("reading the job's parameters: %w", err)
	}
	s, err := newSearch(ctx, t, p)
	if err != nil {
		return pipeline.Answer{}, err
	}
	return s.run(ctx)
}

// repositoryState is a digest of what of the repository decides the answer and
// is not in the tree. Where it cannot be read it is "": the worker will say
// why, and its answer is not kept.
func repositoryState(ctx context.Context, top string) string {
	r, err := openRepository(top)
	if err != nil {
		return ""
	}
	tips, err := r.tips(ctx)
	if err != nil {
		return ""
	}
	return r.state(ctx, tips)
}

// state is that digest for a repository with these tips.
func (r repository) state(ctx context.Context, tips []string) string {
	forced, err := r.forced(ctx)
	if err != nil {
		return ""
	}
	sum := sha256.New()
	for _, part := range slices.Concat(tips, forced) {
		fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
