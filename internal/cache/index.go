package cache

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/atomicfile"
)

// maxIndex bounds the file that a Hasher remembers in, bytes.
const maxIndex = 512 << 20

// OpenHasher returns a hasher that remembers in file what it has hashed. A
// file that is missing or damaged only costs time.
func OpenHasher(file string) *Hasher {
	h := &Hasher{file: file, known: map[string]fileState{}, asked: map[string]bool{}}
	info, err := os.Stat(file)
	if err != nil || info.Size() > maxIndex {
		return h
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return h
	}
	if known, ok := parseIndex(data); ok {
		h.known = known
	}
	return h
}

// Save writes down what the hasher knows, if it learnt anything.
func (h *Hasher) Save() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.dirty {
		return nil
	}
	h.forget()
	if err := os.MkdirAll(filepath.Dir(h.file), 0o700); err != nil {
		return err
	}
	if err := atomicfile.Write(h.file, formatIndex(h.known), 0o600); err != nil {
		return err
	}
	h.dirty = false
	return nil
}

// Forget drops the files whose paths may not be kept.
func (h *Hasher) Forget(path func(string) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p := range h.known {
		if path(p) {
			delete(h.known, p)
			h.dirty = true
		}
	}
}

// forget drops what was not asked for this time, once it is most of the index:
// files come and go, and the index would grow for ever.
func (h *Hasher) forget() {
	if len(h.known) < 1000+2*len(h.asked) {
		return
	}
	for path := range h.known {
		if !h.asked[path] {
			delete(h.known, path)
		}
	}
}

// The index is a line with the SHA-256 of the rest, then a record for each
// file: size, mtime, ctime, when it was hashed, inode, its hash and path, ended
// by NUL since a path may hold anything else.
func formatIndex(known map[string]fileState) []byte {
	var body bytes.Buffer
	for path, s := range known {
		fmt.Fprintf(&body, "%d %d %d %d %d %s %s\x00", s.id.size, s.id.mtime, s.id.ctime, s.hashed, s.id.inode, s.hash, path)
	}
	return append([]byte(checksum(body.Bytes())+"\n"), body.Bytes()...)
}

func parseIndex(data []byte) (map[string]fileState, bool) {
	sum, body, ok := bytes.Cut(data, []byte("\n"))
	if !ok || string(sum) != checksum(body) {
		return nil, false
	}
	known := map[string]fileState{}
	records := bufio.NewScanner(bytes.NewReader(body))
	records.Buffer(nil, 1<<20)
	records.Split(untilNUL)
	for records.Scan() {
		path, s, ok := parseRecord(records.Text())
		if !ok {
			return nil, false
		}
		known[path] = s
	}
	return known, records.Err() == nil
}

func parseRecord(record string) (path string, s fileState, ok bool) {
	fields := strings.SplitN(record, " ", 7)
	if len(fields) != 7 {
		return "", s, false
	}
	var err error
	for i, n := range []*int64{&s.id.size, &s.id.mtime, &s.id.ctime, &s.hashed} {
		if *n, err = strconv.ParseInt(fields[i], 10, 64); err != nil {
			return "", s, false
		}
	}
	if s.id.inode, err = strconv.ParseUint(fields[4], 10, 64); err != nil {
		return "", s, false
	}
	s.hash = fields[5]
	return fields[6], s, len(s.hash) == sha256.Size*2
}

func untilNUL(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, fmt.Errorf("record without an end")
	}
	return 0, nil, nil
}

func checksum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
