package gotest

import (
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
	for _, dir := range []string{home, r.kept()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("making a folder for the tests: %w", err)
		}
	}
	w, _ := gomod.Find(r.Dir)
	r.settings = testexec.Settings{
		Write: []string{tmp}, Kept: r.kept(), Sources: w.Trees(), Facts: fmt.Sprint(r.facts()),
		Env: map[string]string{"TMPDIR": tmp, "HOME": home, "GOCACHE": filepath.Join(home, ".cache", "go-build"), "GOTMPDIR": ""},
	}
	return nil
}

// environ is the go command's environment.
func (r *runner) environ() ([]string, error) {
	text, err := json.Marshal(r.settings)
	return append(slices.Clone(r.env), testexec.Variable+"="+string(text)), err
}

// kept is the folder of what passing test programs said.
func (r *runner) kept() string { return filepath.Join(r.Cache, "kept") }

// forget removes what was not asked for in a long time. What cannot be removed is
// in nobody's way.
func (r *runner) forget() {
	entries, _ := os.ReadDir(r.kept())
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > keptFor {
			_ = os.Remove(filepath.Join(r.kept(), e.Name()))
		}
	}
}
