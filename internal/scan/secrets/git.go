package secrets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/gitrepo"
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

// openRepository finds git's data for the work tree at root.
func openRepository(root string) (repository, error) {
	r, err := gitrepo.Open(root)
	return repository{git: r.Git, root: root, dir: r.Dir, common: r.Common}, err
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
	spec := gitrepo.Command(r.git, r.root, args...)
	spec.Env = append(spec.Env, "GIT_DIR="+r.dir, "GIT_WORK_TREE="+r.root)
	spec.Stdout, spec.Stderr, spec.MaxOutput = &stdout, &stderr, maxListing
	err := command.Run(ctx, spec)
	if err == nil && stderr.Len() > 0 {
		err = fmt.Errorf("git: %s", strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), hint.With(err, fsck)
}
