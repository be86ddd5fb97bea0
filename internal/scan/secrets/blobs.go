package secrets

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha1" // #nosec G505 -- it is how git names objects
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
)

// maxStream bounds what git may print that is read as it comes, bytes.
const maxStream = 1 << 40

// keptBlobs bounds the contents that a reader keeps for the next commit, bytes.
const keptBlobs = 64 << 20

// errTooLarge is what reading an object gives that is over maxFile.
var errTooLarge = errors.New("larger than what is scanned")

// blobs reads objects through one "git cat-file --batch". It is not safe for
// concurrent use.
type blobs struct {
	stdin  *os.File
	answer *bufio.Reader
	pipe   *io.PipeReader
	done   chan error

	kept  map[string]string
	order []string // of kept, oldest first
	size  int
}

// openBlobs starts git. Close must be called.
func openBlobs(ctx context.Context, m mirror) (*blobs, error) {
	// A pipe of the system's, not io.Pipe: with that, a git that died would be
	// noticed only when something more is asked of it.
	in, stdin, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting git cat-file: %w", err)
	}
	pr, pw := io.Pipe()
	b := &blobs{stdin: stdin, answer: bufio.NewReaderSize(pr, 256<<10), pipe: pr, done: make(chan error, 1), kept: map[string]string{}}
	spec := m.spec(in, "cat-file", "--batch")
	spec.Stdout, spec.MaxOutput = pw, maxStream
	go func() {
		err := command.Run(ctx, spec)
		_ = in.Close()
		pw.CloseWithError(err) // nil is io.EOF
		b.done <- err
	}()
	return b, nil
}

// close ends git and tells how it ended.
func (b *blobs) close() error {
	_ = b.stdin.Close()
	unasked, _ := io.Copy(io.Discard, b.answer) // its error is git's
	_ = b.pipe.Close()
	err := <-b.done
	if err == nil && unasked > 0 {
		err = fmt.Errorf("git said %d bytes that it was not asked for", unasked)
	}
	if err != nil {
		return fmt.Errorf("reading objects: %w", damaged(err))
	}
	return nil
}

// read returns a blob as text, or errTooLarge.
func (b *blobs) read(id string) (string, error) {
	if text, ok := b.kept[id]; ok {
		return text, nil
	}
	text, err := b.ask(id)
	if err != nil && !errors.Is(err, errTooLarge) {
		return "", damaged(fmt.Errorf("reading object %s: %w", id, err))
	}
	if err == nil {
		b.keep(id, text)
	}
	return text, err
}

func (b *blobs) ask(id string) (string, error) {
	if _, err := b.stdin.WriteString(id + "\n"); err != nil {
		return "", err
	}
	head, err := b.answer.ReadString('\n')
	if err != nil {
		return "", unexpected(err)
	}
	fields := strings.Fields(head)
	if len(fields) != 3 || fields[0] != id || fields[1] != "blob" {
		return "", fmt.Errorf("git answered %q", strings.TrimSpace(head))
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || size < 0 {
		return "", fmt.Errorf("git answered %q", strings.TrimSpace(head))
	}
	return b.content(id, size)
}

// content reads the bytes of an object and the newline after them. An object is
// named by its hash, so that nothing else can be taken for it.
func (b *blobs) content(id string, size int64) (string, error) {
	sum := nameOf(id, size)
	var buf bytes.Buffer
	to := io.MultiWriter(sum, &buf)
	if size > maxFile {
		to = sum
	} else {
		buf.Grow(int(size))
	}
	if _, err := io.CopyN(to, b.answer, size); err != nil {
		return "", unexpected(err)
	}
	if end, err := b.answer.ReadByte(); err != nil || end != '\n' {
		return "", cmp.Or(unexpected(err), errors.New("git said more than the object's size"))
	}
	if hex.EncodeToString(sum.Sum(nil)) != id {
		return "", errors.New("git answered with something else")
	}
	if size > maxFile {
		return "", errTooLarge
	}
	return plain(buf.Bytes()), nil
}

// nameOf begins the hash that names a blob: of the kind that id is, by its length.
func nameOf(id string, size int64) hash.Hash {
	sum := sha1.New() // #nosec G401 -- it is how git names objects
	if len(id) == 2*sha256.Size {
		sum = sha256.New()
	}
	fmt.Fprintf(sum, "blob %d\x00", size)
	return sum
}

// unexpected is the error for git's ending in the middle of its answer.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// keep remembers a blob: the new version of a file is the old one of the next
// commit that changes it.
func (b *blobs) keep(id, text string) {
	b.kept[id] = text
	b.order = append(b.order, id)
	b.size += len(text)
	for b.size > keptBlobs && len(b.order) > 1 {
		b.size -= len(b.kept[b.order[0]])
		delete(b.kept, b.order[0])
		b.order = b.order[1:]
	}
}
