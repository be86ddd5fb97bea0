package gocode

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxSource bounds a Go file, bytes. The compiler's own limit is higher, but
// what is larger than this was not written to be read.
const maxSource = 64 << 20

// errTooLarge is returned (wrapped) for a file that is larger than it may be.
var errTooLarge = errors.New("larger than it may be")

// readBounded reads a regular file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %s: not a regular file", path)
	}
	f, err := os.Open(path) // #nosec G304 -- reading the files that it is given is what this package is for
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("reading %s: %w (%d bytes)", path, errTooLarge, limit)
	}
	return text, nil
}

// sources finds the Go files of the module at dir, as "./..." means it: nothing
// vendored, no test data, no folder that the go command passes over, no module
// within the module. It is what the analysis is counted against.
func sources(dir string) ([]string, error) {
	var found []string
	root := dir + string(filepath.Separator) // if it is a link, the folder that it leads to
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && passedOver(path, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if goFile(path, d) {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for Go files in %s: %w", dir, err)
	}
	return found, nil
}

func passedOver(path, name string) bool {
	if hidden(name) || name == "vendor" || name == "testdata" {
		return true
	}
	_, err := os.Lstat(filepath.Join(path, "go.mod"))
	return err == nil
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") }

// goFile tells whether the go command would take a file for one of Go, perhaps
// by way of a link.
func goFile(path string, d fs.DirEntry) bool {
	if !strings.HasSuffix(d.Name(), ".go") || hidden(d.Name()) {
		return false
	}
	if d.Type().IsRegular() {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// withImported adds the Go files of folders that sources passes over and that
// are compiled all the same, because a package imports them.
func withImported(files, dirs []string) ([]string, error) {
	walked := map[string]bool{}
	for _, path := range files {
		walked[filepath.Dir(path)] = true
	}
	for _, dir := range dirs {
		if walked[dir] {
			continue
		}
		walked[dir] = true
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("looking for Go files in %s: %w", dir, err)
		}
		for _, e := range entries {
			if path := filepath.Join(dir, e.Name()); goFile(path, e) {
				files = append(files, path)
			}
		}
	}
	return files, nil
}
