package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// flat is the file system of an image, and where the content of its files is.
type flat struct {
	root  *node
	files []map[int]*file // by layer, by position in it
}

// file is content that the flattened file system shows, with all its names.
type file struct {
	*inode
	names []*node // in order, at least one
}

// Names that stand for the removal of others (image-spec, layer.md).
const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
	reservedPrefix = ".wh..wh."
)

// flatten reads and verifies all layers.
func (im *Image) flatten() (*flat, error) {
	t, b := newTree(im.limits.Entries), newBudget(im.limits)
	for i := range im.manifest.Layers {
		changes, err := im.readChanges(i, b)
		if err != nil {
			return nil, err
		}
		if err := t.apply(changes, i); err != nil {
			return nil, fmt.Errorf("layer %d (%s): %w", i, im.manifest.Layers[i].Digest, err)
		}
	}
	return listFiles(t.root, len(im.manifest.Layers)), nil
}

func listFiles(root *node, layers int) *flat {
	f := &flat{root: root, files: make([]map[int]*file, layers)}
	_ = root.walk(func(n *node) error { // which returns the function's errors, and there are none
		if n.mode.IsRegular() {
			f.add(n)
		}
		return nil
	})
	return f
}

func (f *flat) add(n *node) {
	in := n.inode
	if f.files[in.layer] == nil {
		f.files[in.layer] = map[int]*file{}
	}
	if f.files[in.layer][in.pos] == nil {
		f.files[in.layer][in.pos] = &file{inode: in}
	}
	at := f.files[in.layer][in.pos]
	at.names = append(at.names, n)
}

// change is what one header of a layer does to the layers below.
type change struct {
	path   string
	hide   bool   // remove path
	empty  bool   // remove what is in path
	linkTo string // another name for this file; "" for none
	file   *inode
}

func (im *Image) readChanges(i int, b *budget) ([]change, error) {
	var changes []change
	err := im.eachHeader(i, b, func(pos int, hdr *tar.Header, content io.Reader) error {
		if hdr.Typeflag == tar.TypeXGlobalHeader {
			return nil // a comment: container runtimes pass over it as well
		}
		c, err := newChange(hdr, content)
		if err != nil {
			return fmt.Errorf("%q: %w", hdr.Name, err)
		}
		if c.file != nil {
			c.file.layer, c.file.pos = i, pos
		}
		changes = append(changes, c)
		return nil
	})
	return changes, err
}

func newChange(hdr *tar.Header, content io.Reader) (c change, err error) {
	if c.path, err = cleanName(hdr.Name); err != nil {
		return c, err
	}
	if base := path.Base(c.path); strings.HasPrefix(base, whiteoutPrefix) {
		return whiteout(c.path, base)
	}
	if c.file, err = newInode(hdr); err != nil {
		return c, err
	}
	switch hdr.Typeflag {
	case tar.TypeLink:
		c.linkTo, err = cleanName(hdr.Linkname)
		if err == nil && c.linkTo == "" {
			err = errors.New("a link to the image's root")
		}
	case tar.TypeReg, tar.TypeGNUSparse:
		err = c.file.digest(content)
	}
	return c, err
}

func whiteout(p, base string) (change, error) {
	dir, _ := split(p)
	switch {
	case base == opaqueName:
		return change{path: dir, empty: true}, nil
	case strings.HasPrefix(base, reservedPrefix), base == whiteoutPrefix, base == whiteoutPrefix+".", base == whiteoutPrefix+"..":
		return change{}, errors.New("an unknown whiteout")
	}
	return change{path: path.Join(dir, strings.TrimPrefix(base, whiteoutPrefix)), hide: true}, nil
}

// apply lays a layer over those below. A whiteout is about those below only,
// wherever it stands in its own layer.
func (t *tree) apply(changes []change, layer int) error {
	for _, c := range changes {
		if err := t.remove(c); err != nil {
			return fmt.Errorf("removing %q: %w", c.path, err)
		}
	}
	for _, c := range changes {
		if c.file == nil {
			continue
		}
		if err := t.place(c, layer); err != nil {
			return fmt.Errorf("%q: %w", c.path, err)
		}
	}
	return nil
}

func (t *tree) remove(c change) error {
	switch {
	case c.hide:
		return t.hide(c.path)
	case c.empty:
		return t.empty(c.path)
	}
	return nil
}

func (t *tree) place(c change, layer int) error {
	if c.linkTo == "" {
		return t.put(c.path, layer, c.file)
	}
	target, err := t.find(c.linkTo)
	if err != nil {
		return fmt.Errorf("a link to %q: %w", c.linkTo, err)
	}
	if target == nil || !target.mode.IsRegular() {
		return fmt.Errorf("a link to %q, which is no file of the image", c.linkTo)
	}
	if err := t.put(c.path, layer, target.inode); err != nil {
		return err
	}
	// A link's header sets mode and owner of the file, as in container runtimes.
	target.mode, target.uid, target.gid = c.file.mode, c.file.uid, c.file.gid
	target.caps = target.caps || c.file.caps
	return nil
}
