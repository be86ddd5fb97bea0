package gocode

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/sluice-ci/sluice/internal/atomicfile"
)

// maxStore bounds what is read back from the cache folder, bytes.
const maxStore = 512 << 20

// store is what is kept between runs: the results of the module's packages, and
// what was found out about the packages that they import.
type store struct {
	Results map[string]*result    `json:"results"` // by import path, with the test
	Exports map[string]exported   `json:"exports"`
	Deps    map[string]*depRecord `json:"deps"`
}

// depRecord is what is known of an imported package.
type depRecord struct {
	Key   string          `json:"key"`
	Known map[string]kind `json:"known,omitempty"` // what was asked, by function: no fact means no
	Facts []byte          `json:"facts,omitempty"`
	Docs  bool            `json:"docs,omitempty"` // the documentation was read
}

const storeName = "packages.json"

// openStore reads what an earlier run kept. What is damaged was not kept.
func openStore(dir string) *store {
	s := &store{}
	if err := s.read(filepath.Join(dir, storeName)); err != nil {
		s = &store{}
	}
	if s.Results == nil {
		s.Results = map[string]*result{}
	}
	if s.Exports == nil {
		s.Exports = map[string]exported{}
	}
	if s.Deps == nil {
		s.Deps = map[string]*depRecord{}
	}
	return s
}

// read reads a file that begins with the digest of what follows.
func (s *store) read(path string) error {
	data, err := readBounded(path, maxStore)
	if err != nil {
		return err
	}
	sum, body, _ := bytes.Cut(data, []byte("\n"))
	if string(sum) != digest(body) {
		return fmt.Errorf("reading %s: it is damaged", path)
	}
	return json.Unmarshal(body, s)
}

// save keeps the store for the next run.
func (s *store) save(dir string) error {
	body, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("keeping results: %w", err)
	}
	data := append([]byte(digest(body)+"\n"), body...)
	if err := atomicfile.Write(filepath.Join(dir, storeName), data, 0o600); err != nil {
		return fmt.Errorf("keeping results: %w", err)
	}
	return nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
