package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/hint"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func treeHash(t *testing.T, h *Hasher, root string) string {
	t.Helper()
	sum, err := h.Tree(root)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestTreeChangesWithEveryKindOfChange(t *testing.T) {
	t.Parallel()
	changes := map[string]func(t *testing.T, root string){
		"content":        func(t *testing.T, root string) { write(t, root+"/a.go", "other") },
		"same size":      func(t *testing.T, root string) { write(t, root+"/a.go", "b") },
		"new file":       func(t *testing.T, root string) { write(t, root+"/new", "") },
		"renamed":        func(t *testing.T, root string) { must(t, os.Rename(root+"/a.go", root+"/b.go")) },
		"executable bit": func(t *testing.T, root string) { must(t, os.Chmod(root+"/a.go", 0o755)) },
		"removed":        func(t *testing.T, root string) { must(t, os.Remove(root+"/sub/c")) },
		"link target": func(t *testing.T, root string) {
			must(t, os.Remove(root+"/link"))
			must(t, os.Symlink("elsewhere", root+"/link"))
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			write(t, root+"/a.go", "a")
			write(t, root+"/sub/c", "c")
			must(t, os.Symlink("a.go", root+"/link"))
			h := OpenHasher(filepath.Join(t.TempDir(), "index"))
			before := treeHash(t, h, root)
			change(t, root)
			if after := treeHash(t, h, root); after == before {
				t.Errorf("the tree's hash is the same after a change of %s", name)
			}
		})
	}
}

func TestTreeLeavesOutGitAndSluice(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root+"/a.go", "a")
	h := OpenHasher(filepath.Join(t.TempDir(), "index"))
	before := treeHash(t, h, root)
	write(t, root+"/.git/HEAD", "x")
	write(t, root+"/.sluice/runs/1/run.json", "x")
	if after := treeHash(t, h, root); after != before {
		t.Error("the tree's hash changed with .git or .sluice")
	}
}

func TestHasherRemembersAndIsNotFooled(t *testing.T) {
	t.Parallel()
	root, index := t.TempDir(), filepath.Join(t.TempDir(), "index")
	file := filepath.Join(root, "a")
	write(t, file, "one")
	h := OpenHasher(index)
	first := treeHash(t, h, root)
	// The file was hashed within the racy time, so the memory of it must not
	// be trusted even when nothing shows in its times.
	info, err := os.Stat(file)
	must(t, err)
	for path, s := range h.known {
		s.hash = checksum([]byte("wrong"))
		h.known[path] = s
	}
	if got := treeHash(t, h, root); got != first {
		t.Error("a hash from within the racy time was trusted")
	}
	// Long after the change, it is.
	for path, s := range h.known {
		s.hashed = info.ModTime().Add(time.Hour).UnixNano()
		s.hash = checksum([]byte("remembered"))
		h.known[path], h.dirty = s, true
	}
	remembered := treeHash(t, h, root)
	if remembered == first {
		t.Error("a settled file was read again")
	}
	must(t, h.Save())
	if got := treeHash(t, OpenHasher(index), root); got != remembered {
		t.Error("the index was not read back")
	}
	always := OpenHasher(index)
	always.AlwaysRead = true
	if got := treeHash(t, always, root); got != first {
		t.Error("AlwaysRead did not read the file")
	}
	damaged, err := os.ReadFile(index)
	must(t, err)
	damaged[len(damaged)/2] ^= 1
	must(t, os.WriteFile(index, damaged, 0o600))
	if got := treeHash(t, OpenHasher(index), root); got != first {
		t.Error("a damaged index was believed")
	}
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte{})
	f.Add(formatIndex(map[string]fileState{"/a b\n": {id: fileID{1, 2, 3, 4}, hash: checksum(nil), hashed: 5}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range [][]byte{data, append([]byte(checksum(data)+"\n"), data...)} {
			known, ok := parseIndex(d)
			if !ok {
				continue
			}
			again, ok := parseIndex(formatIndex(known))
			if !ok || !cmp.Equal(again, known, cmp.AllowUnexported(fileState{}, fileID{})) {
				t.Errorf("what was read does not survive writing: %v", known)
			}
		}
	})
}

