// Command grafana stands in for Grafana in the test of compose.yaml: it is
// healthy when what Grafana needs is there, and says what is not.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

func main() {
	http.HandleFunc("GET /api/health", func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			slog.Error("not healthy", "error", err)
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Addr: ":3000", ReadHeaderTimeout: time.Second}
	slog.Error("serving", "error", server.ListenAndServe())
	os.Exit(1)
}

func check() error {
	return errors.Join(
		hasSecret(os.Getenv("GF_SECURITY_ADMIN_PASSWORD__FILE")),
		hasFiles("/etc/grafana/provisioning/dashboards", "*.yml"),
		hasFiles("/var/lib/grafana/dashboards", "*.json"),
		reachesSources("/etc/grafana/provisioning/datasources"),
		canWrite("/var/lib/grafana"), canWrite("/tmp"),
	)
}

func hasSecret(name string) error {
	text, err := os.ReadFile(name)
	if err == nil && len(text) < 32 {
		err = fmt.Errorf("%s: too short to be a password", name)
	}
	return err
}

// hasFiles sees that there are files, and that this user can read them all.
func hasFiles(dir, pattern string) error {
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%s: there is no %s", dir, pattern)
	}
	for _, name := range names {
		_, readErr := os.ReadFile(name)
		err = errors.Join(err, readErr)
	}
	return err
}

func canWrite(dir string) error {
	f, err := os.CreateTemp(dir, "probe-")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

var sourceURL = regexp.MustCompile(`(?m)^\s*url:\s*["']?(http[^\s"']+)`)

// reachesSources asks every data source that is provisioned a question.
func reachesSources(dir string) error {
	sources := 0
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		for _, found := range sourceURL.FindAllSubmatch(text, -1) {
			sources++
			err = errors.Join(err, ask(string(found[1])))
		}
		return err
	})
	if err == nil && sources == 0 {
		err = fmt.Errorf("%s: no data source", dir)
	}
	return err
}

func ask(url string) error {
	client := &http.Client{Timeout: 2 * time.Second}
	response, err := client.Get(url + "/api/v1/query?query=1")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return nil
}
