package release

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/attest"
	"github.com/sluice-ci/sluice/internal/handover"
)

var origin = Origin{Builder: "https://example.com/builder", Source: "git+https://example.com/todo", Sluice: "v1"}

// publish releases what two runs handed over, at a time.
func publish(t *testing.T, s Store, at time.Time, change func(tested, built *run, r *Rules)) (Release, bool) {
	t.Helper()
	tested, built, r := tests(), builds(), rules()
	r.Now = at
	if change != nil {
		change(tested, built, &r)
	}
	a, err := r.Judge([]*handover.Folder{tested.open(t), built.open(t)})
	must(t, err)
	rel, fresh, err := s.Publish(r, a, origin, map[string][]byte{"more/text": []byte("more\n")})
	must(t, err)
	return rel, fresh
}

func TestPublish(t *testing.T) {
	t.Parallel()
	s := Store{filepath.Join(t.TempDir(), "releases")}
	rel, fresh := publish(t, s, now, nil)
	if !fresh {
		t.Error("the first release is not a new one")
	}
	var names []string
	for _, f := range rel.Files {
		names = append(names, f.Path)
	}
	want := []string{"evidence/gate-build.json", "evidence/gate-licences.json", "evidence/gate-lint.json", "evidence/gate-modules.json", "evidence/gate-test.json",
		"evidence/provenance.json", "evidence/test-result.json", "handovers/1/handover.json", "handovers/1/verdict.json", "handovers/2/handover.json", "handovers/2/verdict.json", "more/text"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	text, err := os.ReadFile(filepath.Join(s.folder(rel.ID), "evidence", "test-result.json"))
	must(t, err)
	if err := attest.Check(text, attest.TestResultType, rel.Image); err != nil || !strings.Contains(string(text), `"gitCommit": "`+commit) {
		t.Errorf("%v\n%s", err, text)
	}
	before := tree(t, s.Dir)
	again, fresh := publish(t, s, now.Add(time.Hour), nil)
	if diff := cmp.Diff(rel, again); diff != "" || fresh {
		t.Errorf("released again: %v\n%s", fresh, diff)
	}
	if diff := cmp.Diff(before, tree(t, s.Dir)); diff != "" {
		t.Errorf("the same release again changed:\n%s", diff)
	}
}

// tree is every file of a folder with its time and its text.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		must(t, err)
		text, err := os.ReadFile(name)
		files[name] = info.ModTime().String() + string(text)
		return err
	}))
	return files
}

// TestKilledRelease leaves what a release has written that was killed: all of
// it but the name.
func TestKilledRelease(t *testing.T) {
	t.Parallel()
	s := Store{filepath.Join(t.TempDir(), "releases")}
	rel, _ := publish(t, s, now, nil)
	half := filepath.Join(s.releases(), "."+rel.ID+".123")
	must(t, os.Rename(s.folder(rel.ID), half))
	if last, skipped, err := LastVerified(s.Dir, "todo", ""); last != nil || len(skipped) != 0 || err != nil {
		t.Errorf("%v %v %v", last, skipped, err)
	}
	must(t, os.Chtimes(half, now, now.AddDate(0, 0, -2)))
	if _, fresh := publish(t, s, now, nil); !fresh {
		t.Error("it was not released anew")
	}
	if _, err := os.Stat(half); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what the killed one left is still there: %v", err)
	}
}

func TestLastVerified(t *testing.T) {
	t.Parallel()
	s := Store{filepath.Join(t.TempDir(), "releases")}
	if last, _, err := LastVerified(s.Dir, "todo", ""); last != nil || err != nil {
		t.Errorf("%v %v, in a folder that is not there", last, err)
	}
	first, _ := publish(t, s, now, nil)
	second, _ := publish(t, s, now.Add(time.Hour), func(_, b *run, _ *Rules) { b.label = "second" })
	if last, skipped, err := LastVerified(s.Dir, "todo", ""); err != nil || len(skipped) > 0 || last.ID != second.ID {
		t.Errorf("%v %v %v", last, skipped, err)
	}
	if last, _, err := LastVerified(s.Dir, "other", ""); last != nil || err != nil {
		t.Errorf("%v %v of another service", last, err)
	}
	if last, _, err := LastVerified(s.Dir, "todo", commit); last != nil || err != nil {
		t.Errorf("%v %v, but for those of the commit", last, err)
	}
	must(t, os.Remove(filepath.Join(s.folder(second.ID), Name)))
	if last, skipped, err := LastVerified(s.Dir, "todo", ""); err != nil || len(skipped) != 1 || last.ID != first.ID || !strings.Contains(skipped[0].Error(), second.ID) {
		t.Errorf("%v %v %v", last, skipped, err)
	}
}

