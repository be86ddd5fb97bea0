package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/spdx"
	"go.yaml.in/yaml/v3"
)

// maxFile bounds sluice.yaml, and go.mod, in bytes.
const maxFile = 1 << 20

// Load reads the sluice.yaml of the folder root and checks it, the folders that
// it names too. It returns nil and no error when there is none. What is wrong
// in the file is an Errors.
func Load(root string) (*File, error) {
	text, err := readFile(filepath.Join(root, Name), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f, errs := parse(text)
	errs = append(errs, f.checkFolders(root)...)
	errs = append(errs, f.checkExceptions(time.Now())...)
	if len(errs) > 0 {
		return nil, wrong(errs)
	}
	return f, nil
}

// Parse reads the text of a sluice.yaml, and looks at nothing else. The error
// is an Errors.
func Parse(text []byte) (*File, error) {
	f, errs := parse(text)
	if len(errs) > 0 {
		return nil, wrong(errs)
	}
	return f, nil
}

func wrong(errs Errors) error {
	return hint.With(arrange(errs), "correct "+Name+" at the places named")
}

func parse(text []byte) (*File, Errors) {
	f := &File{places: map[string]place{}}
	w := &walker{name: Name, places: f.places}
	root := w.document(text)
	switch {
	case root == nil:
	case root.Kind != yaml.MappingNode:
		w.fault(root, "the file must be a mapping of keys to values, not %s", describe(root))
	default:
		w.object(root, reflect.ValueOf(f).Elem(), "")
	}
	return f, slices.Concat(w.errs, f.checkSecrets(), f.checkLicenses())
}

// checkSecrets sees that what is a secret is no setting too.
func (f *File) checkSecrets() (errs Errors) {
	for _, name := range slices.Sorted(maps.Keys(f.Secrets)) {
		if _, both := f.Env[name]; both {
			errs = append(errs, f.fault("secrets", "%q is in \"env\" too: remove it from one of them", name))
		}
	}
	return errs
}

// checkLicenses sees that the entries are expressions of licences that there are.
func (f *File) checkLicenses() (errs Errors) {
	for key, entries := range map[string][]string{"allow": f.Gates.Licenses.Allow, "deny": f.Gates.Licenses.Deny} {
		for i, text := range entries {
			_, err := spdx.Parse(text)
			if err == nil {
				continue
			}
			message := err.Error()
			var unknown *spdx.UnknownError
			if errors.As(err, &unknown) {
				if near, ok := nearest(unknown.ID, unknown.Known); ok {
					message += fmt.Sprintf(" (did you mean %q?)", near)
				}
			}
			errs = append(errs, f.fault(fmt.Sprintf("gates.licenses.%s[%d]", key, i), "an entry of %q: %s", key, message))
		}
	}
	return errs
}

// checkExceptions sees that none lasts for longer than a year.
func (f *File) checkExceptions(now time.Time) (errs Errors) {
	for i, x := range f.Exceptions {
		if last := lastDay(now); x.Expires.After(last) {
			errs = append(errs, f.fault(fmt.Sprintf("exceptions[%d].expires", i), `"expires" is more than a year away: %s is the last day that it can be`, last.Format(time.DateOnly)))
		}
	}
	return errs
}

// readFile reads a file of the repository. What is no regular file is refused:
// a pipe would block, and a link could lead to a file that is not the repository's.
func readFile(path string, most int) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, readable(err)
	}
	if !info.Mode().IsRegular() {
		return nil, hint.With(fmt.Errorf("reading %s: it is no regular file", path), "replace it by a file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, readable(err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, int64(most)+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(text) > most {
		return nil, hint.With(fmt.Errorf("reading %s: it is larger than %d bytes", path, most), "make the file smaller")
	}
	return text, nil
}

// readable says what to do about a file or folder that cannot be read.
func readable(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return hint.With(err, "make it readable for this user, with chmod or chown")
	}
	return err
}

// fault is an error at the place of a key that is in the file.
func (f *File) fault(path, format string, args ...any) Error {
	at := f.places[path]
	return Error{File: Name, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)}
}
