package secrets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
)

// maxListing bounds what git may print when it lists files, references or changes, bytes.
const maxListing = 64 << 20

// fsck is the remedy for git's failing on a repository.
const fsck = "see what git fsck says about the repository"

// repository is a git work tree. Its own configuration is overridden where git
// could run a program for it or leave something out.
type repository struct {
	git    string // the git command
	root   string // of the work tree
	dir    string // GIT_DIR
	common string // what linked work trees share: objects, references
}

// openRepository finds git's data for the work tree at root. It looks nowhere
// else, so it never takes a repository further up for this one.
func openRepository(root string) (repository, error) {
	r := repository{root: root, dir: filepath.Join(root, ".git")}
	var err error
	if r.git, err = exec.LookPath("git"); err != nil {
		return r, hint.With(errors.New("there is no git command in PATH, so the history cannot be read"), "install git")
	}
	info, err := os.Stat(r.dir)
	if err != nil {
		return r, fmt.Errorf("opening the git repository: %w", err)
	}
	if !info.IsDir() {
		if r.dir, err = pointer(r.dir, "gitdir: "); err != nil {
			return r, fmt.Errorf("opening the git repository: %w", err)
		}
	}
	r.common, err = pointer(filepath.Join(r.dir, "commondir"), "")
	if errors.Is(err, fs.ErrNotExist) {
		r.common, err = r.dir, nil
	}
	if err != nil {
		return r, fmt.Errorf("opening the git repository: %w", err)
	}
	return r, nil
}

// pointer reads a file that names a folder, relative to its own.
func pointer(file, prefix string) (string, error) {
	text, err := readSmall(file)
	if err != nil {
		return "", err
	}
	name, ok := strings.CutPrefix(strings.TrimRight(text, "\r\n"), prefix)
	if !ok || name == "" {
		return "", fmt.Errorf("%s does not name a folder", file)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(file), name)
	}
	return name, nil
}

// readSmall reads a file of git's that is a line long.
func readSmall(file string) (string, error) { return readBounded(file, 64<<10) }

func readBounded(file string, most int64) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return "", fmt.Errorf("%s is not a file of at most %d bytes", file, most)
	}
	text, err := os.ReadFile(file)
	return string(text), err
}

// incomplete says why the history here is not the whole one, or returns nil.
// It reads no configuration: git leaves these marks itself.
func (r repository) incomplete() error {
	if info, err := os.Stat(filepath.Join(r.common, "shallow")); err == nil && info.Size() > 0 {
		return hint.With(errors.New("this is a shallow clone: most of the history is not here"),
			"run git fetch --unshallow; in CI check out with fetch-depth: 0")
	}
	packs, err := os.ReadDir(filepath.Join(r.common, "objects", "pack"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking at the repository's packs: %w", err)
	}
	for _, p := range packs {
		if filepath.Ext(p.Name()) == ".promisor" {
			return hint.With(errors.New("this is a partial clone: some of the history is not here"),
				"clone the repository again without --filter")
		}
	}
	return nil
}

// errUnlisted is what listing references ends with when git left one out.
var errUnlisted = hint.With(errors.New("git lists the references without one that is there"), fsck)

// tips are the commits and tags that the history starts from: every reference,
// and the HEAD of every work tree. Sorted, without repetition.
func (r repository) tips(ctx context.Context) ([]string, error) {
	tips, err := r.listed(ctx)
	if errors.Is(err, errUnlisted) { // a reference may have moved since git listed it
		tips, err = r.listed(ctx)
	}
	return tips, err
}

// listed has git list the references, and holds that against their files.
func (r repository) listed(ctx context.Context) ([]string, error) {
	heads, err := r.heads()
	if err != nil {
		return nil, err
	}
	out, err := r.output(ctx, "for-each-ref", "--format=%(objectname)")
	if err != nil {
		return nil, fmt.Errorf("listing references: %w", err)
	}
	refs, err := r.references()
	if err != nil {
		return nil, err
	}
	tips := sorted(strings.Fields(string(out)))
	for _, id := range tips {
		if !isObjectID(id) {
			return nil, fmt.Errorf("listing references: %q is not an object's name", id)
		}
	}
	for _, id := range refs {
		if _, ok := slices.BinarySearch(tips, id); !ok && id != "" {
			return nil, fmt.Errorf("%w: to %s", errUnlisted, id)
		}
	}
	return sorted(append(tips, heads...)), nil
}

// sorted sorts names, without repetition and what is empty.
func sorted(names []string) []string {
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	slices.Sort(names)
	return slices.Compact(names)
}

// isObjectID tells whether s is a SHA-1 or SHA-256 in hexadecimal.
func isObjectID(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// forced lists files that git tracks although .gitignore names them: the one
// thing about the files to scan that the tree itself does not tell.
func (r repository) forced(ctx context.Context) ([]string, error) {
	return r.list(ctx, "--cached", "--ignored")
}

// files lists what git tracks and what it would add, with slashes, relative to
// the root. Folders that are repositories of their own end in a slash, or are
// listed like files when they are submodules.
func (r repository) files(ctx context.Context) ([]string, error) {
	return r.list(ctx, "--cached", "--others")
}

// ignored lists what .gitignore keeps out of the repository. Of a folder with
// nothing else in it only the folder.
func (r repository) ignored(ctx context.Context) ([]string, error) {
	return r.list(ctx, "--others", "--ignored", "--directory")
}

func (r repository) list(ctx context.Context, which ...string) ([]string, error) {
	args := append([]string{"ls-files", "-z", "--exclude-per-directory=.gitignore"}, which...)
	out, err := r.output(ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("listing files: %w", err)
	}
	if len(out) > 0 && out[len(out)-1] != 0 { // each name is followed by a NUL
		return nil, fmt.Errorf("listing files: %w", io.ErrUnexpectedEOF)
	}
	return sorted(strings.Split(string(out), "\x00")), nil
}

// output runs git on the repository as it is. A warning counts as an error:
// git skips broken references and unreadable folders with no more than that.
func (r repository) output(ctx context.Context, args ...string) ([]byte, error) {
	var stderr, stdout bytes.Buffer
	spec := gitSpec(r.git, r.root, args...)
	spec.Env = append(spec.Env, "GIT_DIR="+r.dir, "GIT_WORK_TREE="+r.root)
	spec.Stdout, spec.Stderr, spec.MaxOutput = &stdout, &stderr, maxListing
	err := command.Run(ctx, spec)
	if err == nil && stderr.Len() > 0 {
		err = fmt.Errorf("git: %s", strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), hint.With(err, fsck)
}

// gitSpec is a git command that heeds nobody's configuration where that could
// start a program, reach a network, or hide part of the repository.
func gitSpec(git, dir string, args ...string) command.Spec {
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
