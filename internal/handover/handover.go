// Package handover is how one job gives its results to the next: a folder, and
// in it a manifest that names every file by its digest. Whoever has the
// manifest's digest from somewhere else (a job's output in CI) can tell that
// nothing was changed on the way.
package handover

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// Name is the manifest's name in the folder.
const Name = "handover.json"

// schema is the version of the manifest's form.
const schema = 1

// Manifest is what a run says of what it hands over.
type Manifest struct {
	Schema  int              `json:"schema"`
	Run     string           `json:"run"`
	Sluice  string           `json:"sluice"` // the version that ran
	Service string           `json:"service"`
	Dir     string           `json:"dir"`              // of the service, relative to the repository's root
	Commit  string           `json:"commit,omitempty"` // of HEAD, when there is git
	Dirty   bool             `json:"dirty,omitempty"`  // the work tree differed from Commit
	Strict  bool             `json:"strict,omitempty"`
	Outcome pipeline.Outcome `json:"outcome"`
	Stages  []Stage          `json:"stages"`
	Image   string           `json:"image,omitempty"` // its digest, when one was built
	Files   []File           `json:"files"`           // every file but the manifest, sorted by path
}

// Stage is how a stage ended.
type Stage struct {
	Stage   string           `json:"stage"`
	Outcome pipeline.Outcome `json:"outcome"`
}

// Write writes the manifest of a folder, last, and returns its digest,
// "sha256:…". The manifest's Schema and Files are filled in.
func Write(dir string, m Manifest) (digest string, err error) {
	m.Schema = schema
	if m.Files, err = List(dir, Name); err != nil {
		return "", fmt.Errorf("handing over %s: %w", dir, err)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return "", fmt.Errorf("handing over %s: %w", dir, err)
	}
	text = append(text, '\n')
	if _, err := Parse(text); err != nil { // what nobody could open is not handed over
		return "", err
	}
	return Digest(text), atomicfile.Write(filepath.Join(dir, Name), text, 0o644)
}

// Digest is that of a text, "sha256:…".
func Digest(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Folder is a hand-over that was verified when it was opened.
type Folder struct {
	Manifest
	Path   string // of the folder
	Text   []byte // of the manifest
	Digest string // of Text
	root   *os.Root
}

// Open verifies a hand-over: the manifest against the digest, which may be ""
// when nobody gave one, and every file against the manifest. The folder must be
// closed.
func Open(dir, digest string) (f *Folder, err error) {
	f = &Folder{Path: dir}
	if f.root, err = os.OpenRoot(dir); err != nil {
		return nil, hint.With(fmt.Errorf("opening the hand-over: %w", err), "name a folder that sluice run --out has written")
	}
	if err := f.open(digest); err != nil {
		err = hint.With(fmt.Errorf("the hand-over %s: %w", dir, err), "trust none of it; hand over again what the run wrote with --out, unchanged")
		return nil, errors.Join(err, f.root.Close())
	}
	return f, nil
}

func (f *Folder) open(digest string) error {
	text, err := readRegular(f.root, Name, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return hint.With(fmt.Errorf("there is no %s: the run that wrote it did not end", Name), "run it again, with --out")
	}
	if err != nil {
		return err
	}
	if f.Text, f.Digest = text, Digest(text); digest != "" && digest != f.Digest {
		return fmt.Errorf("%s is %s, and %s was announced", Name, f.Digest, digest)
	}
	if f.Manifest, err = Parse(text); err != nil {
		return err
	}
	return verify(f.root, f.Files, Name)
}

// Close releases the folder.
func (f *Folder) Close() error { return f.root.Close() }

// Read reads a file of the manifest, and verifies it again.
func (f *Folder) Read(path string) ([]byte, error) {
	want, ok := find(f.Files, path)
	if !ok {
		return nil, fmt.Errorf("the hand-over %s has no %s", f.Path, path)
	}
	if want.Size > maxRead {
		return nil, fmt.Errorf("%s: %d bytes are more than %d", path, want.Size, maxRead)
	}
	var b bytes.Buffer
	err := f.copy(want, &b)
	return b.Bytes(), err
}

// CopyTo copies a file of the manifest, and fails when it is not what it was.
func (f *Folder) CopyTo(path string, w io.Writer) error {
	want, ok := find(f.Files, path)
	if !ok {
		return fmt.Errorf("the hand-over %s has no %s", f.Path, path)
	}
	return f.copy(want, w)
}

func (f *Folder) copy(want File, w io.Writer) error {
	got, err := sum(f.root, want.Path, w)
	if err == nil && got != want {
		err = fmt.Errorf("%s was changed while it was read", want.Path)
	}
	return err
}
