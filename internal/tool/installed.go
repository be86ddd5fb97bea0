package tool

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/internal/hint"
)

// folder is where an entry's tool is installed: another lock's is elsewhere.
func (b Box) folder(e Entry) string {
	return filepath.Join(b.Dir, fmt.Sprintf("%s-%s-%.12s", e.Name, e.Version, e.id))
}

// installed gives the installed tool of an entry; false when there is none. What is
// there and cannot be told to be the entry's is an error.
func (b Box) installed(e Entry) (Found, bool, error) {
	if e.Version == "" {
		return Found{}, false, nil
	}
	dir := b.folder(e)
	m, digest, err := readManifest(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Found{}, false, nil
	}
	if err == nil {
		err = m.belongs(dir, e)
	}
	if err != nil {
		return Found{}, false, hint.With(fmt.Errorf("the installed %s: %w", e.Name, err), e.install())
	}
	f := Found{Name: e.Name, Version: e.Version, Path: filepath.Join(dir, "bin", e.Name), Read: []string{dir}, Env: e.With, Digest: digest, Manifest: digest, Pinned: true}
	if m.Python != "" && !system(prefix(m.Python)) {
		f.Read = append(f.Read, filepath.Join(prefix(m.Python), "bin"), filepath.Join(prefix(m.Python), "lib"))
	}
	if e.Site {
		b.host(&f)
	}
	return f, true, nil
}

// belongs tells by an error that a manifest is of something else than the entry, or
// that the interpreter which it was installed for has been replaced.
func (m manifest) belongs(dir string, e Entry) error {
	if m.Name != e.Name || m.Version != e.Version || m.Lock != e.id {
		return errors.New("its manifest is not what the lock of tools names")
	}
	if m.Python == "" {
		return nil
	}
	python, err := filepath.EvalSymlinks(filepath.Join(dir, "bin", "python"))
	if err != nil || python != m.Python {
		return fmt.Errorf("it was installed for %s, which is not there any more", m.Python)
	}
	return nil
}

// verify holds the files of an installed tool to its manifest, and that to the lock.
func (f Found) verify(e Entry) error {
	dir := prefix(f.Path)
	m, digest, err := readManifest(dir)
	if err != nil {
		return err
	}
	if digest != f.Manifest {
		return errors.New("its manifest is not the one that was found at first")
	}
	if err := m.belongs(dir, e); err != nil {
		return err
	}
	lines, err := m.differences(dir)
	if err != nil || len(lines) == 0 {
		return err
	}
	return errors.New(strings.Join(lines[:min(len(lines), maxTold)], "; "))
}

// maxTold is how many differences an error names.
const maxTold = 5
