package gotest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/gomod"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan/gotest/testexec"
)

// keptFor is how long the results of a test program are kept that nobody asks for.
const keptFor = 30 * 24 * time.Hour

// confine has test programs started by testexec: they write to their temporary
// folder only, have a home folder and a build cache of their own there, and are
// not run again when nothing that they see has changed.
func (r *runner) confine(tmp string) error {
	r.forget()
	exe := r.Program
	if strings.ContainsAny(exe, `'"`) {
		return hint.With(fmt.Errorf("the go command cannot start %s: there is a quotation mark in its path", exe), "move sluice to another folder")
	}
	r.exec = "'" + exe + "' " + testexec.Name
	home := filepath.Join(tmp, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return fmt.Errorf("making a home folder for the tests: %w", err)
	}
	w, _ := gomod.Find(r.Dir)
	kept := r.Cache
	if r.Fresh {
		kept = ""
	}
	others, err := digestOthers(w.Trees())
	if err != nil {
		return err
	}
	r.settings = testexec.Settings{
		Write: []string{tmp}, Kept: kept, Keep: cmp.Or(r.Keep, r.Cache), Sources: w.Trees(), Facts: fmt.Sprint(r.facts(), others),
		Env: map[string]string{"TMPDIR": tmp, "HOME": home, "GOCACHE": filepath.Join(home, ".cache", "go-build"), "GOTMPDIR": "", "GOFLAGS": "-buildvcs=false"}, // .git is not there
	}
	return nil
}

// environ is the go command's environment.
func (r *runner) environ() []string {
	return append(slices.Clone(r.env), testexec.Variable+"="+r.settings.Encode())
}

// largeFile is the size from which on a file is told by its size and time, bytes.
const largeFile = 1 << 20

// digestOthers is of all files that are not Go's. Programs that a test starts, and
// libraries that it is linked with, read them without package testing's knowledge.
func digestOthers(trees []string) (string, error) {
	h := sha256.New()
	names := 0
	for _, tree := range trees {
		err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case d.IsDir() && slices.Contains([]string{".git", pipeline.StateDir}, d.Name()):
				return fs.SkipDir
			case d.IsDir() || strings.HasSuffix(path, ".go"):
				return nil
			}
			if names++; names > maxNames {
				return fmt.Errorf("there are more than %d files", maxNames)
			}
			return addOther(h, path, d)
		})
		if err != nil {
			return "", fmt.Errorf("looking at the files that tests may read: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func addOther(h io.Writer, path string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	fmt.Fprintf(h, "%q %v %d", path, info.Mode(), info.Size())
	if !info.Mode().IsRegular() || info.Size() > largeFile {
		_, err := fmt.Fprintf(h, " %d", info.ModTime().UnixNano())
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(h, " %x", sha256.Sum256(text))
	return err
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
