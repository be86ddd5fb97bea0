package docs

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCommands: what the guide has people paste is what bash understands.
func TestCommands(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("guide/*.md")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d documents, %v", len(paths), err)
	}
	found := 0
	for _, path := range append(paths, "../deploy/gke/README.md") {
		n, err := commands(t, text(t, path))
		found += n
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if found == 0 {
		t.Error("no command was found")
	}
}

// commands counts the commands of a document, which begin with a dollar and go
// on until bash takes them for complete. What follows is what one sees.
func commands(t *testing.T, document string) (found int, err error) {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(document, -1) {
		command := ""
		for line := range strings.Lines(block[1]) {
			start, ok := strings.CutPrefix(line, "$ ")
			switch {
			case ok && command != "":
				return found, fmt.Errorf("no end of %s", command)
			case ok:
				command = start
			case command != "":
				command += line
			}
			if command != "" && complete(t, command) {
				command, found = "", found+1
			}
		}
		if command != "" {
			return found, fmt.Errorf("no end of %s", command)
		}
	}
	return found, nil
}

// complete tells whether bash would execute a command as it is. Of a text that
// ends in the middle it complains.
func complete(t *testing.T, command string) bool {
	t.Helper()
	if strings.HasSuffix(command, "\\\n") {
		return false
	}
	bash := exec.CommandContext(t.Context(), "bash", "-n")
	bash.Stdin = strings.NewReader(command)
	said, err := bash.CombinedOutput()
	return err == nil && len(said) == 0
}

// TestUnfinished sees that a command that is not whole is noticed.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]int{
		"$ echo a\na\n": 1, "$ echo a \\\n    b\na b\n$ true\n": 2, "$ cat <<END\na\nEND\na\n": 1, "$ echo 'a\n": -1, "$ for a in b; do\n$ true\n": -1,
	} {
		n, err := commands(t, "```console\n"+command+"```\n")
		if err != nil {
			n = -1
		}
		if n != want {
			t.Errorf("%q: %d commands, %v: want %d", command, n, err, want)
		}
	}
}
