package secrets

import (
	"fmt"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// report puts together what was found, what was examined, and what was not.
// Parts that could not be scanned are nil.
func (s *search) report(t *tree, h *history) pipeline.Report {
	r := pipeline.Report{Stage: Stage, Tools: []pipeline.Tool{{Name: tool, Version: gitleaksVersion}}}
	for _, l := range distinct(s.all()) {
		r.Findings = append(r.Findings, finding(l, s.commits))
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

func (t *tree) tell(r *pipeline.Report) {
	r.Examined = append(r.Examined, pipeline.Count{What: "files", N: int(t.scanned.Load())})
	note := noter(r)
	note(t.large.Load(), "%d files over %d MiB were left out; the log names them", maxFile>>20)
	note(t.nested.Load(), "%d folders are repositories of their own: their files were scanned, their history was not")
	note(t.settings.Load(), "%d gitleaks settings files (.gitleaks.toml, .gitleaksignore) are there and not honoured: exceptions belong in sluice.yaml")
	note(t.comments.Load(), "%d files have gitleaks:allow comments, which are not honoured: exceptions belong in sluice.yaml")
	fmt.Fprintf(t.search.task.Log, "files: %d scanned, %d left out by gitleaks' path rules, %d too large, %d deleted\n",
		t.scanned.Load(), t.spared.Load(), t.large.Load(), t.absent.Load())
}

func (h *history) tell(r *pipeline.Report) {
	r.Examined = append(r.Examined, pipeline.Count{What: "commits", N: len(h.commits) - 1}) // without the planted one
	note := noter(r)
	note(h.large.Load(), "%d old files over %d MiB were left out; the log names them", maxFile>>20)
	note(int64(h.others), "%d references lead to no commit and were not scanned")
	fmt.Fprintf(h.search.task.Log, "history: %d commits, %d of them scanned now with %d changes, %d of those left out by gitleaks' path rules, %d too large, %d of submodules\n",
		len(h.commits)-1, len(h.todo)-1, h.scanned.Load(), h.spared.Load(), h.large.Load(), h.modules.Load())
}

// noter returns a function that notes a fact that holds more than no times.
func noter(r *pipeline.Report) func(n int64, format string, args ...any) {
	return func(n int64, format string, args ...any) {
		if n > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf(format, append([]any{n}, args...)...))
		}
	}
}
