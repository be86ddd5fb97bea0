package modules

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"
)

// maxMemo bounds the kept list of modules, bytes.
const maxMemo = 16 << 20

// memo is the list of needed modules, kept from one time to the next.
type memo struct {
	Key    string   `json:"key"`
	Needed []string `json:"needed"`
}

// key is the hash of all that decides which modules are needed.
func (f *fetcher) key(imports imports) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %x\n", f.tc.Facts(), f.tc.ModCache, variants(), imports.digest)
	files := slices.Clone(f.w.Files)
	for _, dir := range f.w.Dirs {
		files = append(files, filepath.Join(dir, "go.mod"), filepath.Join(dir, "go.sum"))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		fmt.Fprintf(h, "%q %t %x\n", file, err == nil, sha256.Sum256(text))
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

func (f *fetcher) memo() string { return filepath.Join(f.Cache, "needed.json") }

// recall gives the list that is kept for key. A damaged one is none.
func (f *fetcher) recall(key string) ([]string, bool) {
	file, err := os.Open(f.memo())
	if err != nil {
		return nil, false
	}
	defer file.Close()
	var m memo
	if json.NewDecoder(io.LimitReader(file, maxMemo)).Decode(&m) != nil || m.Key != key {
		return nil, false
	}
	return m.Needed, true
}

func (f *fetcher) remember(key string, needed []string) error {
	text, err := json.Marshal(memo{key, needed})
	if err != nil {
		return err
	}
	return replaceFile(f.memo(), text)
}

// replaceFile writes a file so that it is there as a whole or not at all.
func replaceFile(path string, text []byte) (err error) {
	aside, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(aside.Name()))
		}
	}()
	_, err = io.Copy(aside, bytes.NewReader(text))
	if err = errors.Join(err, aside.Sync(), aside.Close()); err != nil {
		return err
	}
	return os.Rename(aside.Name(), path)
}

// absent gives those of modules ("path@version") that are not whole in the
// module cache: the folder, the checksum beside the archive, and no mark of an
// unpacking that was broken off.
func absent(modcache string, modules []string) (list []string) {
	for _, m := range modules {
		path, version, _ := strings.Cut(m, "@")
		if !present(modcache, module.Version{Path: path, Version: version}) {
			list = append(list, m)
		}
	}
	return list
}

func present(modcache string, m module.Version) bool {
	path, err := module.EscapePath(m.Path)
	if err != nil {
		return false
	}
	version, err := module.EscapeVersion(m.Version)
	if err != nil {
		return false
	}
	archive := filepath.Join(modcache, "cache", "download", filepath.FromSlash(path), "@v", version)
	return exists(filepath.Join(modcache, filepath.FromSlash(path)+"@"+version)) && exists(archive+".ziphash") && !exists(archive+".partial")
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
