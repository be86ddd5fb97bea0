package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sluice-ci/sluice/internal/hint"
)

// Root is where a run takes place. All folders are absolute, with symbolic
// links resolved.
type Root struct {
	Dir   string // what the paths of findings are relative to
	Start string // the folder that was asked for, in or at Dir
	File  bool   // Dir has a sluice.yaml
	Git   string // the top of the git work tree that Dir is in or at; "" when it is in none
}

// FindRoot finds the root for a folder. From dir upwards, up to the top of the
// git work tree that it is in (a folder with .git), it is
//
//  1. the nearest folder with a sluice.yaml, else
//  2. the top of the git work tree, else
//  3. dir itself.
//
// Outside a git work tree the search for sluice.yaml goes up to the file
// system's root. Above dir, a sluice.yaml or .git that belongs neither to the
// owner of dir nor to this user is passed over, for in a shared folder such as
// /tmp anyone could have put it there.
func FindRoot(dir string) (Root, error) {
	start, err := folder(dir)
	if err != nil {
		return Root{}, err
	}
	owner := ownerOf(start)
	root := Root{Dir: start, Start: start}
	for at := start; ; at = filepath.Dir(at) {
		if !root.File && has(at, Name, at == start, owner) {
			root.File, root.Dir = true, at
		}
		if has(at, ".git", at == start, owner) {
			root.Git = at
			break
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	if !root.File && root.Git != "" {
		root.Dir = root.Git
	}
	return root, nil
}

// folder makes a folder's path absolute and resolves its links.
func folder(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("resolving %s: %w", dir, err)
	}
	real, err := filepath.EvalSymlinks(abs)
	if os.IsNotExist(err) {
		return "", hint.With(fmt.Errorf("the folder %s does not exist", abs), "name the folder of a service")
	}
	if err != nil {
		return "", fmt.Errorf("opening the folder %s: %w", abs, readable(err))
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", fmt.Errorf("opening the folder %s: %w", abs, readable(err))
	}
	if !info.IsDir() {
		return "", hint.With(fmt.Errorf("%s is a file, and a service is a folder", abs), "name the folder that it is in")
	}
	return real, nil
}

// has tells whether a folder has an entry that may be believed.
func has(dir, name string, asked bool, owner int) bool {
	info, err := os.Lstat(filepath.Join(dir, name))
	return err == nil && (asked || trusted(info, owner))
}

// trusted tells whether a file belongs to the given owner or to this user.
func trusted(info fs.FileInfo, owner int) bool {
	of := fileOwner(info)
	return of == owner || of == os.Geteuid()
}

func ownerOf(dir string) int {
	info, err := os.Stat(dir)
	if err != nil {
		return os.Geteuid()
	}
	return fileOwner(info)
}
