package workflow

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzDocument holds that no file makes examining it end otherwise than by an
// error, and that findings are in the file.
func FuzzDocument(f *testing.F) {
	for _, pattern := range []string{"testdata/rules/*.yml", "planted/.github/*/*.yml", "planted/.github/actions/*/action.yml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text, filepath.Base(file) == "action.yml")
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, action bool) {
		name := ".github/workflows/ci.yml"
		if action {
			name = ".github/actions/a/action.yml"
		}
		d, err := parse(name, text)
		if err != nil {
			return
		}
		c := &checker{document: d}
		if err := c.run(); err != nil {
			return
		}
		for _, found := range c.findings {
			if found.Rule == "" || found.Severity == 0 || found.Location.Line < 1 || found.Location.Line > len(d.lines)+1 {
				t.Errorf("got %+v in %d lines", found, len(d.lines))
			}
		}
	})
}

// FuzzCommands holds that any text is taken apart, with places in it.
func FuzzCommands(f *testing.F) {
	for _, script := range []string{"a b | c || d", "\"a $(b \"c\")\" # d", "a <<END\nb\nEND\nc", "${{ a }} 'b", "a \\\n b", "$(", "<<", "sudo -E env A=b c"} {
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script string) {
		for _, c := range commands(script) {
			if c.offset < 0 || c.offset > len(script) {
				t.Errorf("got %+v in %d bytes", c, len(script))
			}
		}
	})
}
