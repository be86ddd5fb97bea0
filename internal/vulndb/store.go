package vulndb

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/sluice-ci/sluice/internal/atomicfile"
)

// formatVersion changes with the way in which the folder is written.
const formatVersion = "1"

// How long a folder that nothing refers to any more is left for other runs
// that may be reading it, and one that a killed run left half-made.
const (
	keepUnused    = 7 * 24 * time.Hour
	keepAbandoned = 24 * time.Hour
)

// store is the cache folder: a folder for each database, by its digest, and
// a record for each setting, which names the database last had by it.
type store struct{ dir string }

// record says what is known of a database that was got.
type record struct {
	Format     string    `json:"format"`
	Source     string    `json:"source"` // where it came from
	Digest     string    `json:"digest"` // and the name of its folder
	Modified   time.Time `json:"modified"`
	Advisories int       `json:"advisories"`
	Modules    int       `json:"modules"`
}

func (s store) path(r record) string { return filepath.Join(s.dir, r.Digest) }

// put writes a database into its folder, unless it is there.
func (s store) put(d *data, source string) (record, error) {
	files, err := d.files()
	if err != nil {
		return record{}, err
	}
	m := newManifest(files)
	r := record{Format: formatVersion, Source: source, Digest: m.digest(), Modified: d.modified, Advisories: len(d.advisories), Modules: len(d.modules())}
	if whole(s.path(r)) == nil {
		return r, nil
	}
	if err := s.write(files, m, s.path(r)); err != nil {
		return r, fmt.Errorf("writing the vulnerability data: %w", err)
	}
	return r, nil
}

// write makes a folder aside and renames it into place. The files are not
// synced one by one, which would take longer than all the rest: what a loss of
// power damages does not match the manifest, and is got again.
func (s store) write(files map[string][]byte, m manifest, path string) (err error) {
	aside, err := os.MkdirTemp(s.dir, "new-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(aside)) }()
	for _, dir := range []string{"ID", "index"} {
		if err := os.Mkdir(filepath.Join(aside, dir), 0o755); err != nil {
			return err
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(aside, filepath.FromSlash(name)), content, 0o644); err != nil {
			return err
		}
	}
	if err := atomicfile.Write(filepath.Join(aside, manifestName), m.text(), 0o644); err != nil {
		return err
	}
	return replace(aside, path)
}

// replace puts a folder in the place of a damaged one, or of none. Where
// another run was quicker, its folder is as good.
func replace(aside, path string) error {
	if whole(path) == nil {
		return nil
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := os.Rename(aside, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// use notes that a setting led to a database, marks the folder as in use, and
// removes those that are not.
func (s store) use(setting string, r record, now time.Time) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(s.recordPath(setting), text, 0o644); err != nil {
		return err
	}
	return errors.Join(os.Chtimes(s.path(r), now, now), s.prune(now))
}

func (s store) recordPath(setting string) string {
	sum := sha256.Sum256([]byte(setting))
	return filepath.Join(s.dir, "source-"+hex.EncodeToString(sum[:8])+".json")
}

// recall returns what a setting led to the last time, if it is there and whole;
// an error says why there is nothing to return.
func (s store) recall(setting string) (record, error) {
	r, err := readRecord(s.recordPath(setting))
	if err != nil {
		return record{}, err
	}
	return r, whole(s.path(r))
}

// validDigest keeps a damaged record from naming a folder elsewhere.
var validDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

func readRecord(path string) (record, error) {
	var r record
	text, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("reading %s: %w", path, err)
	}
	if r.Format != formatVersion || !validDigest.MatchString(r.Digest) {
		return r, fmt.Errorf("reading %s: it is damaged, or of another version", path)
	}
	return r, nil
}

// prune removes the folders that no record names and no run can be reading.
func (s store) prune(now time.Time) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	named := s.named(entries)
	var errs []error
	for _, e := range entries {
		keep := keepAbandoned
		if validDigest.MatchString(e.Name()) {
			keep = keepUnused
		}
		info, err := e.Info()
		if err != nil || !e.IsDir() || named[e.Name()] || now.Sub(info.ModTime()) < keep {
			continue // an entry without Info was removed by another run
		}
		errs = append(errs, os.RemoveAll(filepath.Join(s.dir, e.Name())))
	}
	return errors.Join(errs...)
}

// named are the folders that the records name.
func (s store) named(entries []fs.DirEntry) map[string]bool {
	named := map[string]bool{}
	for _, e := range entries {
		if r, err := readRecord(filepath.Join(s.dir, e.Name())); err == nil && !e.IsDir() {
			named[r.Digest] = true
		}
	}
	return named
}