type answer struct{ Text string }

func store(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.TempDir())
	must(t, err)
	return s
}

func put(t *testing.T, s *Store, key Key, a answer, files map[string]string) (Outputs, error) {
	t.Helper()
	w, err := s.Work()
	must(t, err)
	out := filepath.Join(w.Dir, "job")
	must(t, os.Mkdir(out, 0o700))
	for name, content := range files {
		write(t, filepath.Join(out, name), content)
	}
	sum, err := OutputsDigest(out)
	must(t, err)
	kept, err := s.Put(key, a, Outputs{out, sum})
	must(t, w.Close())
	return kept, err
}

func TestStoreGivesBackWhatWasPut(t *testing.T) {
	t.Parallel()
	s, key := store(t), NewKey("test").Key()
	if _, ok := s.Get(key, new(answer)); ok {
		t.Fatal("an empty store answered")
	}
	_, err := put(t, s, key, answer{"yes"}, map[string]string{"image/blob": "content"})
	must(t, err)
	var got answer
	out, ok := s.Get(key, &got)
	if !ok || got.Text != "yes" {
		t.Fatalf("got %v, %v", got, ok)
	}
	if b, err := os.ReadFile(out.Dir + "/image/blob"); err != nil || string(b) != "content" {
		t.Errorf("output: %q, %v", b, err)
	}
}

func TestDamagedEntryIsAMiss(t *testing.T) {
	t.Parallel()
	damage := map[string]func(dir string) error{
		"answer changed":   func(dir string) error { return os.WriteFile(dir+"/answer.json", []byte(`{"Text":"forged"}`), 0o600) },
		"output changed":   func(dir string) error { return os.WriteFile(dir+"/out/blob", []byte("forged"), 0o600) },
		"output gone":      func(dir string) error { return os.Remove(dir + "/out/blob") },
		"output added":     func(dir string) error { return os.WriteFile(dir+"/out/more", nil, 0o600) },
		"manifest gone":    func(dir string) error { return os.Remove(dir + "/manifest") },
		"manifest emptied": func(dir string) error { return os.Truncate(dir+"/manifest", 0) },
		"answer gone":      func(dir string) error { return os.Remove(dir + "/answer.json") },
		"output a link": func(dir string) error {
			_ = os.Remove(dir + "/out/blob")
			return os.Symlink("/etc/passwd", dir+"/out/blob")
		},
	}
	for name, f := range damage {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, key := store(t), NewKey("test").Key()
			_, err := put(t, s, key, answer{"yes"}, map[string]string{"blob": "content"})
			must(t, err)
			must(t, f(s.entry(key)))
			if _, ok := s.Get(key, new(answer)); ok {
				t.Error("a damaged entry was an answer")
			}
			if _, err := put(t, s, key, answer{"again"}, nil); err != nil {
				t.Errorf("a damaged entry is in the way: %v", err)
			}
			var got answer
			if _, ok := s.Get(key, &got); !ok || got.Text != "again" {
				t.Errorf("after the repair: %v %v", got, ok)
			}
		})
	}
}

