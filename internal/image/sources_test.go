package image

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSources(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files map[string]string
		want  []string // relative to the root
	}{
		{"a module", hello(), []string{"svc"}},
		{"replacements", with(hello(), "svc/go.mod", "module m\n\nreplace (\n\tx.org/a => ../a\n\tx.org/b => ./b\n\tx.org/c => x.org/d v1.0.0\n)\n"), []string{"svc", "a", "svc/b"}},
		{"a workspace", with(hello(), "go.work", "go 1.24\n\nuse (\n\t./svc\n\t./lib\n)\n\nreplace x.org/x => ./x\n", "lib/go.mod", "module lib\n\nreplace x.org/y => ../y\n"),
			[]string{"svc", "go.work", "go.work.sum", "vendor", "svc", "lib", "x", "y"}},
		{"a workspace of the service's own", with(hello(), "go.work", "go 1.24\n", "svc/go.work", "go 1.24\n\nuse .\n"), []string{"svc", "svc/go.work", "svc/go.work.sum", "svc/vendor", "svc"}},
		{"files that cannot be read", with(hello(), "svc/go.mod", "modul m\n", "go.work", "us (\n"), []string{"svc", "go.work", "go.work.sum", "vendor"}},
		{"a huge go.mod", with(hello(), "svc/go.mod", "module m\n\nreplace x.org/a => ../a\n"+strings.Repeat("\n", maxModFile)), []string{"svc"}},
		{"no go.mod", map[string]string{"svc/x.go": "package x\n"}, []string{"svc"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := service(t, tt.files)
			var got []string
			for _, name := range sources(r.Root, r.Dir) {
				rel, err := filepath.Rel(r.Root, name)
				check(t, err)
				got = append(got, filepath.ToSlash(rel))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("sources (-want +got):\n%s", diff)
			}
		})
	}
}

// A go.work outside the repository is not part of what is delivered.
func TestGoWorkOutside(t *testing.T) {
	t.Parallel()
	r := service(t, with(hello(), "go.work", "go 1.24\n"))
	if got := goWork(r.Dir, r.Dir); got != "off" {
		t.Errorf("found %s", got)
	}
	if got, want := goWork(r.Root, r.Dir), filepath.Join(r.Root, "go.work"); got != want {
		t.Errorf("found %s, want %s", got, want)
	}
}
