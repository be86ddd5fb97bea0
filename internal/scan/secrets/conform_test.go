package secrets

import (
	"os"
	"testing"

	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
)

func TestConform(t *testing.T) {
	service := func(name, text string) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			r := newRepo(t)
			r.put("main.go", "package main\n")
			r.put(name, text)
			r.git("tag", "-a", "-m", "first", "v1")
			r.git("pack-refs") // of the tag; the branch's stays a file
			r.put(".gitignore", "*.log\n")
			r.write(name+".log", "started\n")
			return scantest.Service{Service: scan.Service{Root: r.dir, Dir: r.dir, Git: true, Version: "v0"}}
		}
	}
	// One reader of objects: which of several is asked for what is chance.
	if err := os.Setenv("GOMAXPROCS", "1"); err != nil { // of the processes to come
		t.Fatal(err)
	}
	scantest.Run(t, scantest.Adapter{
		Scanner: Scanner{},
		Make:    service("settings.env", "colour = blue\n"),
		Defects: map[string]func(*testing.T) scantest.Service{"a key": service("settings.env", "key = \"AKIAZ7Q4M2RXLP5TBN3D\"\n")},
		Tools:   []scantest.Tool{{Name: "git", Elsewhere: func(t *testing.T) string { return service("size.env", "size = large\n")(t).Root }}},
	})
}
