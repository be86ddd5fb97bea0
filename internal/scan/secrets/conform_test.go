package secrets

import (
	"os"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
)

func TestConform(t *testing.T) {
	service := func(name, text string, change func(*repo)) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			r := newRepo(t)
			r.put("main.go", "package main\n")
			r.put(name, text)
			r.git("tag", "-a", "-m", "first", "v1")
			r.git("pack-refs") // of the tag; the branch's stays a file
			r.put(".gitignore", "*.log\n")
			r.write(name+".log", "started\n")
			change(r)
			return scantest.Service{Service: scan.Service{Root: r.dir, Dir: r.dir, GitTop: r.dir, Version: "v0"}}
		}
	}
	key, as := "key = \"AKIA"+"Z7Q4M2RXLP5TBN3D\"\n", func(*repo) {}
	// One reader of objects: which of several is asked for what is chance.
	if err := os.Setenv("GOMAXPROCS", "1"); err != nil { // of the processes to come
		t.Fatal(err)
	}
	scantest.Run(t, scantest.Adapter{
		Scanner: Scanner{},
		Make:    service("settings.env", "colour = blue\n", as),
		Defects: map[string]func(*testing.T) scantest.Service{
			"a key":                      service("settings.env", key, as),
			"a key that was taken out":   service("settings.env", key, func(r *repo) { r.put("settings.env", "") }),
			"a key on another branch":    service("settings.env", "", func(r *repo) { r.git("checkout", "-q", "-b", "b"); r.put("b", key); r.git("checkout", "-q", "main") }),
			"a key that settings allow":  service("settings.env", key, func(r *repo) { r.put(".gitleaks.toml", "[allowlist]\npaths = ['.*']\n") }),
			"a key that a remark allows": service("settings.env", strings.Replace(key, "\n", " # gitleaks:allow\n", 1), as),
		},
		Blind: map[string]func(*testing.T) scantest.Service{
			"a shallow clone":      service("settings.env", "", func(r *repo) { r.write(".git/shallow", r.git("rev-parse", "HEAD")+"\n") }),
			"references in tables": service("settings.env", "", func(r *repo) { r.write(".git/HEAD", reftable+"\n") }),
		},
		Tools: []scantest.Tool{{Name: "git", Elsewhere: func(t *testing.T) string { return service("size.env", "size = large\n", as)(t).Root }}},
	})
}
