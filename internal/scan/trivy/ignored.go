package trivy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/gitrepo"
)

// ignorer tells which of the files below a folder are not part of the repository.
type ignorer func(ctx context.Context, top string, names []string) (map[string]bool, error)

// nothingIgnored is for a folder that is no git work tree.
func nothingIgnored(context.Context, string, []string) (map[string]bool, error) { return nil, nil }

// maxIgnored bounds what git may say of the files, bytes.
const maxIgnored = 256 << 20

// ignoredByGit asks git which of the files .gitignore keeps out of the
// repository; those that are tracked all the same are part of it. git has to
// answer for every file: its silence would be taken for "not ignored", and
// more would be examined, but an answer that is not whole is no answer.
func ignoredByGit(ctx context.Context, top string, names []string) (map[string]bool, error) {
	if len(names) == 0 {
		return nil, nil
	}
	r, err := gitrepo.Open(top)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	// check-ignore does not take names literally; "./" keeps ":" from being magic.
	s := gitrepo.Command(r.Git, top, "--no-literal-pathspecs", "check-ignore", "-z", "--stdin", "--verbose", "--non-matching")
	s.Env = append(s.Env, "GIT_DIR="+r.Dir, "GIT_WORK_TREE="+top)
	s.Stdin, s.Stdout, s.MaxOutput = strings.NewReader("./"+strings.Join(names, "\x00./")+"\x00"), &out, maxIgnored
	err = command.Run(ctx, s)
	var exit *command.ExitError
	none := errors.As(err, &exit) && exit.Code == 1
	if err != nil && !none {
		return nil, fmt.Errorf("asking git which files it ignores: %w", err)
	}
	ignored, err := parseIgnored(out.String(), names)
	if err == nil && none != (len(ignored) == 0) {
		err = errors.New("asking git which files it ignores: its exit status is not what it said")
	}
	return ignored, err
}

// parseIgnored reads git's answer: source, line, pattern and file for each file
// that was asked for, in order (git-check-ignore(1)). A pattern that begins with
// "!" takes the file in again.
func parseIgnored(text string, names []string) (map[string]bool, error) {
	fields := strings.Split(strings.TrimSuffix(text, "\x00"), "\x00")
	if len(fields) != 4*len(names) {
		return nil, fmt.Errorf("asking git which files it ignores: it was asked for %d, and answered for %d", len(names), len(fields)/4)
	}
	ignored := map[string]bool{}
	for i, name := range names {
		f := fields[4*i : 4*i+4]
		if f[3] != "./"+name {
			return nil, fmt.Errorf("asking git which files it ignores: it answered for %.200q in place of %.200q", f[3], name)
		}
		if f[0] != "" && !strings.HasPrefix(f[2], "!") {
			ignored[name] = true
		}
	}
	return ignored, nil
}

// trackedInner asks git which files of the repository are in folders that are
// named terraformFolder.
func trackedInner(ctx context.Context, top string) ([]string, error) {
	r, err := gitrepo.Open(top)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	s := gitrepo.Command(r.Git, top, "ls-files", "-z", "--cached", "--full-name")
	s.Env = append(s.Env, "GIT_DIR="+r.Dir, "GIT_WORK_TREE="+top)
	s.Stdout, s.MaxOutput = &out, maxIgnored
	if err := command.Run(ctx, s); err != nil {
		return nil, fmt.Errorf("asking git which files it has: %w", err)
	}
	return inner(strings.Split(out.String(), "\x00")), nil
}

// inner are those of some files that are a terraformFolder, or in one.
func inner(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(strings.Split(name, "/"), terraformFolder) })
}
