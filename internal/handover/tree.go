package handover

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// List hashes every file of a folder but the manifest. Anything that is neither
// a folder nor a file with one name is an error.
func List(dir, manifest string) (files []File, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	paths, err := walk(root, manifest)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		f, err := sum(root, path, io.Discard)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// Verify sees that a folder holds these files and no other but the manifest.
func Verify(dir string, files []File, manifest string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := CheckFiles(files, manifest); err != nil {
		return err
	}
	return verify(root, files, manifest)
}

// verify tells all that is wrong by name before it reads any content.
func verify(root *os.Root, files []File, manifest string) error {
	paths, err := walk(root, manifest)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if _, ok := find(files, path); !ok {
			return fmt.Errorf("%s is there, and %s does not list it", path, manifest)
		}
	}
	for _, want := range files {
		if _, ok := slices.BinarySearch(paths, want.Path); !ok {
			return fmt.Errorf("%s is missing", want.Path)
		}
	}
	for _, want := range files {
		got, err := sum(root, want.Path, io.Discard)
		switch {
		case err != nil:
			return err
		case got.Size != want.Size:
			return fmt.Errorf("%s has %d bytes, and %s says %d", want.Path, got.Size, manifest, want.Size)
		case got != want:
			return fmt.Errorf("%s was changed: it is sha256:%s, and %s says sha256:%s", want.Path, got.SHA256, manifest, want.SHA256)
		}
	}
	return nil
}

// walk lists the files below a root, sorted by path.
func walk(root *os.Root, manifest string) (paths []string, err error) {
	folders := 0
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if folders++; folders > maxFolders {
				return fmt.Errorf("%s: more than %d folders", path, maxFolders)
			}
			return nil
		case checkPath(path) != nil:
			return fmt.Errorf("%.80q: %w", path, checkPath(path))
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is no regular file (%s)", path, kind(d.Type()))
		case path == manifest:
			return nil
		}
		if paths = append(paths, path); len(paths) > maxFiles {
			return fmt.Errorf("%s: more than %d files", path, maxFiles)
		}
		return nil
	})
	slices.Sort(paths) // a walk has "a/b" before "a.b"
	return paths, err
}

func kind(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// sum reads a file, and copies what it reads.
func sum(root *os.Root, path string, w io.Writer) (File, error) {
	f, err := openRegular(root, path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(h, w), io.LimitReader(f, maxFile+1))
	if err == nil && n > maxFile {
		err = errors.New("it is too large")
	}
	if err != nil {
		return File{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return File{Path: path, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// openRegular opens a file that has one name: another one could be written to
// by somebody who has no right to the folder.
func openRegular(root *os.Root, path string) (*os.File, error) {
	if info, err := root.Lstat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file (%s)", path, kind(info.Mode()))
	}
	f, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe in its place must not hang
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is no regular file", path)
	case links(info) > 1:
		err = fmt.Errorf("%s is a hard link: it has another name, by which it can be changed", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func readRegular(root *os.Root, path string, most int64) ([]byte, error) {
	f, err := openRegular(root, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return text, err
}
