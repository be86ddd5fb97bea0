package govuln

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// maxSmall bounds a file that is read whole, bytes; it is the go command's own
// limit for a go.mod.
const maxSmall = 16 << 20

// sources are the files and folders that decide what there is to look at,
// apart from the module cache: the service, the workspace, and local folders
// that stand in for modules. What is wrong with a go.mod or a go.work is for
// the worker to tell.
func sources(root, dir string) []string {
	all, folders := []string{dir}, []string{dir}
	if work := goWork(root, dir); work != "off" {
		all = append(all, work, work+".sum")
		if f, err := readWork(work); err == nil {
			for _, use := range f.Use {
				folders = append(folders, from(filepath.Dir(work), use.Path))
			}
			all = append(all, folders[1:]...)
			all = append(all, local(filepath.Dir(work), f.Replace)...)
		}
	}
	for _, folder := range folders {
		if f, err := readMod(folder); err == nil {
			all = append(all, local(folder, f.Replace)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// goWork is the workspace that the go command uses in dir, no higher than the
// repository's root, in the terms of GOWORK.
func goWork(root, dir string) string {
	for {
		name := filepath.Join(dir, "go.work")
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			return name
		}
		parent := filepath.Dir(dir)
		if dir == root || parent == dir {
			return "off"
		}
		dir = parent
	}
}

// local are the folders among the replacements (go.dev/ref/mod#go-mod-file-replace).
func local(dir string, rules []*modfile.Replace) []string {
	var folders []string
	for _, r := range rules {
		if r.New.Version == "" {
			folders = append(folders, from(dir, r.New.Path))
		}
	}
	return folders
}

func from(dir, name string) string {
	name = filepath.FromSlash(name)
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(dir, name)
}

func readMod(dir string) (*modfile.File, error) {
	name := filepath.Join(dir, "go.mod")
	text, err := readSmall(name)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(name, text, nil)
}

func readWork(name string) (*modfile.WorkFile, error) {
	text, err := readSmall(name)
	if err != nil {
		return nil, err
	}
	return modfile.ParseWork(name, text, nil)
}

func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err == nil && len(text) > maxSmall {
		err = fmt.Errorf("reading %s: it has more than %d bytes", name, maxSmall)
	}
	return text, err
}

// modLine is the line of a go.mod that decides a module's version, or 0. The
// standard library's is that of the toolchain.
func modLine(f *modfile.File, module string) int {
	for _, r := range f.Replace {
		if r.Old.Path == module || r.New.Path == module {
			return r.Syntax.Start.Line
		}
	}
	for _, r := range f.Require {
		if r.Mod.Path == module {
			return r.Syntax.Start.Line
		}
	}
	switch {
	case module == stdlib && f.Toolchain != nil:
		return f.Toolchain.Syntax.Start.Line
	case module == stdlib && f.Go != nil:
		return f.Go.Syntax.Start.Line
	}
	return 0
}

// inside is the path of a file relative to root, with slashes, if it is there.
func inside(root, file string) (string, bool) {
	rel, err := filepath.Rel(root, file)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}
