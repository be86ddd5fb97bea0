package vulndb

import (
	"os"
	"testing"
	"time"

	sluicescan "github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
)

// proxyVariable tells the suite's processes which proxy the test made.
const proxyVariable = "SLUICE_VULNDB_TEST_PROXY"

// TestConformModule has no site, so that the go command gets the data.
func TestConformModule(t *testing.T) {
	p := proxy{dir: os.Getenv(proxyVariable)}
	if p.dir == "" {
		p = newProxy(t)
		p.add(t, newer, undated(), "../@latest")
		if err := os.Setenv(proxyVariable, p.dir); err != nil { //nolint:usetesting // t.Setenv rules out a parallel test, and no other reads it
			t.Fatal(err)
		}
	}
	const copied = "what was had the last time is whole, and used with its age"
	scantest.Run(t, scantest.Adapter{
		Scanner: Scanner{now: at(today.Add(365 * 24 * time.Hour)), site: "http://127.0.0.1:1", env: p.env()},
		NoCheck: "it fetches, and judges nothing",
		Make: func(t *testing.T) scantest.Service {
			dir := t.TempDir()
			return scantest.Service{Service: sluicescan.Service{Root: dir, Dir: dir, GoModule: "example.com/s", Version: "v1"}}
		},
		Harmless: map[string]string{
			"warm/go list 1/says nothing":           copied,
			"warm/go list 1/fails after its output": copied,
			"warm/go list 1/output that breaks off": copied,
		},
		Tools: []scantest.Tool{{Name: "go", Stay: []string{"env", "version"}}},
	})
}
