package gitrepo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
)

// Bounds on what is taken out of a commit.
const (
	maxFiles = 500_000
	maxBytes = 8 << 30
)

// entry is a file of a commit.
type entry struct {
	mode, object string
	size         int64
	path         string
}

const symlink = "120000"

// Export writes the files of a commit into a new folder, byte by byte as they
// were committed: no attribute converts or leaves out any of them, as it would
// with git archive. Submodules are left out. Symbolic links are made last, so
// that none is written through.
func (r Repository) Export(ctx context.Context, commit, dir string) error {
	entries, err := r.entries(ctx, commit)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := r.write(ctx, root, entries); err != nil {
		return fmt.Errorf("taking the files out of commit %s: %w", commit, err)
	}
	return nil
}

// entries lists the files of a commit, symbolic links last.
func (r Repository) entries(ctx context.Context, commit string) ([]entry, error) {
	out, err := r.output(ctx, "ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", commit)
	if err != nil {
		return nil, fmt.Errorf("listing the files of commit %s: %w", commit, err)
	}
	var entries []entry
	total := int64(0)
	for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if line == "" {
			continue
		}
		e, err := parseEntry(line)
		if err != nil {
			return nil, fmt.Errorf("listing the files of commit %s: %w", commit, err)
		}
		if total += e.size; len(entries) == maxFiles || total > maxBytes {
			return nil, fmt.Errorf("commit %s has more than %d files or %d GiB", commit, maxFiles, maxBytes>>30)
		}
		if e.object != "" {
			entries = append(entries, e)
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return rank(a) - rank(b) })
	return entries, nil
}

func rank(e entry) int {
	if e.mode == symlink {
		return 1
	}
	return 0
}

// parseEntry reads "mode type object size\tpath". A submodule has no object here.
func parseEntry(line string) (e entry, err error) {
	head, name, _ := strings.Cut(line, "\t")
	fields := strings.Fields(head)
	if len(fields) != 4 || !allowed(name) {
		return e, fmt.Errorf("%q is no file that can be written", line)
	}
	if fields[1] == "commit" {
		return entry{path: name}, nil
	}
	size, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil || fields[1] != "blob" || size < 0 {
		return e, fmt.Errorf("%q is no file", line)
	}
	return entry{mode: fields[0], object: fields[2], size: size, path: name}, nil
}

// allowed tells whether a path stays in its folder, and is none of git's own.
func allowed(name string) bool {
	return filepath.IsLocal(filepath.FromSlash(name)) && path.Clean(name) == name &&
		!slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return strings.EqualFold(part, ".git") })
}

// write asks one git process for all the files.
func (r Repository) write(ctx context.Context, root *os.Root, entries []entry) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var ask bytes.Buffer
	for _, e := range entries {
		fmt.Fprintln(&ask, e.object)
	}
	answers, to := io.Pipe()
	spec := r.spec("cat-file", "--batch", "--buffer")
	spec.Stdin, spec.Stdout, spec.MaxOutput = &ask, to, 2*maxBytes
	ended := make(chan error, 1)
	go func() {
		err := command.Run(ctx, spec)
		ended <- errors.Join(err, to.CloseWithError(err))
	}()
	from := bufio.NewReaderSize(answers, 1<<16)
	for _, e := range entries {
		if err := e.write(root, from); err != nil {
			cancel()
			return errors.Join(err, answers.CloseWithError(err), <-ended)
		}
	}
	return <-ended
}

// write writes one file, which comes as "object type size\n" and its content.
func (e entry) write(root *os.Root, from *bufio.Reader) error {
	head, err := from.ReadString('\n')
	if err != nil {
		return fmt.Errorf("reading %s: %w", e.path, err)
	}
	if want := fmt.Sprintf("%s blob %d\n", e.object, e.size); head != want {
		return fmt.Errorf("reading %s: git says %q", e.path, strings.TrimSpace(head))
	}
	if err := root.MkdirAll(path.Dir(e.path), 0o755); err != nil {
		return err
	}
	content := io.LimitReader(from, e.size)
	if e.mode == symlink {
		err = e.link(root, content)
	} else {
		err = e.file(root, content)
	}
	if err != nil {
		return err
	}
	_, err = from.ReadByte() // the line feed after the content
	return err
}

// maxLink bounds where a symbolic link leads to, bytes.
const maxLink = 4096

func (e entry) link(root *os.Root, content io.Reader) error {
	if e.size > maxLink {
		return fmt.Errorf("the symbolic link %s is %d bytes long", e.path, e.size)
	}
	to, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	return root.Symlink(string(to), e.path)
}

func (e entry) file(root *os.Root, content io.Reader) error {
	mode := os.FileMode(0o644)
	if e.mode == "100755" {
		mode = 0o755
	}
	f, err := root.OpenFile(e.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, content)
	if err == nil && n != e.size {
		err = fmt.Errorf("reading %s: %w", e.path, io.ErrUnexpectedEOF)
	}
	return errors.Join(err, f.Close())
}
