package secrets

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/sluice-ci/sluice/internal/atomicfile"
)

// digest names something that was scanned: a file with its path, or a commit.
type digest = [sha256.Size]byte

// maxClean bounds the size of a list of what is clean, bytes.
const maxClean = 512 << 20

// cleanList remembers what was scanned and held no secret. It is a file of
// digests between a key (of all that decides what a scan finds) and a checksum;
// a file that is not exactly that is as good as none. It is safe for concurrent
// use.
type cleanList struct {
	file string
	key  digest
	old  map[digest]struct{}

	mu  sync.Mutex
	new map[digest]struct{}
}

// openClean reads a list. key is of the rules and of whatever else must be the
// same for the list to count.
func openClean(file, key string) (*cleanList, error) {
	l := &cleanList{file: file, key: sha256.Sum256([]byte(key)), new: map[digest]struct{}{}}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (info.Size() > maxClean || !info.Mode().IsRegular()) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was scanned before: %w", err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading what was scanned before: %w", err)
	}
	l.old = l.parse(data)
	return l, nil
}

func (l *cleanList) parse(data []byte) map[digest]struct{} {
	n := len(data)/sha256.Size - 2
	if n < 0 || len(data)%sha256.Size != 0 {
		return nil
	}
	body, sum := data[:len(data)-sha256.Size], digest(data[len(data)-sha256.Size:])
	if sha256.Sum256(body) != sum || digest(body[:sha256.Size]) != l.key {
		return nil
	}
	known := make(map[digest]struct{}, n)
	for d := range slices.Chunk(body[sha256.Size:], sha256.Size) {
		known[digest(d)] = struct{}{}
	}
	return known
}

// has tells whether something was clean before, and if so remembers it again.
func (l *cleanList) has(d digest) bool {
	_, ok := l.old[d]
	if ok {
		l.add(d)
	}
	return ok
}

// add remembers something as clean.
func (l *cleanList) add(d digest) {
	l.mu.Lock()
	l.new[d] = struct{}{}
	l.mu.Unlock()
}

// save writes the list, of what was asked for and added in this run, if it is
// not what was read.
func (l *cleanList) save() error {
	if len(l.new) == len(l.old) && containsAll(l.old, l.new) {
		return nil
	}
	list := make([]digest, 0, len(l.new))
	for d := range l.new {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b digest) int { return bytes.Compare(a[:], b[:]) })
	data := make([]byte, 0, (len(list)+2)*sha256.Size)
	data = append(data, l.key[:]...)
	for _, d := range list {
		data = append(data, d[:]...)
	}
	sum := sha256.Sum256(data)
	if err := atomicfile.Write(l.file, append(data, sum[:]...), 0o600); err != nil {
		return fmt.Errorf("remembering what was scanned: %w", err)
	}
	return nil
}

func containsAll(all, some map[digest]struct{}) bool {
	for d := range some {
		if _, ok := all[d]; !ok {
			return false
		}
	}
	return true
}
