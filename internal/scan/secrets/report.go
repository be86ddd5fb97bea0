package secrets

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// report puts together what was found, what was examined, and what was not.
// Parts that could not be scanned are nil.
func (s *search) report(t *tree, h *history) pipeline.Report {
	slices.Sort(s.test.Caught)
	r := pipeline.Report{Stage: Stage, SelfTest: &s.test, Tools: []pipeline.Tool{{Name: tool, Version: gitleaksVersion}}}
	for _, l := range distinct(s.all()) {
		f := finding(l, s.commits)
		f.Location.Path = s.fromRoot(l.path)
		r.Findings = append(r.Findings, f)
	}
	r.Rules = scan.Rules(s.engine.explain(), r.Findings)
	if t != nil {
		t.tell(&r)
	}
	switch {
	case s.repo == nil:
		r.Notes = append(r.Notes, "this is no git repository: the files were scanned, and there is no history to scan")
	case h != nil:
		h.tell(&r)
	case len(s.tips) == 0:
		r.Notes = append(r.Notes, "the repository has no commits yet: only its files were scanned")
	}
	return r
}

// fromRoot is a path of the work tree as it is from the service's root, which
// findings' paths are relative to.
func (s *search) fromRoot(name string) string {
	rel, err := filepath.Rel(s.params.Root, filepath.FromSlash(name))
	if err != nil {
		return name // of no real file: a forged tree's
	}
	return filepath.ToSlash(rel)
}

func (t *tree) tell(r *pipeline.Report) {
	r.Examined = append(r.Examined, t.count)
	note := noter(r)
	note(t.large.Load(), "files over "+limit+" that were left out (the log names them): %d")
	note(t.nested.Load(), "folders that are repositories of their own, whose files were scanned and whose history was not: %d")
	note(t.empty.Load(), "folders that are repositories of their own and have no files here, as submodules that are not checked out (git submodule update --init): %d")
	note(t.ignored, "files and folders that .gitignore keeps out of the repository, which were not scanned: %d")
	note(t.settings.Load(), "gitleaks settings files (.gitleaks.toml, .gitleaksignore), which are not honoured (exceptions belong in sluice.yaml): %d")
	note(t.comments.Load(), "files with gitleaks:allow comments, which are not honoured (exceptions belong in sluice.yaml): %d")
	t.search.log("files: %d scanned, %d left out by gitleaks' path rules, %d too large, %d deleted",
		t.count.N, t.spared.Load(), t.large.Load(), t.absent.Load())
}

func (h *history) tell(r *pipeline.Report) {
	r.Examined = append(r.Examined, pipeline.Count{What: "commits", N: h.seen - 1, Of: len(h.commits) - 1}) // without the planted one
	note := noter(r)
	note(h.large.Load(), "files in old commits over "+limit+" that were left out (the log names them): %d")
	note(int64(h.others), "references that lead to no commit and were not scanned: %d")
	h.search.log("history: %d commits, %d of them scanned now with %d changes, %d of those left out by gitleaks' path rules, %d too large, %d of submodules",
		len(h.commits)-1, len(h.todo)-1, h.scanned.Load(), h.spared.Load(), h.large.Load(), h.modules.Load())
}

// limit is the size of the largest file that is scanned, for people.
var limit = fmt.Sprintf("%d MiB", maxFile>>20)

// noter returns a function that notes a number of things that is not zero.
func noter(r *pipeline.Report) func(n int64, format string) {
	return func(n int64, format string) {
		if n > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf(format, n))
		}
	}
}
