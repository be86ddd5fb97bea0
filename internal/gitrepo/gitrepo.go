// Package gitrepo reads a git repository as data: nothing of its own
// configuration, attributes or hooks has a say in what is read, and nothing of
// it is executed.
package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
)

// Repository is a git work tree.
type Repository struct {
	Git    string // the git command
	Dir    string // GIT_DIR, absolute
	Common string // what linked work trees share: objects, references
}

// Open finds git's data for the work tree at root. It looks nowhere else, so it
// never takes a repository further up for this one.
func Open(root string) (Repository, error) {
	r := Repository{Dir: filepath.Join(root, ".git")}
	var err error
	if r.Git, err = exec.LookPath("git"); err != nil {
		return r, hint.With(errors.New("there is no git command in PATH, so the repository cannot be read"), "install git")
	}
	if err := r.find(); err != nil {
		return r, fmt.Errorf("opening the git repository: %w", err)
	}
	return r, nil
}

// find follows the files by which linked work trees and submodules name folders.
func (r *Repository) find() error {
	info, err := os.Stat(r.Dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		if r.Dir, err = pointer(r.Dir, "gitdir: "); err != nil {
			return err
		}
	}
	r.Common, err = pointer(filepath.Join(r.Dir, "commondir"), "")
	if errors.Is(err, fs.ErrNotExist) {
		r.Common, err = r.Dir, nil
	}
	return err
}

// maxPointer bounds a file that names a folder, bytes.
const maxPointer = 64 << 10

// pointer reads a file that names a folder, relative to its own.
func pointer(file, prefix string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxPointer {
		return "", fmt.Errorf("%s is not a small file", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	name, ok := strings.CutPrefix(strings.TrimRight(string(text), "\r\n"), prefix)
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

// spec is a git command on the repository that shows the objects as they are.
func (r Repository) spec(args ...string) command.Spec {
	s := Command(r.Git, r.Dir, append([]string{"--no-replace-objects"}, args...)...)
	s.Env = append(s.Env, "GIT_DIR="+r.Dir)
	return s
}

// Command is a git command in a folder that heeds nobody's configuration where
// that could start a program, reach a network, or hide part of the repository.
func Command(git, dir string, args ...string) command.Spec {
	safe := []string{
		"--no-pager", "--literal-pathspecs",
		"-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false", "-c", "core.ignoreCase=false",
		"-c", "core.commitGraph=false", // a forged one hides parents
		"-c", "core.hooksPath=/dev/null", "-c", "core.attributesFile=/dev/null", "-c", "core.excludesFile=/dev/null",
		"-c", "core.quotePath=false", "-c", "core.precomposeUnicode=false", "-c", "protocol.allow=never",
	}
	return command.Spec{
		Path: git,
		Dir:  dir,
		Args: append(safe, args...),
		Env: []string{
			"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "LC_ALL=C",
			"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_CONFIG_GLOBAL=/dev/null",
			"GIT_ATTR_NOSYSTEM=1", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1",
			"GIT_ALLOW_PROTOCOL=none",
		},
	}
}
