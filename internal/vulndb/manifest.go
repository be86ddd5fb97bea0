package vulndb

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const manifestName = "manifest"

// manifest lists a folder's files. Its digest is that of the database.
type manifest []manifestLine

type manifestLine struct {
	sum  string // sha256, hexadecimal
	size int64  // bytes
	name string // with slashes
}

func newManifest(files map[string][]byte) manifest {
	var m manifest
	for name, content := range files {
		m = append(m, manifestLine{sum: hexSum(content), size: int64(len(content)), name: name})
	}
	slices.SortFunc(m, func(a, b manifestLine) int { return strings.Compare(a.name, b.name) })
	return m
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (m manifest) text() []byte {
	var b bytes.Buffer
	for _, l := range m {
		fmt.Fprintf(&b, "%s %d %s\n", l.sum, l.size, l.name)
	}
	return b.Bytes()
}

func (m manifest) digest() string { return hexSum(m.text()) }

// readManifest reads the manifest of a folder.
func readManifest(dir string) (manifest, error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, err
	}
	var m manifest
	for line := range strings.Lines(string(text)) {
		l, ok := parseLine(strings.TrimSuffix(line, "\n"))
		if !ok {
			return nil, fmt.Errorf("%s is damaged: its manifest cannot be read", dir)
		}
		m = append(m, l)
	}
	return m, nil
}

func parseLine(line string) (manifestLine, bool) {
	sum, rest, _ := strings.Cut(line, " ")
	size, name, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseInt(size, 10, 64)
	return manifestLine{sum: sum, size: n, name: name}, err == nil && filepath.IsLocal(name)
}

// whole checks a folder by content: its name is the digest of its manifest,
// and its files are those of the manifest.
func whole(dir string) error {
	m, err := readManifest(dir)
	if err != nil {
		return err
	}
	if m.digest() != filepath.Base(dir) {
		return fmt.Errorf("%s is damaged: its manifest was changed", dir)
	}
	return m.matches(dir)
}

// matches compares a folder with the manifest, by content.
func (m manifest) matches(dir string) error {
	for _, l := range m {
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(l.name)))
		if err != nil {
			return err
		}
		if hexSum(content) != l.sum {
			return fmt.Errorf("%s is damaged: %s was changed", dir, l.name)
		}
	}
	return m.alone(dir)
}

// alone refuses a file that the manifest does not list.
func (m manifest) alone(dir string) error {
	n := 0
	for _, sub := range []string{"ID", "index"} {
		files, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			return err
		}
		n += len(files)
	}
	if n != len(m) {
		return fmt.Errorf("%s is damaged: it has %d files, and its manifest lists %d", dir, n, len(m))
	}
	return nil
}

// intact is the quick look at a folder that an earlier run checked by content:
// the manifest is the one with that digest, and the files have its sizes.
func intact(dir, digest string) bool {
	m, err := readManifest(dir)
	if err != nil || len(m) == 0 || m.digest() != digest {
		return false
	}
	for _, l := range m {
		info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(l.name)))
		if err != nil || !info.Mode().IsRegular() || info.Size() != l.size {
			return false
		}
	}
	return true
}
