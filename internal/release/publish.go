package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/handover"
	"github.com/sluice-ci/sluice/internal/hint"
)

// Publish puts what was accepted into the store, unless it is there already. A
// Publish that is killed leaves nothing that looks like a release. More are
// texts that are kept with the evidence.
func (s Store) Publish(r Rules, a Accepted, o Origin, more map[string][]byte) (rel Release, fresh bool, err error) {
	rel = Release{Schema: schema, Service: r.Service, Dir: r.Dir, Commit: r.Commit, Image: a.Image, Strict: r.Strict, Created: r.Now.UTC(), Sluice: o.Sluice, Stages: a.Answers}
	for _, f := range a.Handed {
		rel.Handovers = append(rel.Handovers, f.Digest)
	}
	slices.Sort(rel.Handovers)
	rel.ID = rel.id()
	if there, err := s.existing(rel.ID); there.ID != "" || err != nil {
		return there, false, err
	}
	if err := errors.Join(os.MkdirAll(s.releases(), 0o755), os.MkdirAll(s.images(), 0o755)); err != nil {
		return rel, false, fmt.Errorf("releasing to %s: %w", s.Dir, err)
	}
	if err := errors.Join(clean(s.releases(), r.Now), clean(s.images(), r.Now), s.putImage(a.From)); err != nil {
		return rel, false, err
	}
	texts, err := r.evidence(a, o)
	if err != nil {
		return rel, false, err
	}
	for name, text := range more {
		texts[name] = text
	}
	if err := s.put(rel, a.Handed, texts); err != nil {
		return rel, false, fmt.Errorf("releasing to %s: %w", s.Dir, err)
	}
	rel, err = s.verify(rel.ID)
	return rel, err == nil, err
}

// existing is the release that is there already. One that does not verify is
// left alone, and is an error.
func (s Store) existing(id string) (Release, error) {
	if _, err := os.Lstat(s.folder(id)); errors.Is(err, fs.ErrNotExist) {
		return Release{}, nil
	}
	r, err := s.verify(id)
	if err != nil {
		return r, hint.With(fmt.Errorf("the release %s is there, and does not verify: %w", id, err), "remove "+s.folder(id)+" when it is known why")
	}
	return r, nil
}

// put writes a release's folder.
func (s Store) put(rel Release, handed []*handover.Folder, texts map[string][]byte) error {
	return aside(s.folder(rel.ID), func(dir string) (err error) {
		for name, text := range texts {
			if err := writeText(filepath.Join(dir, filepath.FromSlash(name)), text); err != nil {
				return err
			}
		}
		for i, f := range handed {
			if err := keep(f, filepath.Join(dir, "handovers", strconv.Itoa(i+1))); err != nil {
				return err
			}
		}
		if rel.Files, err = handover.List(dir, Name); err != nil {
			return err
		}
		text, err := json.MarshalIndent(rel, "", "  ")
		if err != nil {
			return err
		}
		return writeText(filepath.Join(dir, Name), append(text, '\n'))
	})
}

// keep copies all of a hand-over but the image, which is kept once.
func keep(f *handover.Folder, dir string) error {
	if err := writeText(filepath.Join(dir, handover.Name), f.Text); err != nil {
		return err
	}
	return copyFiles(f, "", dir, func(name string) bool { return !strings.HasPrefix(name, imageFolder+"/") })
}

// copyFiles copies files of a hand-over that are below a folder of it.
func copyFiles(f *handover.Folder, below, dir string, wanted func(string) bool) error {
	for _, file := range f.Files {
		rel, ok := strings.CutPrefix(file.Path, below)
		if !ok || !wanted(file.Path) {
			continue
		}
		if err := copyFile(f, file.Path, filepath.Join(dir, filepath.FromSlash(rel))); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(f *handover.Folder, name, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	w, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if err := f.CopyTo(name, w); err != nil {
		return errors.Join(err, w.Close())
	}
	return errors.Join(w.Sync(), w.Close())
}

func writeText(file string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(file, text, 0o644)
}

// putImage copies the image of a hand-over into the store, in place of one that
// was damaged.
func (s Store) putImage(f *handover.Folder) error {
	to, err := s.imageDir(f.Image)
	if err != nil {
		return err
	}
	if s.checkImage(f.Image) == nil {
		return nil
	}
	if err := os.RemoveAll(to); err != nil {
		return fmt.Errorf("replacing a damaged image: %w", err)
	}
	err = aside(to, func(dir string) error {
		return copyFiles(f, imageFolder+"/", dir, func(string) bool { return true })
	})
	if err != nil {
		return fmt.Errorf("writing the image %s: %w", f.Image, err)
	}
	return s.checkImage(f.Image)
}

// aside has a folder filled under another name, and renames it when it is whole.
// When somebody else has put it there meanwhile, theirs stays.
func aside(to string, fill func(dir string) error) (err error) {
	dir, err := os.MkdirTemp(filepath.Dir(to), "."+path.Base(to)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err := errors.Join(fill(dir), syncFolders(dir), os.Chmod(dir, 0o755)); err != nil {
		return err
	}
	if err := os.Rename(dir, to); err != nil {
		if _, other := os.Lstat(to); other == nil {
			return os.RemoveAll(dir)
		}
		return err
	}
	return syncFolder(filepath.Dir(to))
}

func syncFolders(dir string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncFolder(name)
	})
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// leftOver is how old something must be that was being made, to be of a
// release that was killed.
const leftOver = 24 * time.Hour

// clean removes what killed releases left.
func clean(dir string, now time.Time) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() || !strings.HasPrefix(e.Name(), ".") || now.Sub(info.ModTime()) < leftOver {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
