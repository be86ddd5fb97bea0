package pydist

import (
	"io/fs"
	"maps"
	"path"
	"slices"
)

// Folders are the folders, or files, that distributions have by their names in a file
// system. One without metadata is a distribution of which nothing is known. The zero
// value has none.
type Folders struct {
	known map[string]bool   // whether there is metadata
	links map[string]string // to such folders or to metadata, with their targets
}

// Note notes a file, a folder or a link with its target; its path is absolute and
// clean. Others are passed over. A folder comes before what is in it.
func (f *Folders) Note(name string, mode fs.FileMode, target string) {
	folder := Folder(name)
	if folder == "" {
		return
	}
	if f.known == nil {
		f.known, f.links = map[string]bool{}, map[string]string{}
	}
	switch {
	case mode.IsDir() && folder == name:
		f.known[name] = false
	case mode.IsRegular() && IsMetadata(name):
		f.known[folder] = true
	case mode.Type() == fs.ModeSymlink && (folder == name || IsMetadata(name)):
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(name), target)
		}
		f.links[name] = path.Clean(target)
	}
}

// Bare are those without metadata, and links to what is none, in order.
func (f *Folders) Bare() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(f.known)) {
		if !f.known[name] && !f.leads(path.Join(name, "METADATA")) && !f.leads(path.Join(name, "PKG-INFO")) {
			names = append(names, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.links)) {
		if !f.leads(name) {
			names = append(names, name)
		}
	}
	return names
}

// leads tells whether a link is to a folder with metadata, or to metadata.
func (f *Folders) leads(name string) bool {
	target, ok := f.links[name]
	return ok && (f.known[target] || IsMetadata(target) && f.known[Folder(target)])
}
