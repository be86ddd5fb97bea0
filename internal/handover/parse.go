package handover

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/hint"
)

// Bounds on a hand-over.
const (
	maxManifest = 4 << 20 // bytes of the manifest
	maxFiles    = 4096
	maxFolders  = 1024
	maxPath     = 512     // bytes of a path
	maxDepth    = 16      // folders that a path leads through
	maxFile     = 4 << 30 // bytes of a file
	maxTotal    = 8 << 30 // bytes of all files
	maxRead     = 256 << 20
	maxStages   = 256
	maxText     = 512 // bytes of a name
)

// File is a file of a folder.
type File struct {
	Path   string `json:"path"` // relative to the folder, with slashes
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Parse reads the text of a manifest. It does not look at any file.
func Parse(text []byte) (m Manifest, err error) {
	if len(text) > maxManifest {
		return m, fmt.Errorf("%s: %d bytes are more than %d", Name, len(text), maxManifest)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("reading %s: %w", Name, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return m, fmt.Errorf("reading %s: something follows it", Name)
	}
	if m.Schema != schema {
		return m, hint.With(fmt.Errorf("%s: its form is version %d, and this program knows %d", Name, m.Schema, schema), "use Sluice "+m.Sluice)
	}
	return m, errors.Join(m.checkNames(), CheckFiles(m.Files, Name))
}

func (m Manifest) checkNames() error {
	if len(m.Stages) == 0 || len(m.Stages) > maxStages {
		return fmt.Errorf("%s: it is about %d stages", Name, len(m.Stages))
	}
	names := []string{m.Run, m.Sluice, m.Service, m.Dir, m.Commit, m.Image}
	seen := map[string]bool{}
	for _, s := range m.Stages {
		if seen[s.Stage] {
			return fmt.Errorf("%s: the stage %q is there twice", Name, s.Stage)
		}
		seen[s.Stage] = true
		names = append(names, s.Stage, string(s.Outcome))
	}
	for _, name := range names {
		if len(name) > maxText || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fmt.Errorf("%s: the name %.40q is too long, or not of text", Name, name)
		}
	}
	return nil
}

// CheckFiles checks a list of files that a manifest (itself not among them)
// names: their paths stay below the folder, are sorted and are there once.
func CheckFiles(files []File, manifest string) error {
	if len(files) > maxFiles {
		return fmt.Errorf("%s: %d files are more than %d", manifest, len(files), maxFiles)
	}
	if !slices.IsSortedFunc(files, byPath) {
		return fmt.Errorf("%s: its files are not sorted", manifest)
	}
	total := int64(0)
	for i, f := range files {
		if err := f.check(); err != nil {
			return fmt.Errorf("%s: the file %.80q: %w", manifest, f.Path, err)
		}
		if f.Path == manifest || i > 0 && f.Path == files[i-1].Path {
			return fmt.Errorf("%s: the file %q may not be there, or not twice", manifest, f.Path)
		}
		if total += f.Size; total > maxTotal {
			return fmt.Errorf("%s: files of more than %d bytes", manifest, int64(maxTotal))
		}
	}
	return nil
}

func (f File) check() error {
	raw, err := hex.DecodeString(f.SHA256)
	switch {
	case checkPath(f.Path) != nil:
		return checkPath(f.Path)
	case f.Size < 0 || f.Size > maxFile:
		return fmt.Errorf("%d bytes", f.Size)
	case err != nil || len(raw) != 32 || f.SHA256 != strings.ToLower(f.SHA256):
		return errors.New("its digest is no SHA-256 in small hexadecimal digits")
	}
	return nil
}

func checkPath(path string) error {
	switch {
	case !fs.ValidPath(path) || path == "." || strings.ContainsAny(path, "\\:\x00"):
		return errors.New("its path leads out of the folder, or nowhere")
	case len(path) > maxPath || strings.Count(path, "/") >= maxDepth:
		return errors.New("its path is too long")
	}
	return nil
}

func byPath(a, b File) int { return cmp.Compare(a.Path, b.Path) }

func find(files []File, path string) (File, bool) {
	i, ok := slices.BinarySearchFunc(files, File{Path: path}, byPath)
	if !ok {
		return File{}, false
	}
	return files[i], true
}
