package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/attest"
	"github.com/sluice-ci/sluice/internal/handover"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/image"
)

// Name is the name of a release's record, in its folder.
const Name = "release.json"

// schema is the version of the record's form.
const schema = 1

// Release is what is kept of a release: releases/ID/release.json. It names all
// else by digest, and is written last.
type Release struct {
	Schema    int             `json:"schema"`
	ID        string          `json:"id"`
	Service   string          `json:"service"`
	Dir       string          `json:"dir"`
	Commit    string          `json:"commit"`
	Image     string          `json:"image"` // its digest
	Strict    bool            `json:"strict"`
	Created   time.Time       `json:"created"`
	Sluice    string          `json:"sluice"` // the version that released
	Handovers []string        `json:"handovers"`
	Stages    []Answer        `json:"stages"`
	Files     []handover.File `json:"files"`
}

// id names a release by what it is of, so that the same one is made once.
func (r Release) id() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q", []string{r.Service, r.Dir, r.Commit, r.Image, fmt.Sprint(r.Strict)})
	fmt.Fprintf(sum, "%q", r.Handovers)
	return fmt.Sprintf("%.12s-%s", r.Commit, hex.EncodeToString(sum.Sum(nil)[:8]))
}

// Store is a folder with releases: the records and evidence of each below
// releases/ID, and the images, as OCI layouts, below images/DIGEST. It needs no
// lock: everything is made aside and renamed.
type Store struct{ Dir string }

func (s Store) releases() string        { return filepath.Join(s.Dir, "releases") }
func (s Store) folder(id string) string { return filepath.Join(s.releases(), id) }
func (s Store) images() string          { return filepath.Join(s.Dir, "images") }

// imageDir is where an image is.
func (s Store) imageDir(digest string) (string, error) {
	name, ok := strings.CutPrefix(digest, "sha256:")
	if raw, err := hex.DecodeString(name); !ok || err != nil || len(raw) != sha256.Size {
		return "", fmt.Errorf("%.80q is no digest of an image", digest)
	}
	return filepath.Join(s.images(), name), nil
}

// Bounds on what is read.
const (
	maxRecord   = 8 << 20 // bytes
	maxReleases = 100_000
)

// verify reads a release and sees that its evidence and its image are there, and
// are what they were.
func (s Store) verify(id string) (r Release, err error) {
	if r, err = s.read(id); err != nil {
		return r, err
	}
	if err := handover.Verify(s.folder(id), r.Files, Name); err != nil {
		return r, err
	}
	if err := s.checkEvidence(r); err != nil {
		return r, err
	}
	return r, s.checkImage(r.Image)
}

// read reads a record; what it names is not looked at.
func (s Store) read(id string) (r Release, err error) {
	root, err := os.OpenRoot(s.folder(id))
	if err != nil {
		return r, err
	}
	defer root.Close()
	text, err := readFile(root, Name, maxRecord)
	if err != nil {
		return r, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("reading %s: %w", Name, err)
	}
	if r.Schema != schema || r.ID != id || r.id() != id {
		return r, fmt.Errorf("%s is not of the release %s", Name, id)
	}
	return r, nil
}

// readFile reads a regular file of at most this many bytes.
func readFile(root *os.Root, name string, most int64) ([]byte, error) {
	info, err := root.Lstat(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%s is no file of at most %d bytes", name, most)
	}
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// checkEvidence sees that every gate has a statement about the image, and that
// its provenance is stated.
func (s Store) checkEvidence(r Release) error {
	root, err := os.OpenRoot(s.folder(r.ID))
	if err != nil {
		return err
	}
	defer root.Close()
	want := map[string]string{provenanceFile: attest.ProvenanceType}
	for _, answer := range r.Stages {
		want[gateFile(answer.Stage)] = attest.VerificationType
	}
	for file, kind := range want {
		text, err := readFile(root, file, maxRecord)
		if err == nil {
			err = attest.Check(text, kind, r.Image)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// checkImage reads the whole of an image.
func (s Store) checkImage(digest string) error {
	dir, err := s.imageDir(digest)
	if err != nil {
		return err
	}
	im, err := image.Open(dir)
	if err != nil {
		return err
	}
	if im.Digest() != digest {
		return fmt.Errorf("the image in %s is %s", dir, im.Digest())
	}
	return im.Walk(func(image.Entry) error { return nil })
}

// Releases gives the releases of a service, the newest first, each with the
// error for which it must not be relied on. An error with an empty release is
// of the folder.
func (s Store) Releases(service string) iter.Seq2[Release, error] {
	return func(yield func(Release, error) bool) {
		found, err := s.list(service)
		if err != nil {
			yield(Release{}, err)
			return
		}
		for _, r := range found {
			verified, err := s.verify(r.ID)
			if err != nil {
				verified = r
				err = hint.With(fmt.Errorf("the release %s does not verify: %w", r.ID, err), "remove "+s.folder(r.ID)+" when it is known why")
			}
			if !yield(verified, err) {
				return
			}
		}
	}
}

// list reads the records of a service's releases, the newest first. Of one that
// cannot be read nothing is known but its name, and it comes before all others.
func (s Store) list(service string) (found []Release, err error) {
	entries, err := os.ReadDir(s.releases())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the releases: %w", err)
	}
	if len(entries) > maxReleases {
		return nil, fmt.Errorf("reading the releases: %d are more than %d", len(entries), maxReleases)
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		r, err := s.read(e.Name())
		switch {
		case err != nil:
			found = append(found, Release{ID: e.Name(), Created: time.Unix(1<<40, 0)})
		case r.Service == service:
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b Release) int { return b.Created.Compare(a.Created) })
	return found, nil
}

// LastVerified is the newest release of a service whose evidence and image
// verify, but for those of one commit; nil when there is none. What it passed
// over is in skipped.
func LastVerified(dir, service, except string) (last *Release, skipped []error, err error) {
	for r, err := range (Store{dir}).Releases(service) {
		switch {
		case err != nil && r.ID == "":
			return nil, nil, err
		case err != nil:
			skipped = append(skipped, err)
		case r.Commit != except:
			return &r, skipped, nil
		}
	}
	return nil, skipped, nil
}
