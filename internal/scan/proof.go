package scan

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/cache"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// Proofs are the self-tests that a scanner has passed, kept in a folder.
type Proofs struct {
	// Dir is the folder, that of the job's cache: pipeline.Task.Cache.
	Dir string
}

// Once runs a self-test, or gives the result of one that was passed before with
// the same facts: all that could blind the scanner, by name (the program, its
// rules, its settings, its data). A self-test that finds less than was planted
// is given and not kept; its error is why it could not be done.
func (p Proofs) Once(facts map[string]string, test func() (pipeline.SelfTest, error)) (pipeline.SelfTest, error) {
	key := cache.NewKey("self-test")
	key.AddMap("facts", facts)
	file := filepath.Join(p.Dir, "selftest-"+string(key.Key())+".json")
	var t pipeline.SelfTest
	text, err := os.ReadFile(file)
	if err == nil && json.Unmarshal(text, &t) == nil && t.Passed() {
		return t, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return t, fmt.Errorf("reading an earlier self-test: %w", err)
	}
	if t, err = test(); err != nil || !t.Passed() {
		return t, err
	}
	if text, err = json.Marshal(t); err != nil {
		return t, err
	}
	return t, atomicfile.Write(file, text, 0o600)
}

// maxUnseen is how many names an incomplete census gives.
const maxUnseen = 5

// Census compares by name what a scanner says that it examined with what Sluice
// counted. Anything left out is an error, and so is anything that nobody asked
// for: the report is then about something else.
func Census(what string, counted, examined []string) (pipeline.Count, error) {
	counted, examined = distinct(counted), distinct(examined)
	unseen, strange := without(counted, examined), without(examined, counted)
	c := pipeline.Count{What: what, N: len(counted) - len(unseen), Of: len(counted)}
	switch {
	case len(unseen) > 0:
		return c, hint.With(fmt.Errorf("it examined %d of %d %s; not %s", c.N, c.Of, what, some(unseen)), "see the stage's log")
	case len(strange) > 0:
		return c, hint.With(fmt.Errorf("it examined %s that it was not asked about: %s", what, some(strange)), "see the stage's log")
	}
	return c, nil
}

func distinct(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

// without are the names of a sorted list that are not in another.
func without(names, others []string) (left []string) {
	for _, name := range names {
		if _, ok := slices.BinarySearch(others, name); !ok {
			left = append(left, name)
		}
	}
	return left
}

func some(names []string) string {
	if len(names) > maxUnseen {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxUnseen], ", "), len(names)-maxUnseen)
	}
	return strings.Join(names, ", ")
}
