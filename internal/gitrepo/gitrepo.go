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
	"slices"
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

// Resolve is the commit that a reference names, or an expression such as
// HEAD~1. A name that several references have is an error when they differ:
// whoever can push a tag must not decide what a branch's name means.
func (r Repository) Resolve(ctx context.Context, name string) (string, error) {
	if name == "" || strings.HasPrefix(name, "-") || strings.ContainsAny(name, "\x00\n") {
		return "", fmt.Errorf("%q is no reference", name)
	}
	var found []string
	for _, prefix := range []string{"refs/heads/", "refs/remotes/", "refs/tags/"} {
		if commit, err := r.commit(ctx, prefix+name); err == nil && !slices.Contains(found, commit) {
			found = append(found, commit)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		commit, err := r.commit(ctx, name)
		if err != nil {
			return "", hint.With(fmt.Errorf("there is no commit %q here", name), "fetch it: git fetch origin; in CI check out with fetch-depth: 0")
		}
		return commit, nil
	}
	return "", hint.With(fmt.Errorf("%q is the name of several references, which differ", name), "name one whole, as refs/remotes/origin/main")
}

func (r Repository) commit(ctx context.Context, name string) (string, error) {
	out, err := r.output(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	return strings.TrimSpace(string(out)), err
}

// MergeBases are the commits that HEAD and a commit have in common, the best of
// them: what the changes in HEAD are changes of. There are several where
// branches were merged into each other.
func (r Repository) MergeBases(ctx context.Context, commit string) ([]string, error) {
	out, err := r.output(ctx, "merge-base", "--all", "HEAD", commit)
	if err != nil {
		return nil, hint.With(fmt.Errorf("HEAD and %.12s have no commit in common here", commit), "in CI check out with fetch-depth: 0; a shallow clone does not reach far enough")
	}
	return strings.Fields(string(out)), nil
}

// File is the content of a file of a commit. The error wraps fs.ErrNotExist
// when there is none; what is no regular file, or too large, is an error.
func (r Repository) File(ctx context.Context, commit, path string, most int64) ([]byte, error) {
	out, err := r.output(ctx, "ls-tree", "-l", "-z", "--full-tree", "--end-of-options", commit, "--", path)
	if err != nil {
		return nil, fmt.Errorf("looking for %s in commit %.12s: %w", path, commit, err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s in commit %.12s: %w", path, commit, fs.ErrNotExist)
	}
	e, err := parseEntry(strings.TrimSuffix(string(out), "\x00"))
	if err != nil || e.path != path || e.mode == symlink || e.object == "" || e.size > most {
		return nil, fmt.Errorf("%s in commit %.12s is no file of at most %d bytes", path, commit, most)
	}
	return r.output(ctx, "cat-file", "blob", e.object)
}

// IsSubmodule tells whether a folder is recorded, in the repository at root
// around it, as a repository of its own.
func (r Repository) IsSubmodule(ctx context.Context, path string) bool {
	out, err := r.output(ctx, "ls-files", "-s", "-z", "--", path)
	return err == nil && strings.HasPrefix(string(out), "160000 ")
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
