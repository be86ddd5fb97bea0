// Package gitrepo reads a git repository as data: nothing of its own
// configuration, attributes or hooks has a say in what is read, and nothing of
// it is executed.
package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
)

// Repository is a git work tree.
type Repository struct {
	git string // the git command
	dir string // GIT_DIR
}

// Open finds git's data for the work tree at root. It looks nowhere else, so it
// never takes a repository further up for this one.
func Open(root string) (Repository, error) {
	r := Repository{dir: filepath.Join(root, ".git")}
	var err error
	if r.git, err = exec.LookPath("git"); err != nil {
		return r, hint.With(errors.New("there is no git command in PATH"), "install git")
	}
	info, err := os.Stat(r.dir)
	if err != nil {
		return r, fmt.Errorf("opening the git repository: %w", err)
	}
	if !info.IsDir() {
		if r.dir, err = pointer(r.dir); err != nil {
			return r, fmt.Errorf("opening the git repository: %w", err)
		}
	}
	return r, nil
}

// maxPointer bounds the .git file of a linked work tree, bytes.
const maxPointer = 64 << 10

// pointer reads the .git file of a linked work tree or of a submodule.
func pointer(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPointer))
	if err != nil {
		return "", err
	}
	name, ok := strings.CutPrefix(strings.TrimRight(string(text), "\r\n"), "gitdir: ")
	if !ok || name == "" {
		return "", fmt.Errorf("%s does not name a folder", file)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(file), name)
	}
	return name, nil
}

// MergeBase is the commit that HEAD and a reference have in common: what the
// changes in HEAD are changes of.
func (r Repository) MergeBase(ctx context.Context, ref string) (string, error) {
	if strings.HasPrefix(ref, "-") || strings.ContainsAny(ref, "\x00\n") {
		return "", fmt.Errorf("%q is no reference", ref)
	}
	other, err := r.output(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
	if err != nil {
		return "", hint.With(fmt.Errorf("there is no commit %q here", ref), "fetch it: git fetch origin; in CI check out with fetch-depth: 0")
	}
	base, err := r.output(ctx, "merge-base", "HEAD", strings.TrimSpace(string(other)))
	if err != nil {
		return "", hint.With(fmt.Errorf("HEAD and %s have no commit in common here", ref), "in CI check out with fetch-depth: 0; a shallow clone does not reach far enough")
	}
	return strings.TrimSpace(string(base)), nil
}

// output is what git prints.
func (r Repository) output(ctx context.Context, args ...string) ([]byte, error) {
	var out bytes.Buffer
	spec := r.spec(args...)
	spec.Stdout = &out
	err := command.Run(ctx, spec)
	return out.Bytes(), err
}

// spec is a git command that heeds nobody's configuration where that could
// start a program, reach a network, or show another content than the objects'.
func (r Repository) spec(args ...string) command.Spec {
	safe := []string{"--no-pager", "--literal-pathspecs", "--no-replace-objects", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
		"-c", "core.commitGraph=false", "-c", "core.quotePath=false", "-c", "protocol.allow=never"}
	return command.Spec{Path: r.git, Dir: r.dir, Args: append(safe, args...), Env: []string{
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "LC_ALL=C", "GIT_DIR=" + r.dir,
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_ATTR_NOSYSTEM=1", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none",
	}}
}
