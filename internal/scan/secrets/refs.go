package secrets

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/hint"
)

// maxRefs bounds how many files of references a repository may have.
const maxRefs = 1_000_000

// reftable is what HEAD says where references are not files but tables.
const reftable = "ref: refs/heads/.invalid"

// references are the objects that the files of references name. What git lists
// is held against them: a git that forgot one would hide what it leads to.
func (r repository) references() ([]string, error) {
	// The packed ones last, as packing moves references there. They count only
	// where there is no file.
	refs, err := r.loose()
	if err != nil {
		return nil, err
	}
	packed, err := r.packed()
	if err != nil {
		return nil, err
	}
	maps.Copy(packed, refs)
	return slices.Collect(maps.Values(packed)), nil
}

// loose reads the references that have files of their own, by name. Those that
// belong to one work tree (a bisection's, a rebase's) are left to git, and so
// is what is behind links.
func (r repository) loose() (map[string]string, error) {
	refs, files := map[string]string{}, 0
	err := fs.WalkDir(os.DirFS(filepath.Join(r.common, "refs")), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // it was packed, or deleted
		case err != nil:
			return fmt.Errorf("reading references: %w", err)
		case d.IsDir() && (name == "bisect" || name == "rewritten" || name == "worktree"):
			return fs.SkipDir
		case !d.Type().IsRegular() || strings.HasPrefix(path.Base(name), ".") || strings.HasSuffix(name, ".lock"):
			return nil // which git takes for none either
		}
		if files++; files > maxRefs {
			return fmt.Errorf("reading references: there are more than %d", maxRefs)
		}
		id, err := reference(filepath.Join(r.common, "refs", filepath.FromSlash(name)))
		if err == nil {
			refs["refs/"+name] = id
		}
		return err
	})
	return refs, err
}

// heads are the commits that work trees are at without a branch.
func (r repository) heads() ([]string, error) {
	dirs := []string{r.common, r.dir}
	linked, err := os.ReadDir(filepath.Join(r.common, "worktrees"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing work trees: %w", err)
	}
	for _, d := range linked {
		dirs = append(dirs, filepath.Join(r.common, "worktrees", d.Name()))
	}
	var ids []string
	for _, dir := range dirs {
		id, err := reference(filepath.Join(dir, "HEAD"))
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// reference reads the file of a reference. Of one that is gone, or names
// another reference, it is "".
func reference(file string) (string, error) {
	text, err := readSmall(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading references: %w", err)
	}
	text = strings.TrimSpace(text)
	switch {
	case text == reftable:
		return "", hint.With(errors.New("the references are kept in tables, so that nothing shows whether git listed all of them"),
			"run git refs migrate --ref-format=files")
	case strings.HasPrefix(text, "ref:"):
		return "", nil
	case !isObjectID(text):
		return "", hint.With(fmt.Errorf("reading references: %s does not name an object", file), fsck)
	}
	return text, nil
}

// packed reads the references that share a file, by name.
func (r repository) packed() (map[string]string, error) {
	refs := map[string]string{}
	text, err := readBounded(filepath.Join(r.common, "packed-refs"), maxListing)
	if errors.Is(err, fs.ErrNotExist) {
		return refs, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading references: %w", err)
	}
	for line := range strings.Lines(text) {
		if line[0] == '#' || line[0] == '^' { // a remark; what the tag before it leads to
			continue
		}
		id, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || !isObjectID(id) {
			return nil, hint.With(fmt.Errorf("reading references: packed-refs has the line %q", line), fsck)
		}
		refs[name] = id
	}
	return refs, nil
}
