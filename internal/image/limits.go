package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
)

// Limits bound what an image may make its reader do. A zero field is the
// default beside it.
type Limits struct {
	JSON    int64 // bytes of the index, of the manifest and of the configuration, each; DefaultJSON
	Layers  int   // DefaultLayers
	Entries int   // headers of all layers together, and files of the flattened system; DefaultEntries
	File    int64 // bytes of one file; DefaultFile
	Total   int64 // bytes of all layers together, unpacked; DefaultTotal
}

// The defaults of Limits.
const (
	DefaultJSON    int64 = 4 << 20
	DefaultLayers  int   = 128
	DefaultEntries int   = 250_000
	DefaultFile    int64 = 2 << 30
	DefaultTotal   int64 = 4 << 30
)

// The longest path of a file in an image and the longest name in it, bytes,
// as on Linux; and the most folders it may lead through.
const (
	maxPath  = 4096
	maxName  = 255
	maxDepth = 256
)

// The most bytes that the names and links' targets of all layers may have together.
const maxNames = 64 << 20

// ErrTooBig is returned (wrapped) for an image that exceeds a limit.
var ErrTooBig = errors.New("larger than an image may be")

// ErrDigest is returned (wrapped) for content that is not what its digest says.
var ErrDigest = errors.New("content does not match its digest")

func (l Limits) orDefault() Limits {
	set(&l.JSON, DefaultJSON)
	set(&l.Layers, DefaultLayers)
	set(&l.Entries, DefaultEntries)
	set(&l.File, DefaultFile)
	set(&l.Total, DefaultTotal)
	return l
}

func set[T int | int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// budget is what is left of the limits while an image is read.
type budget struct {
	limits  Limits
	entries int
	names   int
	bytes   int64 // of the archives' streams
	content int64 // of files, which sparse ones need not have in the stream
}

func newBudget(l Limits) *budget {
	return &budget{limits: l, entries: l.Entries, names: maxNames, bytes: l.Total, content: l.Total}
}

func (b *budget) entry(hdr *tar.Header) error {
	size := hdr.Size
	b.entries--
	b.names -= len(hdr.Name) + len(hdr.Linkname)
	b.content -= size
	switch {
	case b.entries < 0:
		return fmt.Errorf("%w: more than %d files", ErrTooBig, b.limits.Entries)
	case b.names < 0:
		return fmt.Errorf("%w: names of more than %d bytes", ErrTooBig, maxNames)
	case size > b.limits.File:
		return fmt.Errorf("%w: a file of %d bytes, more than %d", ErrTooBig, size, b.limits.File)
	case b.content < 0:
		return b.over()
	}
	return nil
}

func (b *budget) over() error {
	return fmt.Errorf("%w: more than %d bytes unpacked", ErrTooBig, b.limits.Total)
}

// bound makes reads from r count.
func (b *budget) bound(r io.Reader) io.Reader { return &boundReader{r, b} }

type boundReader struct {
	r io.Reader
	b *budget
}

func (r *boundReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if r.b.bytes -= int64(n); r.b.bytes < 0 {
		return 0, r.b.over()
	}
	return n, err
}
