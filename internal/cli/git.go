package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// gitState is which commit is checked, and whether the work tree differs.
type gitState struct {
	commit string // "" when it cannot be told
	dirty  bool
}

// readGit asks git beside the run, and returns a function that waits for the
// answer.
func readGit(ctx context.Context, s scan.Service) func() gitState {
	answer := make(chan gitState, 1)
	go func() {
		var g gitState
		if s.GitTop != "" {
			if out, err := git(ctx, s.GitTop, "rev-parse", "HEAD"); err == nil {
				g.commit = strings.TrimSpace(string(out))
			}
			// The run makes its own folder at the same time, and git must not see it half made.
			out, err := git(ctx, s.GitTop, "status", "--porcelain", "--untracked-files=normal", "--", ".", ":(exclude,literal)"+stateOf(s))
			g.dirty = err != nil || len(bytes.TrimSpace(out)) > 0
		}
		answer <- g
	}()
	return sync.OnceValue(func() gitState { return <-answer })
}

// stateOf is the folder that Sluice writes to, from the top of the work tree.
func stateOf(s scan.Service) string {
	rel, err := filepath.Rel(s.GitTop, s.Root)
	if err != nil {
		return pipeline.StateDir
	}
	return filepath.ToSlash(filepath.Join(rel, pipeline.StateDir))
}

// git runs git with settings of the repository's own that would execute
// something switched off.
func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	quiet := []string{"-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks"}
	return command.Output(ctx, command.Spec{Path: "git", Args: append(quiet, args...), Dir: dir,
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LANG=C.UTF-8", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0"}})
}
