package cache

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/atomicfile"
)

// Store keeps answers and their output files in a folder: an entry is a folder
// named by its key, complete or not there at all, and checked whenever it is
// read. Several processes may use one store.
type Store struct{ dir string }

// Open returns the store in dir, making the folder if need be.
func Open(dir string) (*Store, error) {
	for _, sub := range []string{"results", "work"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("opening the cache: %w", err)
		}
	}
	return &Store{dir: dir}, nil
}

// Names within an entry's folder.
const (
	answerFile   = "answer.json"
	outFolder    = "out"
	manifestFile = "manifest"
)

// maxAnswer bounds an answer, bytes.
const maxAnswer = 64 << 20

func (s *Store) entry(key Key) string {
	return filepath.Join(s.dir, "results", string(key[:2]), string(key))
}

// Get reads the answer with this key into v. An entry that is missing,
// incomplete or damaged is a miss, and is removed.
func (s *Store) Get(key Key, v any) (out Outputs, ok bool) {
	dir := s.entry(key)
	if _, err := os.Lstat(dir); err != nil {
		return out, false
	}
	answer, digest, err := verify(dir)
	if err == nil {
		err = json.Unmarshal(answer, v)
	}
	if err != nil {
		_ = s.drop(dir) // a second miss is all that can come of an error here
		return out, false
	}
	now := time.Now()
	_ = os.Chtimes(dir, now, now) // only tells Trim what is in use
	return Outputs{filepath.Join(dir, outFolder), digest}, true
}

// Put keeps an answer and moves its outputs, a folder made by Work, into the
// store. It returns where they are now. Outputs that are not what their digest
// says are not kept.
func (s *Store) Put(key Key, v any, out Outputs) (Outputs, error) {
	o, err := s.put(key, v, out)
	if err != nil {
		err = fmt.Errorf("caching a result: %w", err)
	}
	return o, err
}

func (s *Store) put(key Key, v any, out Outputs) (o Outputs, err error) {
	answer, err := json.Marshal(v)
	if err != nil {
		return o, err
	}
	if len(answer) > maxAnswer {
		return o, fmt.Errorf("%d bytes are more than an answer may have", len(answer))
	}
	aside, err := os.MkdirTemp(filepath.Dir(out.Dir), "put-")
	if err != nil {
		return o, err
	}
	defer func() { _ = os.RemoveAll(aside) }() // empty, or cleared with the work folder
	if err := fill(aside, answer, out); err != nil {
		return o, err
	}
	return s.place(aside, key)
}

// place moves a complete entry to where its key says. Another process may be
// doing the same: an entry that is there and whole stays, since somebody may
// be reading it.
func (s *Store) place(aside string, key Key) (o Outputs, err error) {
	dir := s.entry(key)
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return o, err
	}
	for range 3 {
		if _, digest, err := verify(dir); err == nil {
			return Outputs{filepath.Join(dir, outFolder), digest}, nil
		}
		if err := s.drop(dir); err != nil {
			return o, err
		}
		if err = os.Rename(aside, dir); err != nil && !errors.Is(err, fs.ErrExist) {
			return o, err
		}
	}
	return o, fmt.Errorf("%s keeps changing: %w", dir, err)
}

// fill makes an entry in dir: the answer, the outputs, and the manifest last.
func fill(dir string, answer []byte, out Outputs) error {
	manifest, err := describeOutputs(out.Dir)
	if err != nil {
		return err
	}
	if err := out.match(manifest); err != nil {
		return err
	}
	manifest = append([]string{checksum(answer) + " " + answerFile}, manifest...)
	body := strings.Join(manifest, "\n") + "\n"
	if err := atomicfile.Write(filepath.Join(dir, answerFile), answer, 0o600); err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(dir, manifestFile), []byte(checksum([]byte(body))+"\n"+body), 0o600); err != nil {
		return err
	}
	return os.Rename(out.Dir, filepath.Join(dir, outFolder))
}

var errDamaged = errors.New("damaged entry")

// verify checks an entry against its manifest and returns its answer and the
// digest of its outputs.
func verify(dir string) (answer []byte, digest string, err error) {
	manifest, err := readPlain(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, "", err
	}
	sum, body, ok := bytes.Cut(manifest, []byte("\n"))
	if !ok || string(sum) != checksum(body) {
		return nil, "", errDamaged
	}
	outputs, err := describeOutputs(filepath.Join(dir, outFolder))
	if err != nil {
		return nil, "", err
	}
	if answer, err = readPlain(filepath.Join(dir, answerFile)); err != nil {
		return nil, "", err
	}
	got := append([]string{checksum(answer) + " " + answerFile}, outputs...)
	if strings.Join(got, "\n")+"\n" != string(body) {
		return nil, "", errDamaged
	}
	return answer, digestOf(outputs), nil
}

func readPlain(path string) ([]byte, error) {
	f, err := OpenOutput(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxAnswer+1))
	if len(data) > maxAnswer {
		err = errDamaged
	}
	return data, err
}

// Drop removes the entry with this key, if there is one.
func (s *Store) Drop(key Key) error { return s.drop(s.entry(key)) }

// DropIf removes the entries of whose folders a function says so.
func (s *Store) DropIf(condemned func(dir string) (bool, error)) error {
	dirs, err := filepath.Glob(filepath.Join(s.dir, "results", "*", "*"))
	for _, dir := range dirs {
		switch yes, lookErr := condemned(dir); {
		case errors.Is(lookErr, fs.ErrNotExist): // another process was faster
		case yes || lookErr != nil:
			err = errors.Join(err, s.drop(dir))
		}
	}
	return err
}

// drop takes an entry out of sight in one step, then removes it.
func (s *Store) drop(dir string) error {
	aside, err := s.aside()
	if err != nil {
		return err
	}
	defer aside.Close()
	err = os.Rename(dir, filepath.Join(aside.Name(), "entry"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, atomicfile.RemoveAll(aside.Name()))
}
