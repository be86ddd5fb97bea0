package workflow

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/sluice-ci/sluice/internal/hint"
)

const (
	flowsDir = ".github/workflows"

	maxFile    = 512 << 10 // bytes of a workflow; GitHub's own limit is below it
	maxFiles   = 1000      // workflows and actions of a repository
	maxEntries = 20_000    // files and folders below .github
)

// list names the workflows and, below .github, the actions of a repository,
// sorted, with slashes. GitHub takes workflows from one folder, not from those
// in it.
func list(root *os.Root) ([]string, error) {
	entries, err := fs.ReadDir(root.FS(), flowsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, hint.With(fmt.Errorf("listing workflows: %w", err), "make "+flowsDir+" a readable folder of the repository")
	}
	var names []string
	for _, e := range entries {
		if isYAML(e.Name()) && !e.IsDir() {
			names = append(names, path.Join(flowsDir, e.Name()))
		}
	}
	actions, err := actionsBelow(root)
	if err != nil {
		return nil, hint.With(fmt.Errorf("listing actions: %w", err), "make .github a readable folder of the repository")
	}
	if names = append(names, actions...); len(names) > maxFiles {
		return nil, fmt.Errorf("the repository has %d workflows and actions; %d can be examined", len(names), maxFiles)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// actionsBelow finds action.yml in all folders below .github.
func actionsBelow(root *os.Root) (names []string, err error) {
	entries := 0
	err = fs.WalkDir(root.FS(), ".github", func(name string, d fs.DirEntry, err error) error {
		if entries++; entries > maxEntries {
			return fmt.Errorf("there are more than %d files", maxEntries)
		}
		if err == nil && isAction(name) && !d.IsDir() {
			names = append(names, name)
		}
		if name == ".github" && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return names, err
}

func isYAML(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yml" || ext == ".yaml"
}

func isAction(name string) bool {
	base := path.Base(name)
	return base == "action.yml" || base == "action.yaml"
}

// actionIn is the file of the action in a folder of the repository; "" when
// there is none: a step may make it, or check it out.
func actionIn(root *os.Root, folder string) string {
	for _, base := range []string{"action.yml", "action.yaml"} {
		name := path.Join(folder, base)
		if _, err := root.Lstat(filepath.FromSlash(name)); err == nil {
			return name
		}
	}
	return ""
}

// read returns a file's text. A symbolic link is followed within the repository.
func read(root *os.Root, name string) ([]byte, error) {
	// Without O_NONBLOCK a pipe would be waited for.
	f, err := root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", cause(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no file")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it is larger than %d KiB", maxFile>>10)
	}
	return text, err
}

// cause is an error without the name of the file, which is told beside it.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
