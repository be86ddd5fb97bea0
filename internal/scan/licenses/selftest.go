package licenses

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/spdx"
)

// planted are the texts of modules' licences, by what is to be seen in each. Their
// names are not those of licences, lest they be found in Sluice's own source.
//
//go:embed planted/*.txt
var planted embed.FS

// selfTest reads planted texts as those of modules are read, and judges them by the
// terms of the run. A licence that these allow is judged as if they did not name it:
// the text must then be a finding.
func selfTest(t terms) (_ pipeline.SelfTest, err error) {
	var s pipeline.SelfTest
	scratch, err := os.MkdirTemp("", "sluice-planted-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	names, err := fs.Glob(planted, "planted/*")
	if err != nil {
		return s, err
	}
	for _, name := range names {
		id := strings.TrimSuffix(path.Base(name), ".txt")
		dir := filepath.Join(scratch, id)
		text, err := planted.ReadFile(name)
		if err = errors.Join(err, os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "LICENSE"), text, 0o600)); err != nil {
			return s, fmt.Errorf("planting: %w", err)
		}
		k, err := read(part{name: id + "@v1.0.0", folders: []string{dir}, chain: []string{"planted", id}}, &memo{})
		if err != nil {
			return s, err
		}
		s.Planted = append(s.Planted, id)
		if t.catches(k, id) {
			s.Caught = append(s.Caught, id)
		}
	}
	return s, nil
}

// catches tells whether a planted text was seen for what it is, and is told: a denied
// licence as that, an unknown text as that, and MIT's if it is not to be shipped.
func (t terms) catches(k known, id string) bool {
	want := ruleDenied + "/" + id
	switch id {
	case "unknown":
		want = ruleUnknown
	case "MIT": // it is let through, unless the terms say otherwise
		t.deny = append(slices.Clone(t.deny), spdx.Of(spdx.Term{ID: id}))
	default:
		t.allow = slices.DeleteFunc(slices.Clone(t.allow), func(e spdx.Expression) bool {
			return slices.ContainsFunc(k.license, func(set []spdx.Term) bool {
				return slices.ContainsFunc(set, func(term spdx.Term) bool { return e.Covers(term, set) })
			})
		})
	}
	f, ok := t.finding(k)
	return ok && f.Rule == want
}
