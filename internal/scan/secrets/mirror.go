package secrets

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/gitrepo"
	"github.com/sluice-ci/sluice/internal/hint"
)

// mirror is an empty repository of our own that borrows another's objects. Its
// configuration, attributes, grafts, replacements and hooks are none, whatever
// the other says; and with no promise of a remote that holds the rest, an
// object that is missing is an error.
type mirror struct {
	git     string
	dir     string
	objects string // the other's
}

// newMirror makes a mirror in dir, which must not exist. format is the length
// of its objects' names.
func newMirror(r repository, dir string, idLength int) (mirror, error) {
	m := mirror{git: r.git, dir: dir, objects: filepath.Join(r.common, "objects")}
	for _, d := range []string{"objects/pack", "refs/heads"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return m, fmt.Errorf("making a mirror of the repository: %w", err)
		}
	}
	config := "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
	if idLength == 64 {
		config = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectFormat = sha256\n"
	}
	for name, text := range map[string]string{"config": config, "HEAD": "ref: refs/heads/none\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return m, fmt.Errorf("making a mirror of the repository: %w", err)
		}
	}
	return m, nil
}

// spec is a git command on the mirror.
func (m mirror) spec(stdin io.Reader, args ...string) command.Spec {
	s := gitrepo.Command(m.git, m.dir, args...)
	s.Env = append(s.Env, "GIT_DIR="+m.dir, "GIT_ALTERNATE_OBJECT_DIRECTORIES="+quote(m.objects))
	s.Stdin, s.MaxOutput = stdin, maxListing
	return s
}

func (m mirror) output(ctx context.Context, stdin string, args ...string) (string, error) {
	out, err := command.Output(ctx, m.spec(strings.NewReader(stdin), args...))
	return string(out), damaged(err)
}

// damaged adds the remedy for git's failing on objects.
func damaged(err error) error {
	return hint.With(err, "see what git fsck says about the repository, or clone it again with its whole history")
}

// quote writes a path so that git reads it as one in a list, whatever is in it.
func quote(path string) string {
	var b bytes.Buffer
	b.WriteByte('"')
	for i := range len(path) {
		if c := path[i]; c == '"' || c == '\\' || c < ' ' || c > '~' {
			fmt.Fprintf(&b, "\\%03o", c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// plant writes a commit of its own into the mirror that adds files, and returns
// its name. The repository is not touched.
func (m mirror) plant(ctx context.Context, plants []planted) (string, error) {
	var stream strings.Builder
	stream.WriteString("commit refs/heads/planted\nmark :1\ncommitter planted <planted> 0 +0000\ndata 0\n")
	for _, p := range plants {
		fmt.Fprintf(&stream, "M 100644 inline %s\ndata %d\n%s\n", p.path, len(p.text), p.text)
	}
	stream.WriteString("\nget-mark :1\n")
	out, err := m.output(ctx, stream.String(), "fast-import", "--quiet")
	id := strings.TrimSpace(out)
	if err == nil && !isObjectID(id) {
		err = fmt.Errorf("git fast-import answered %q", id)
	}
	if err != nil {
		return "", fmt.Errorf("planting the self-test's commit: %w", err)
	}
	return id, nil
}

// peel follows tags to the commits that they name.
func (m mirror) peel(ctx context.Context, tips []string) (commits []string, others int, err error) {
	out, err := m.output(ctx, strings.Join(tips, "^{}\n")+"^{}\n", "cat-file", "--batch-check=%(objectname) %(objecttype)")
	if err != nil {
		return nil, 0, fmt.Errorf("looking at references: %w", err)
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(tips) {
		return nil, 0, fmt.Errorf("looking at references: git answered %d times to %d questions", len(lines), len(tips))
	}
	for _, line := range lines {
		switch id, kind, _ := strings.Cut(line, " "); kind {
		case "commit":
			commits = append(commits, id)
		case "tree", "blob":
			others++
		default:
			return nil, 0, damaged(fmt.Errorf("looking at references: %s", line))
		}
	}
	return commits, others, nil
}
