//go:build tutorial

package docs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTutorial executes the tutorials, and holds what is printed to what they show.
func TestTutorial(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(bin, "sluice"), "./cmd/sluice")
	build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building sluice: %v\n%s", err, out)
	}
	paths, err := filepath.Glob("tutorial*.md")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d tutorials, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			walk := newWalk(t, bin)
			for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(text(t, path), -1) {
				for _, s := range steps(block[1]) {
					if said := walk.do(t, s.command); !s.shows(said) {
						t.Fatalf("$ %s\nprinted:\n%s\nwhere the tutorial shows:\n%s", s.command, said, s.shown)
					}
				}
			}
		})
	}
}

// step is a command of a tutorial, and what it shows of its output.
type step struct{ command, shown string }

// steps are the commands of a block. A here-document goes to its end.
func steps(block string) (all []step) {
	end := ""
	for line := range strings.Lines(block) {
		last := len(all) - 1
		switch command, ok := strings.CutPrefix(line, "$ "); {
		case end != "":
			all[last].command += line
			if strings.TrimSuffix(line, "\n") == end {
				end = ""
			}
		case ok:
			all = append(all, step{command: command})
			if strings.Contains(command, "<<'END'") {
				end = "END"
			}
		default:
			all[last].shown += line
		}
	}
	return all
}

// shows tells whether an output is what the tutorial says: "..." is any lines,
// "…" anything in a line, and blanks count as one.
func (s step) shows(said string) bool {
	pattern := regexp.QuoteMeta(s.shown)
	pattern = regexp.MustCompile(`(?m)^\\\.\\\.\\\.\n`).ReplaceAllString(pattern, "(?:.*\n)*?")
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	pattern = regexp.MustCompile(` {2,}`).ReplaceAllString(pattern, " +")
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(said)
}

// walk is a shell in which a tutorial goes on from command to command.
type walk struct {
	dir, state string // where it is, and the file that says so
	env        []string
}

func newWalk(t *testing.T, bin string) *walk {
	home, repository := t.TempDir(), filepath.Join(t.TempDir(), "sluice")
	if err := os.Chmod(filepath.Dir(home), 0o755); err != nil { // the service runs as the user of its image
		t.Fatal(err)
	}
	if out, err := exec.Command("git", "clone", "--quiet", "..", repository).CombinedOutput(); err != nil {
		t.Fatalf("cloning: %v\n%s", err, out)
	}
	cache := filepath.Join(home, "cache")
	kept, err := os.UserCacheDir() // what "sluice tools install" has installed takes long to make
	if err == nil {
		err = errors.Join(os.Mkdir(cache, 0o700), os.Symlink(filepath.Join(kept, "sluice", "tools"), filepath.Join(cache, "tools")))
	}
	if err != nil {
		t.Fatal(err)
	}
	w := &walk{dir: repository, state: filepath.Join(home, "at")}
	w.env = append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"), "WALK="+home, "CI=", "SLUICE_CACHE="+cache, "XDG_STATE_HOME="+filepath.Join(home, "state"),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=walker", "GIT_AUTHOR_EMAIL=walker@example.com", "GIT_COMMITTER_NAME=walker", "GIT_COMMITTER_EMAIL=walker@example.com")
	t.Cleanup(func() { w.do(t, "sluice down") })
	return w
}

// do runs a command and returns all that it prints. What it ended with is for the
// tutorial to show.
func (w *walk) do(t *testing.T, command string) string {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command("bash", "-c", fmt.Sprintf("trap 'pwd > %q' EXIT\n%s", w.state, command))
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, w.env, &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("$ %s\n%v\n%s", command, err, out.String())
	}
	at, err := os.ReadFile(w.state)
	if err != nil {
		t.Fatal(err)
	}
	w.dir = strings.TrimSpace(string(at))
	return out.String()
}
