package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
)

// Entry is one name in the flattened file system of an image.
type Entry struct {
	Path     string // absolute and clean: "/app/todo"; the image's root is "/"
	Mode     fs.FileMode
	UID, GID int
	Size     int64 // bytes; of regular files
	// Linkname is the target of a symbolic link, as it is stored. For a regular
	// file it is the path under which the same file was walked before: a hard link.
	Linkname string
	// Capabilities is set when the file has Linux capabilities, which give
	// rights to whoever executes it, like set-uid.
	Capabilities bool
	// Open gives the content of a regular file, hard link or not; for anything
	// else it is an error. The end of the content is an error when it is not
	// what the layer had. The first Open during the call that was handed the
	// Entry costs nothing, any other reads the layer from its start.
	Open func() (io.ReadCloser, error)
}

// Walk calls fn for every file that a container of the image sees: whiteouts
// are applied, and what upper layers replace is not shown. Folders come before
// what is in them; regular files come last, in the order of the archives. All
// layers are verified before the first call. When fn returns fs.SkipAll the
// walk ends without an error.
func (im *Image) Walk(fn func(Entry) error) error {
	f, err := im.flat()
	if err != nil {
		return fmt.Errorf("reading image %s: %w", im.digest, err)
	}
	err = im.walkOthers(f, fn)
	for i := 0; err == nil && i < len(f.files); i++ {
		err = im.walkFiles(i, f.files[i], fn)
	}
	if errors.Is(err, fs.SkipAll) {
		return nil
	}
	return err
}

// walkOthers hands out all that is no regular file.
func (im *Image) walkOthers(f *flat, fn func(Entry) error) error {
	return f.root.walk(func(n *node) error {
		if n.mode.IsRegular() {
			return nil
		}
		e := im.entry(n)
		e.Linkname = n.target
		e.Open = func() (io.ReadCloser, error) {
			return nil, &fs.PathError{Op: "open", Path: e.Path, Err: errors.New("not a regular file")}
		}
		return fn(e)
	})
}

func (im *Image) entry(n *node) Entry {
	return Entry{Path: n.path(), Mode: n.mode, UID: n.uid, GID: n.gid, Size: n.size, Capabilities: n.caps}
}

func (im *Image) walkFiles(layer int, files map[int]*file, fn func(Entry) error) error {
	if len(files) == 0 {
		return nil
	}
	return im.eachHeader(layer, newBudget(im.limits), func(pos int, _ *tar.Header, content io.Reader) error {
		f := files[pos]
		if f == nil {
			return nil
		}
		return im.walkFile(f, content, fn)
	})
}

// walkFile hands out a file under each of its names.
func (im *Image) walkFile(f *file, content io.Reader, fn func(Entry) error) error {
	once := &onceReader{r: content}
	defer once.expire()
	for i, n := range f.names {
		e := im.entry(n)
		if i > 0 {
			e.Linkname = f.names[0].path()
		}
		e.Open = func() (io.ReadCloser, error) {
			if once.take() {
				return f.check(once, func() error { return nil }), nil
			}
			return im.reopen(f.inode)
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// reopen reads a layer up to a file.
func (im *Image) reopen(n *inode) (io.ReadCloser, error) {
	r, err := im.openLayer(n.layer, newBudget(im.limits))
	if err != nil {
		return nil, err
	}
	for range n.pos + 1 {
		if _, err := r.Next(); err != nil {
			return nil, errors.Join(fmt.Errorf("finding a file in layer %d again: %w", n.layer, err), r.Close())
		}
	}
	return n.check(r, r.Close), nil
}

// onceReader is a stream that moves on when the walk does.
type onceReader struct {
	r     io.Reader
	taken bool
}

func (o *onceReader) take() bool {
	first := !o.taken
	o.taken = true
	return first
}

func (o *onceReader) expire() { o.r, o.taken = nil, true }

func (o *onceReader) Read(p []byte) (int, error) {
	if o.r == nil {
		return 0, errors.New("reading a file of an image after the walk moved on")
	}
	return o.r.Read(p)
}

// checkedReader compares what it read with the sum of the first reading.
type checkedReader struct {
	r     io.Reader
	sum   hash.Hash
	want  []byte
	close func() error
}

func (n *inode) check(r io.Reader, close func() error) io.ReadCloser {
	return &checkedReader{r: r, sum: sha256.New(), want: n.sum[:], close: close}
}

func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && !bytes.Equal(c.sum.Sum(nil), c.want) {
		err = fmt.Errorf("%w: it changed while it was read", ErrDigest)
	}
	return n, err
}

func (c *checkedReader) Close() error { return c.close() }
