package vulndb

import (
	"net/http"
	"net/http/httptest"
	"testing"

	sluicescan "github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
)

// TestConform has no programs to replace where the setting names a site: what
// fails is the site. What it may say is tried further in TestSiteTricks and
// TestUnusable.
func TestConform(t *testing.T) {
	service := func(site func(*testing.T) string) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			dir := t.TempDir()
			return scantest.Service{Service: sluicescan.Service{Root: dir, Dir: dir, GoModule: "example.com/s", Version: "v1", Options: sluicescan.Options{VulnDB: site(t)}}}
		}
	}
	saying := func(text []byte) func(*testing.T) scantest.Service {
		return service(func(t *testing.T) string { return serve(t, text).URL })
	}
	whole := zipped(t, small())
	scantest.Run(t, scantest.Adapter{
		Scanner: Scanner{now: at(today)},
		NoCheck: "it fetches, and judges nothing",
		Make:    saying(whole),
		Blind: map[string]func(*testing.T) scantest.Service{
			"closed":             service(gone),
			"closes when asked":  service(closing),
			"nothing":            saying(nil),
			"an object":          saying([]byte("{}")),
			"half an archive":    saying(whole[:len(whole)/2]),
			"an archive changed": saying(changed(whole)),
			"an empty archive":   saying(zipped(t, nil)),
			"another archive":    saying(zipped(t, map[string]string{"go.mod": "module m\n"})),
			"a huge archive":     service(func(t *testing.T) string { return serve(t, make([]byte, maxArchive+1)).URL }),
		},
	})
}

// closing is a site that closes the connection without an answer.
func closing(t *testing.T) string {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(srv.Close)
	return srv.URL
}

func changed(archive []byte) []byte {
	archive = append([]byte{}, archive...)
	archive[len(archive)/4] ^= 1
	return archive
}
