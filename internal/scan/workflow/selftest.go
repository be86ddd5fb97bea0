package workflow

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

// planted are workflows with a defect for each way in which rules are run.
//
//go:embed all:planted
var planted embed.FS

// wanted matches the rule that a planted line has a defect for.
var wanted = lazily(`want: ([a-z-]+)$`)

// selfTest looks at the planted files as at a repository's.
func selfTest(ctx context.Context) (test pipeline.SelfTest, err error) {
	files, err := fs.Sub(planted, "planted")
	if err != nil {
		return test, err
	}
	want, err := plantedRules(files)
	if err != nil {
		return test, err
	}
	dir, err := os.MkdirTemp("", "planted-")
	if err != nil {
		return test, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left goes with the process
	if err := os.CopyFS(dir, files); err != nil {
		return test, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return test, err
	}
	defer root.Close()
	seen, err := look(ctx, root)
	if err != nil {
		return test, err
	}
	test.Planted = want
	for _, f := range seen.findings {
		test.Caught = append(test.Caught, plantedName(f.Rule, f.Location.Path, f.Location.Line))
	}
	test.Caught = slices.DeleteFunc(test.Caught, func(name string) bool { return !slices.Contains(want, name) })
	return test, nil
}

// plantedRules are the defects that the files say they have.
func plantedRules(files fs.FS) (want []string, err error) {
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		for i, line := range strings.Split(string(text), "\n") {
			if m := wanted().FindStringSubmatch(line); m != nil {
				want = append(want, plantedName(m[1], name, i+1))
			}
		}
		return err
	})
	return want, err
}

func plantedName(rule, name string, line int) string {
	return fmt.Sprintf("%s (%s:%d)", rule, path.Base(name), line)
}