// What is no plain file is refused by name, wherever it is, and whatever it
// leads to is not read.
func TestOnlyPlainFilesAreOutputs(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(path string) error{
		"symbolic link":    func(p string) error { return os.Symlink("/etc/passwd", p) },
		"dangling link":    func(p string) error { return os.Symlink("nowhere", p) },
		"link to a folder": func(p string) error { return os.Symlink("/etc", p) },
		"hard link": func(p string) error {
			return errors.Join(os.WriteFile(p+".outside", nil, 0o600), os.Link(p+".outside", p), os.Remove(p+".outside"), os.Link(p, filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(p))), "other")))
		},
		"pipe":   func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"socket": func(p string) error { return syscall.Mknod(p, syscall.S_IFSOCK|0o600, 0) },
		"set-uid": func(p string) error {
			return errors.Join(os.WriteFile(p, nil, 0o700), os.Chmod(p, 0o700|fs.ModeSetuid))
		},
		"set-gid": func(p string) error {
			return errors.Join(os.WriteFile(p, nil, 0o700), os.Chmod(p, 0o700|fs.ModeSetgid))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := store(t)
			w, err := s.Work()
			must(t, err)
			defer w.Close()
			out := filepath.Join(w.Dir, "job")
			must(t, os.MkdirAll(out+"/sub", 0o700))
			before, err := OutputsDigest(out)
			must(t, err)
			must(t, make(out+"/sub/odd"))
			for what, err := range map[string]error{
				"put":    second(s.Put(NewKey("test").Key(), answer{}, Outputs{out, before})),
				"digest": second(OutputsDigest(out)),
				"verify": Outputs{out, before}.Verify(),
				"open":   second(OpenOutput(out + "/sub/odd")),
			} {
				if err == nil || !strings.Contains(err.Error(), "sub/odd") {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

func TestChangedOutputsAreNotKept(t *testing.T) {
	t.Parallel()
	s := store(t)
	w, err := s.Work()
	must(t, err)
	defer w.Close()
	out := filepath.Join(w.Dir, "job")
	must(t, os.Mkdir(out, 0o700))
	write(t, out+"/blob", "content")
	sum, err := OutputsDigest(out)
	must(t, err)
	must(t, Outputs{out, sum}.Verify())
	write(t, out+"/blob", "another")
	key := NewKey("test").Key()
	if _, err := s.Put(key, answer{}, Outputs{out, sum}); err == nil || hint.Remedy(err) == "" {
		t.Errorf("error %v", err)
	}
	if _, ok := s.Get(key, new(answer)); ok {
		t.Error("it was kept")
	}
	if err := (Outputs{out, sum}).Verify(); err == nil {
		t.Error("it was not noticed")
	}
}

func TestWorkOfDeadProcessesIsCleared(t *testing.T) {
	t.Parallel()
	s := store(t)
	dead, err := s.Work()
	must(t, err)
	write(t, dead.Dir+"/half", "written")
	must(t, dead.lock.Close()) // as the end of the process does
	alive, err := s.Work()
	must(t, err)
	again, err := s.Work()
	must(t, err)
	if _, err := os.Stat(dead.Dir); !os.IsNotExist(err) {
		t.Error("the dead process's folder is still there")
	}
	for _, w := range []*Work{alive, again} {
		if _, err := os.Stat(w.Dir); err != nil {
			t.Errorf("a folder in use is gone: %v", err)
		}
	}
}

// What a killed process was removing is removed at once, and what another one is
// removing is left to it.
func TestClearStaleKnowsWhatIsBeingRemoved(t *testing.T) {
	t.Parallel()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(s.dir, "work", "drop-1")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	mine, err := s.aside()
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	s.ClearStale()
	if _, err := os.Stat(left); err == nil {
		t.Error("what was left behind is still there")
	}
	if _, err := os.Stat(mine.Name()); err != nil {
		t.Errorf("what is in use was removed: %v", err)
	}
}

func TestTrimKeepsWhatWasUsedLast(t *testing.T) {
	t.Parallel()
	s := store(t)
	var keys []Key
	for i := range 4 {
		k := NewKey(fmt.Sprint(i)).Key()
		keys = append(keys, k)
		_, err := put(t, s, k, answer{}, map[string]string{"f": string(make([]byte, 10_000))})
		must(t, err)
		old := time.Now().Add(time.Duration(i-10) * time.Hour)
		must(t, os.Chtimes(s.entry(k), old, old))
	}
	s.Get(keys[0], new(answer))
	must(t, s.Trim(25_000))
	for i, want := range []bool{true, false, false, true} {
		if _, ok := s.Get(keys[i], new(answer)); ok != want {
			t.Errorf("entry %d kept: %v, want %v", i, ok, want)
		}
	}
}

func TestKeyPartsDoNotRunTogether(t *testing.T) {
	t.Parallel()
	a, b := NewKey("k"), NewKey("k")
	a.Add("x", "yz")
	b.Add("xy", "z")
	if a.Key() == b.Key() {
		t.Error("different parts make the same key")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
