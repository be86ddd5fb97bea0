package gotest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/gomod"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/scan/gotest/testexec"
)

// keptFor is how long the results of a test program are kept that nobody asks for.
const keptFor = 30 * 24 * time.Hour

// confine has test programs started by testexec: they write to their temporary
// folder only, have a home folder and a build cache of their own there, and are
// not run again when nothing that they see has changed.
func (r *runner) confine(tmp string) error {
	r.forget()
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	if strings.ContainsAny(exe, `'"`) {
		return hint.With(fmt.Errorf("the go command cannot start %s: there is a quotation mark in its path", exe), "move sluice to another folder")
	}
	r.exec = "'" + exe + "' " + testexec.Name
	home := filepath.Join(tmp, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return fmt.Errorf("making a home folder for the tests: %w", err)
	}
	w, _ := gomod.Find(r.Dir)
	r.settings = testexec.Settings{
		Write: []string{tmp}, Kept: r.Cache, Keep: cmp.Or(r.Keep, r.Cache), Sources: w.Trees(), Facts: fmt.Sprint(r.facts()),
		Env: map[string]string{"TMPDIR": tmp, "HOME": home, "GOCACHE": filepath.Join(home, ".cache", "go-build"), "GOTMPDIR": "", "GOFLAGS": "-buildvcs=false"}, // .git is not there
	}
	return nil
}

// environ is the go command's environment.
func (r *runner) environ() ([]string, error) {
	text, err := json.Marshal(r.settings)
	return append(slices.Clone(r.env), testexec.Variable+"="+string(text)), err
}

// forget removes what was not asked for in a long time. What cannot be removed is
// in nobody's way.
func (r *runner) forget() {
	kept, _ := filepath.Glob(filepath.Join(r.Cache, testexec.Prefix+"*")) // of a pattern that is well formed
	for _, path := range kept {
		if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > keptFor {
			_ = os.Remove(path)
		}
	}
}
