package gitrepo

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/hint"
)

// submodule is the mode by which git's index names a repository of its own.
const submodule = "160000"

// Tracked are the files that git tracks, and the submodules, as its index has
// them: relative to the work tree's top, with slashes.
func (r Repository) Tracked(ctx context.Context) (files, submodules []string, err error) {
	out, err := r.output(ctx, "ls-files", "-s", "-z")
	if err == nil && len(out) > 0 && out[len(out)-1] != 0 { // each name is followed by a NUL
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, nil, fmt.Errorf("listing tracked files: %w", err)
	}
	for line := range strings.SplitSeq(string(out), "\x00") { // "mode object stage\tpath"
		switch head, name, ok := strings.Cut(line, "\t"); {
		case line == "":
		case !ok:
			return nil, nil, fmt.Errorf("listing tracked files: git says %.200q", line)
		case strings.HasPrefix(head, submodule+" "):
			submodules = append(submodules, name)
		default:
			files = append(files, name)
		}
	}
	return slices.Compact(files), slices.Compact(submodules), nil // what is not merged is named for each side
}

// Beside are the folders below dir in which there is a file of this name, tracked or
// not, and tracked files in them or below: relative to dir, as the files are.
func Beside(dir, name string, files []string) (folders []string) {
	seen := map[string]bool{".": true}
	for _, file := range files {
		for at := path.Dir(file); !seen[at]; at = path.Dir(at) {
			seen[at] = true
			if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(at), name)); err == nil {
				folders = append(folders, at)
			}
		}
	}
	return folders
}

// maxSubmodules bounds how many submodules are looked at, those of submodules among them.
const maxSubmodules = 1000

// Absent are the submodules of the work tree at top, and the submodules of
// those, that are not checked out: relative to top, with slashes.
func Absent(ctx context.Context, top string, submodules []string) (absent []string, err error) {
	open := slices.Clone(submodules)
	for i := 0; i < len(open); i++ {
		if i == maxSubmodules {
			return nil, fmt.Errorf("there are more than %d submodules", maxSubmodules)
		}
		dir := filepath.Join(top, filepath.FromSlash(open[i]))
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) == 0 {
			absent = append(absent, open[i])
			continue
		}
		r, err := Open(dir)
		if err != nil {
			continue // its files are there, without a repository
		}
		_, inner, err := r.Tracked(ctx)
		if err != nil {
			return nil, fmt.Errorf("submodule %q: %w", open[i], err)
		}
		for _, name := range inner {
			open = append(open, path.Join(open[i], name))
		}
	}
	return absent, nil
}

// NotCheckedOut is the error that there are such submodules; nil when there are none.
func NotCheckedOut(absent []string) error {
	if len(absent) == 0 {
		return nil
	}
	return hint.With(fmt.Errorf("%d submodules are not checked out, so their files were not examined: %q", len(absent), absent[:min(len(absent), 3)]),
		"git submodule update --init --recursive; in CI check out with submodules: recursive")
}
