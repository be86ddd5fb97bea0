package cache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sluice-ci/sluice/internal/hint"
)

// Bounds on what a job may leave.
const (
	maxOutputs     = 100_000 // files
	maxOutputBytes = 4 << 30
)

// Outputs are the files that came with an answer.
type Outputs struct {
	Dir    string
	Digest string // of their names and contents
}

// OutputsDigest is the digest of the output files in a folder. It is an error
// that something else than plain files and folders is there.
func OutputsDigest(dir string) (string, error) {
	lines, err := describeOutputs(dir)
	return digestOf(lines), err
}

func digestOf(lines []string) string { return checksum([]byte(strings.Join(lines, "\n"))) }

// Verify tells whether the files are still those that the job left.
func (o Outputs) Verify() error {
	lines, err := describeOutputs(o.Dir)
	if err != nil {
		return err
	}
	return o.match(lines)
}

func (o Outputs) match(lines []string) error {
	if digestOf(lines) == o.Digest {
		return nil
	}
	return hint.With(fmt.Errorf("the files in %s are not those that its job left: something has changed them", o.Dir),
		"find out what did, and run again with --no-cache")
}

// describeOutputs lists the files below dir with their hashes. Only plain files
// and folders can be outputs: a link or a device is an attempt to have a later
// stage read, or release, what is not the job's own.
func describeOutputs(dir string) ([]string, error) {
	var lines []string
	left := int64(maxOutputBytes)
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if len(lines) == maxOutputs {
			return fmt.Errorf("a job left more than %d output files in %s", maxOutputs, dir)
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		if strings.ContainsAny(rel, "\n") {
			return fmt.Errorf("output %q has a line break in its name", rel)
		}
		hash, size, err := hashOutput(p)
		if left -= size; err == nil && left < 0 {
			err = fmt.Errorf("a job left more than %d bytes of output in %s", int64(maxOutputBytes), dir)
		}
		lines = append(lines, hash+" "+outFolder+"/"+filepath.ToSlash(rel))
		return err
	})
	return lines, err
}

func hashOutput(path string) (hash string, size int64, err error) {
	f, err := OpenOutput(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", 0, err
	}
	hash, err = hashReader(io.LimitReader(f, maxOutputBytes+1), path)
	return hash, info.Size(), err
}

// OpenOutput opens an output file for reading. It is an error that path is no
// plain file: a link is not followed, and a pipe not waited for.
func OpenOutput(path string) (*os.File, error) {
	info, err := os.Lstat(path) // before it is opened: that alone does something to a device
	if err == nil {
		err = plain(path, info)
	}
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = plain(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func plain(path string, info fs.FileInfo) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return refused(path, "is a symbolic link")
	case !info.Mode().IsRegular():
		return refused(path, "is no regular file")
	case info.Mode()&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != 0:
		return refused(path, "has set-uid, set-gid or sticky bits")
	case names(info) > 1:
		return refused(path, "is a hard link: it has another name elsewhere")
	}
	return nil
}

func refused(path, why string) error {
	return hint.With(fmt.Errorf("output %s %s", path, why), "a job may leave plain files and folders only: find out what made this one")
}
