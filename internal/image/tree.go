package image

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// tree is the file system that layers make when they are laid one over the
// other. Every name is in a real folder, never behind a link, so that no two
// readers can see different files in it.
type tree struct {
	root  *node
	count int // nodes ever made
	limit int
}

// node is one name in the tree. It knows its folder in place of its path,
// which hostile images could make long a million times over.
type node struct {
	*inode
	name     string
	parent   *node            // nil for the root
	children map[string]*node // of a folder
	layer    int              // the layer that put it there, from 0; -1 for folders that none names
}

// path is absolute: "/etc/passwd".
func (n *node) path() string {
	if n.parent == nil {
		return "/"
	}
	var parts []string
	for ; n.parent != nil; n = n.parent {
		parts = append(parts, n.name)
	}
	slices.Reverse(parts)
	return "/" + strings.Join(parts, "/")
}

func newTree(limit int) *tree {
	return &tree{root: newFolder(), limit: limit}
}

// newFolder is a folder that no layer names, as container runtimes make it.
func newFolder() *node {
	return &node{inode: &inode{mode: fs.ModeDir | 0o755}, layer: -1}
}

// find returns the node at a path, nil when there is none. A path through
// anything but folders is an error.
func (t *tree) find(p string) (*node, error) {
	n := t.root
	for p != "" && n != nil {
		if !n.mode.IsDir() {
			return nil, errThrough
		}
		var name string
		name, p, _ = strings.Cut(p, "/")
		n = n.children[name]
	}
	return n, nil
}

var errThrough = errors.New("its path leads through something that is no folder")

// folder returns the folder at a path, and makes it where there is nothing.
func (t *tree) folder(p string) (*node, error) {
	n := t.root
	for p != "" {
		var name string
		name, p, _ = strings.Cut(p, "/")
		next := n.children[name]
		if next == nil {
			next = newFolder()
			if err := t.add(n, name, next); err != nil {
				return nil, err
			}
		}
		if !next.mode.IsDir() {
			return nil, errThrough
		}
		n = next
	}
	return n, nil
}

func (t *tree) add(parent *node, name string, n *node) error {
	if t.count++; t.count > t.limit {
		return fmt.Errorf("%w: more than %d files", ErrTooBig, t.limit)
	}
	if parent.children == nil {
		parent.children = map[string]*node{}
	}
	n.name, n.parent = name, parent
	parent.children[name] = n
	return nil
}

// put places a file at a path, over what lower layers have there.
func (t *tree) put(p string, layer int, file *inode) error {
	if p == "" {
		return t.putRoot(file)
	}
	dir, name := split(p)
	parent, err := t.folder(dir)
	if err != nil {
		return err
	}
	old := parent.children[name]
	bothFolders := old != nil && old.mode.IsDir() && file.mode.IsDir()
	switch {
	case bothFolders:
		old.inode, old.layer = file, layer
		return nil
	case old != nil && t.touched(old, layer):
		return errors.New("the layer has it twice")
	}
	return t.add(parent, name, &node{inode: file, layer: layer})
}

// touched tells whether a layer put the node, or anything below it, there.
func (t *tree) touched(n *node, layer int) bool {
	if n.layer == layer {
		return true
	}
	for _, child := range n.children {
		if t.touched(child, layer) {
			return true
		}
	}
	return false
}

func (t *tree) putRoot(file *inode) error {
	if !file.mode.IsDir() {
		return errors.New("the image's root is no folder")
	}
	t.root.inode = file
	return nil
}

// hide removes what is at a path (image-spec, layer.md: whiteouts).
func (t *tree) hide(p string) error {
	dir, name := split(p)
	parent, err := t.find(dir)
	if err != nil || parent == nil {
		return err
	}
	if !parent.mode.IsDir() {
		return errThrough
	}
	delete(parent.children, name)
	return nil
}

// empty removes what is in a folder (image-spec, layer.md: opaque whiteout).
func (t *tree) empty(p string) error {
	n, err := t.find(p)
	if err != nil || n == nil {
		return err
	}
	if !n.mode.IsDir() {
		return errThrough
	}
	clear(n.children)
	return nil
}

// walk calls fn for every name, a folder before what is in it, in order.
func (n *node) walk(fn func(*node) error) error {
	if err := fn(n); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		if err := n.children[name].walk(fn); err != nil {
			return err
		}
	}
	return nil
}

func split(p string) (dir, name string) {
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		return p[:i], p[i+1:]
	}
	return "", p
}
