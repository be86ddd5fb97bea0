package tool

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
	"slices"

	"github.com/sluice-ci/sluice/internal/atomicfile"
)

// manifestName is the file in a tool's folder that says what else is in it.
const manifestName = "manifest.json"

// Bounds on an installed tool: of its manifest in bytes, and of its files.
const (
	maxManifest = 32 << 20
	maxFiles    = 100_000
)

// manifest is what was installed: every file of a tool's folder but its own.
type manifest struct {
	Schema  int    `json:"schema"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Lock    string `json:"lock"`             // hash of what the lock said of the tool
	Source  string `json:"source"`           // where it came from, for people
	Python  string `json:"python,omitempty"` // the interpreter that the environment leads to, without links
	Files   []file `json:"files"`            // by path
}

// file is one that was installed.
type file struct {
	Path   string      `json:"path"` // slash-separated, relative to the tool's folder
	SHA256 string      `json:"sha256,omitempty"`
	Mode   fs.FileMode `json:"mode,omitempty"` // permissions
	Link   string      `json:"link,omitempty"` // what a symbolic link says
}

// list hashes all files of a folder but the manifest. Anything but files, folders
// and symbolic links is an error. With sync they are known to be on disk.
func list(dir string, sync bool) (files []file, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == manifestName {
			return err
		}
		if d.IsDir() {
			return syncFolder(root, path, sync)
		}
		f, err := look(root, path, d.Type(), sync)
		if files = append(files, f); len(files) > maxFiles {
			return fmt.Errorf("%s has more than %d files", dir, maxFiles)
		}
		return err
	})
	return files, err
}

func look(root *os.Root, path string, kind fs.FileMode, sync bool) (f file, err error) {
	f.Path = path
	switch {
	case kind == fs.ModeSymlink:
		f.Link, err = root.Readlink(path)
		return f, err
	case !kind.IsRegular():
		return f, fmt.Errorf("%s is no file", path)
	}
	open, err := root.Open(path)
	if err != nil {
		return f, err
	}
	defer open.Close()
	info, err := open.Stat()
	if err != nil {
		return f, err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, open); err != nil {
		return f, err
	}
	f.Mode, f.SHA256 = info.Mode().Perm(), hex.EncodeToString(sum.Sum(nil))
	if sync {
		err = open.Sync()
	}
	return f, err
}

func syncFolder(root *os.Root, path string, sync bool) error {
	if !sync {
		return nil
	}
	dir, err := root.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// write puts the manifest into the tool's folder, last.
func (m manifest) write(dir string) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, manifestName), append(text, '\n'), 0o644)
}

// readManifest reads the manifest of a tool's folder, and its hash.
func readManifest(dir string) (m manifest, digest string, err error) {
	open, err := os.Open(filepath.Join(dir, manifestName))
	if err != nil {
		return m, "", err
	}
	defer open.Close()
	text, err := io.ReadAll(io.LimitReader(open, maxManifest))
	if err != nil {
		return m, "", err
	}
	return parseManifest(text)
}

func parseManifest(text []byte) (m manifest, digest string, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, "", fmt.Errorf("reading the manifest of an installed tool: %w", err)
	}
	if m.Schema != 1 || len(m.Files) == 0 {
		return m, "", errors.New("reading the manifest of an installed tool: it is of another form, or names no file")
	}
	sum := sha256.Sum256(text)
	return m, hex.EncodeToString(sum[:]), nil
}

// differences says what of a tool's folder is not what its manifest says, a line
// for each file.
func (m manifest) differences(dir string) (lines []string, err error) {
	found, err := list(dir, false)
	if err != nil {
		return nil, err
	}
	there := map[string]file{}
	for _, f := range found {
		there[f.Path] = f
	}
	for _, f := range m.Files {
		switch is, ok := there[f.Path]; {
		case !ok:
			lines = append(lines, f.Path+" is missing")
		case is != f:
			lines = append(lines, f.Path+" is not what was installed")
		}
		delete(there, f.Path)
	}
	for path := range there {
		lines = append(lines, path+" was not installed")
	}
	slices.Sort(lines)
	return lines, nil
}
