// Command generate writes the dashboards to grafana/, and what Cloud Monitoring
// has of them and of the alerts to terraform/modules/monitoring, as "go generate
// ./dashboards" starts it.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/sluice-ci/sluice/dashboards"
	"github.com/sluice-ci/sluice/internal/atomicfile"
)

func main() {
	if err := generate(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate() error {
	rules, err := dashboards.ReadRules(os.DirFS("rules"))
	if err != nil {
		return err
	}
	files, err := dashboards.Files(rules)
	if err != nil {
		return err
	}
	for path, content := range files {
		if err := atomicfile.Write(filepath.FromSlash(path), content, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
	}
	return nil
}
