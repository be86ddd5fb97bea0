package python

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// Bounds on what is examined.
const (
	maxNames = 1_000_000 // files and folders of a service
	maxFiles = 200_000   // Python files
	maxFile  = 4 << 20   // bytes of one
	maxAll   = 1 << 30   // bytes of all
)

// isPython tells a file of Python's by its name.
func isPython(name string) bool { return strings.HasSuffix(name, ".py") }

// isTestFile tells a file of pytest's by its name, by pytest's own rules and
// conftest.py.
func isTestFile(name string) bool {
	base := path.Base(name)
	return isPython(base) && (strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test.py") || base == "conftest.py")
}

// list names the Python files of a tree, and the folders that are left out of it,
// with slashes. A symbolic link counts as the file that it leads to.
func list(ctx context.Context, root *os.Root, e environments) (names, left []string, err error) {
	tree, seen := root.FS(), 0
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if seen++; err == nil && seen > maxNames {
			err = fmt.Errorf("there are more than %d files", maxNames)
		}
		switch {
		case err != nil:
			return fmt.Errorf("looking for Python files: %w", err)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case d.IsDir() && (d.Name() == ".git" || d.Name() == pipeline.StateDir):
			return fs.SkipDir
		case d.IsDir() && name != "." && e.spares(tree, name):
			left = append(left, name)
			return fs.SkipDir
		case d.IsDir() || !isPython(name):
			return nil
		case len(names) >= maxFiles:
			return fmt.Errorf("there are more than %d Python files", maxFiles)
		}
		ok, err := examinable(root, name)
		if ok {
			names = append(names, name)
		}
		return err
	})
	return names, left, err
}

// examinable tells whether there is a file behind a name. What leads out of the
// service's folder cannot be examined, and is an error.
func examinable(root *os.Root, name string) (bool, error) {
	info, err := root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil // a link that leads nowhere
	case errors.Is(err, syscall.ELOOP):
		return false, hint.With(fmt.Errorf("the file %q cannot be examined: it is a symbolic link that leads back to itself", name), "remove the link, or have it lead to a file")
	case err != nil:
		return false, hint.With(fmt.Errorf("the file %q cannot be examined: %w", name, err), "have the file itself in the service's folder, in place of a link")
	}
	return info.Mode().IsRegular(), nil
}

// read is a source file's content.
func read(root *os.Root, name string) ([]byte, error) {
	text, err := readUpTo(root, name, maxFile)
	if errors.Is(err, errTooLarge) {
		err = hint.With(err, "divide the file, or keep data in a file that is not Python's")
	}
	return text, err
}

var errTooLarge = errors.New("it is larger than it may be")

// readUpTo is the content of a file that is no larger than a limit, bytes.
func readUpTo(root *os.Root, name string, most int64) ([]byte, error) {
	// Without O_NONBLOCK a pipe that took the file's place would be waited for.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %q: it is no regular file", name)
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%w: %d MiB", errTooLarge, most>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	return text, nil
}

// alias is the name by which a tool knows the n-th file. What a file is called
// matters to the tools only where it is the file of a package.
func alias(n int, name string) string {
	if path.Base(name) == "__init__.py" {
		return fmt.Sprintf("code/d%06d/__init__.py", n)
	}
	return fmt.Sprintf("code/f%06d.py", n)
}

// leftNote tells of folders that were left out.
func leftNote(left []string) (notes []string) {
	if len(left) > 0 {
		shown := slices.Clone(left[:min(len(left), 3)])
		for i := range shown {
			shown[i] = fmt.Sprintf("%q", shown[i])
		}
		notes = append(notes, fmt.Sprintf("%d folders of installed packages that git does not track are left out: %s", len(left), strings.Join(shown, ", ")))
	}
	return notes
}