// TestOrder sees that releases are given by when they were made.
func TestOrder(t *testing.T) {
	t.Parallel()
	s := Store{t.TempDir()}
	var want, got []string
	for i, label := range []string{"a", "b", "c", "d", "e"} {
		r, _ := publish(t, s, now.Add(time.Duration(i)*time.Hour), func(_, b *run, _ *Rules) { b.label = label })
		want = append([]string{r.ID}, want...)
	}
	for r, err := range s.Releases("todo") {
		must(t, err)
		got = append(got, r.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tamper func(dir string) error // with releases/ID as "id", the image as "image"
		want   string
	}{
		"evidence that was changed": {func(d string) error { return edit(filepath.Join(d, "id/evidence/gate-lint.json"), "PASSED", "FAILED") }, "gate-lint.json was changed"},
		"evidence that is missing":  {func(d string) error { return os.Remove(filepath.Join(d, "id/evidence/gate-lint.json")) }, "gate-lint.json is missing"},
		"evidence that was added":   {func(d string) error { return os.WriteFile(filepath.Join(d, "id/evidence/x"), nil, 0o644) }, "evidence/x is there"},
		"a record of another commit": {func(d string) error {
			return edit(filepath.Join(d, "id", Name), commit, strings.Repeat("e", 40))
		}, "is not of the release"},
		"a layer that was changed": {func(d string) error {
			blobs, err := filepath.Glob(filepath.Join(d, "image/blobs/sha256/*"))
			for _, blob := range blobs {
				if info, failed := os.Stat(blob); failed == nil && info.Size() == 1024 {
					err = errors.Join(err, os.WriteFile(blob, append(make([]byte, 1023), 1), 0o644))
				}
			}
			return err
		}, "reading image"},
		"a gate without evidence": {func(d string) error {
			text, err := os.ReadFile(filepath.Join(d, "id", Name))
			var r Release
			err = errors.Join(err, json.Unmarshal(text, &r), os.Remove(filepath.Join(d, "id/evidence/gate-lint.json")))
			r.Files = slices.DeleteFunc(r.Files, func(f handover.File) bool { return f.Path == "evidence/gate-lint.json" })
			text, failed := json.Marshal(r)
			return errors.Join(err, failed, os.WriteFile(filepath.Join(d, "id", Name), text, 0o644))
		}, "gate-lint.json"},
		"no image": {func(d string) error { return os.RemoveAll(filepath.Join(d, "image")) }, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := Store{t.TempDir()}
			rel, _ := publish(t, s, now, nil)
			image, err := s.imageDir(rel.Image)
			must(t, err)
			links := t.TempDir()
			must(t, errors.Join(os.Symlink(s.folder(rel.ID), filepath.Join(links, "id")), os.Symlink(image, filepath.Join(links, "image"))))
			if name == "no image" {
				links = filepath.Join(s.images(), "..")
				must(t, os.Rename(image, filepath.Join(links, "image")))
			}
			must(t, test.tamper(links))
			if _, err := s.verify(rel.ID); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
			if last, skipped, err := LastVerified(s.Dir, "todo", ""); last != nil || len(skipped) != 1 || err != nil {
				t.Errorf("%v %v %v", last, skipped, err)
			}
		})
	}
}

// TestDamagedImage sees that a release puts the image back that it needs.
func TestDamagedImage(t *testing.T) {
	t.Parallel()
	s := Store{t.TempDir()}
	rel, _ := publish(t, s, now, nil)
	image, err := s.imageDir(rel.Image)
	must(t, err)
	must(t, errors.Join(os.RemoveAll(s.folder(rel.ID)), os.Remove(filepath.Join(image, "index.json"))))
	if _, fresh := publish(t, s, now, nil); !fresh {
		t.Error("nothing was released")
	}
}

func edit(file, old, text string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(strings.Replace(string(data), old, text, 1)), 0o644)
}
