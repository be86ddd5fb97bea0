package image

import (
	"io"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
)

// maxModFile bounds a go.mod or go.work, bytes; the go command's own limit is 16 MiB.
const maxModFile = 16 << 20

// sources are the files and folders that a build in dir reads, apart from the
// module cache: dir, the workspace, and what replaces modules. A go.mod or
// go.work that cannot be read adds nothing: it is among the sources itself, and
// the go command will tell what is wrong with it.
func sources(root, dir string) []string {
	all := []string{dir}
	modules := []string{dir}
	if work := goWork(root, dir); work != "off" {
		all = append(all, work, work+".sum", filepath.Join(filepath.Dir(work), "vendor"))
		used := workFolders(work)
		all, modules = append(all, used...), append(modules, used...)
	}
	for _, m := range modules {
		all = append(all, replacements(m)...)
	}
	return all
}

func workFolders(work string) []string {
	f, err := modfile.ParseWork(work, readModFile(work), nil)
	if err != nil {
		return nil
	}
	var dirs []string
	for _, u := range f.Use {
		dirs = append(dirs, absolute(filepath.Dir(work), u.Path))
	}
	return append(dirs, localFolders(filepath.Dir(work), f.Replace)...)
}

func replacements(module string) []string {
	name := filepath.Join(module, "go.mod")
	f, err := modfile.Parse(name, readModFile(name), nil)
	if err != nil {
		return nil
	}
	return localFolders(module, f.Replace)
}

func localFolders(from string, rules []*modfile.Replace) []string {
	var dirs []string
	for _, r := range rules {
		if r.New.Version == "" { // a path (go.dev/ref/mod#go-mod-file-replace)
			dirs = append(dirs, absolute(from, r.New.Path))
		}
	}
	return dirs
}

func absolute(from, name string) string {
	name = filepath.FromSlash(name)
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(from, name)
}

// readModFile returns nothing for a file that cannot be read whole.
func readModFile(name string) []byte {
	f, err := os.Open(name) // #nosec G304 -- a go.mod or go.work, by its name
	if err != nil {
		return nil
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxModFile+1))
	if err != nil || len(raw) > maxModFile {
		return nil
	}
	return raw
}
