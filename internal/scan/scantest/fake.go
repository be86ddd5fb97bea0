package scantest

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// stand is the program that stands in front of a real tool: see the script.
//
//go:embed stand.sh
var stand string

// call is one of a tool's subcommands, the n-th time that it is called.
type call struct {
	tool, sub string
	n         int
	printed   int64 // bytes
}

// fake is a folder for PATH in which all tools are stand-ins.
type fake struct{ dir string }

// newFake makes stand-ins that all pass everything on to the real tools, but
// for one call and those of its kind after it, which end in a fault: a script.
func (s *suite) newFake(t *testing.T, at call, fault string) (fake, error) {
	f := fake{dir: t.TempDir()}
	for _, tool := range s.Tools {
		real, err := tool.real()
		if err != nil {
			return f, err
		}
		elsewhere := f.dir
		if tool.Elsewhere != nil {
			elsewhere = tool.Elsewhere(t)
		}
		script, sub := fault, at.sub
		if tool.Name != at.tool {
			script, sub = ":", ""
		}
		state := filepath.Join(f.dir, "state-"+tool.Name)
		if err := os.Mkdir(state, 0o700); err != nil {
			return f, err
		}
		text := strings.NewReplacer(
			"@REAL@", quote(real), "@PATH@", quote(os.Getenv("PATH")), "@STATE@", quote(state), "@ELSEWHERE@", quote(elsewhere),
			"@SUB@", quote(sub), "@FROM@", strconv.Itoa(at.n), "@HALF@", strconv.FormatInt(at.printed/2, 10),
		).Replace(strings.Replace(stand, "@FAULT@", script, 1))
		if err := writeProgram(filepath.Join(f.dir, tool.Name), text); err != nil {
			return f, err
		}
	}
	return f, nil
}

// writeProgram writes a script. No process may be forked meanwhile: it would
// have the file open for writing, and the system starts no such file.
func writeProgram(file, text string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(file, []byte(text), 0o700) // #nosec G306 -- it is a program
}

func (t Tool) real() (string, error) {
	if t.Path != "" {
		return t.Path, nil
	}
	return exec.LookPath(t.Name)
}

// quote writes a text so that the shell reads it as one word.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// callName is how the script names what it keeps of a call.
var callName = regexp.MustCompile(`^(.*)\.([0-9]+)$`)

// calls are those that were made, but for the subcommands that stay real.
func (s *suite) calls(f fake) (list []call, err error) {
	for _, tool := range s.Tools {
		state := filepath.Join(f.dir, "state-"+tool.Name)
		made, err := os.ReadDir(state)
		if err != nil {
			return nil, err
		}
		for _, e := range made {
			m := callName.FindStringSubmatch(e.Name())
			if m == nil || slices.Contains(tool.Stay, m[1]) {
				continue
			}
			c := call{tool: tool.Name, sub: m[1]}
			if c.n, err = strconv.Atoi(m[2]); err != nil {
				return nil, err
			}
			if info, err := os.Stat(filepath.Join(state, e.Name(), "printed")); err == nil {
				c.printed = info.Size()
			}
			list = append(list, c)
		}
	}
	return list, nil
}

// reached tells whether the fault came to be.
func (f fake) reached(tool string) bool {
	_, err := os.Stat(filepath.Join(f.dir, "state-"+tool, "reached"))
	return err == nil
}

// maxSaid is how much is shown of a call's arguments, bytes.
const maxSaid = 300

// said are the arguments of a call.
func (f fake) said(c call) string {
	text, _ := os.ReadFile(filepath.Join(f.dir, "state-"+c.tool, fmt.Sprintf("%s.%d", c.sub, c.n), "said")) // only to be shown
	return strings.TrimSpace(string(text[:min(len(text), maxSaid)]))
}

func (c call) String() string { return fmt.Sprintf("%s %s %d", c.tool, c.sub, c.n) }
