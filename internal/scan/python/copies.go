package python

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// What is planted among the copies. The comments in it switch nothing off where
// the tools are set right.
var (
	//go:embed planted/defects.py.txt
	plantedDefects []byte
	//go:embed planted/broken.py.txt
	plantedBroken []byte
)

// The names of what is planted. Tools tell of files in the order of their names,
// so the last of it is the end of what they have to say.
const (
	brokenAlias  = "code/y.py"
	defectsAlias = "code/z.py"
)

// copies are the Python files of a service, in a folder of their own.
type copies struct {
	dir   string
	names []string          // of the service's files, relative to its folder
	of    map[string]string // the name of a file by its alias
	nul   []string          // aliases of the files that have a byte 0, which no tool is given: Flake8 would crash
	notes []string
}

// copySources copies the files, and plants the defects.
func copySources(ctx context.Context, t pipeline.Task, e environments) (c *copies, err error) {
	root, err := os.OpenRoot(t.Dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	names, left, err := list(ctx, root, e)
	if err != nil {
		return nil, err
	}
	c = &copies{names: names, of: map[string]string{}, notes: leftNote(left)}
	if c.dir, err = os.MkdirTemp(cmp.Or(t.Scratch, os.TempDir()), "python-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.remove())
		}
	}()
	if err := c.plant(); err != nil {
		return nil, err
	}
	return c, c.fill(ctx, root)
}

func (c *copies) plant() error {
	return errors.Join(c.write(brokenAlias, plantedBroken), c.write(defectsAlias, plantedDefects))
}

func (c *copies) fill(ctx context.Context, root *os.Root) error {
	size := 0
	for i, name := range c.names {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		text, err := read(root, name)
		if err != nil {
			return err
		}
		if size += len(text); size > maxAll {
			return fmt.Errorf("the Python files are larger than %d MiB together", maxAll>>20)
		}
		a := alias(i, name)
		c.of[a] = name
		if bytes.IndexByte(text, 0) >= 0 {
			c.nul = append(c.nul, a)
			continue
		}
		if err := c.write(a, text); err != nil {
			return err
		}
	}
	return nil
}

func (c *copies) write(alias string, text []byte) error {
	file := filepath.Join(c.dir, filepath.FromSlash(alias))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// text is the content of a copy.
func (c *copies) text(alias string) ([]byte, error) {
	return os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(alias)))
}

// lines are those of a copy, as Python counts them.
func (c *copies) lines(alias string) []string {
	text, err := c.text(alias)
	if err != nil {
		return nil // its findings then go without a line's text
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	return strings.Split(string(bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))), "\n")
}

func (c *copies) remove() error { return atomicfile.RemoveAll(c.dir) }

// names of files by their aliases.
func (c *copies) real(aliases []string) (names []string) {
	for _, a := range aliases {
		if name, ok := c.of[a]; ok {
			names = append(names, name)
		}
	}
	return names
}

// environment is that of a tool: nothing of the user's.
func (c *copies) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir, "TMPDIR=" + os.TempDir(), "LANG=C.UTF-8",
		"PYTHONDONTWRITEBYTECODE=1", "PYTHONNOUSERSITE=1", "PYTHONHASHSEED=0", "PYTHONUTF8=1", "PYTHONIOENCODING=utf-8:backslashreplace",
	}
}
