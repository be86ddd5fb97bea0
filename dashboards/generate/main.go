// Command generate writes the dashboards to grafana/, as "go generate
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
	if err := generate("grafana"); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(dir string) error {
	for _, d := range dashboards.All() {
		content, err := d.JSON()
		if err != nil {
			return err
		}
		if err := atomicfile.Write(filepath.Join(dir, d.File()), content, 0o644); err != nil {
			return fmt.Errorf("writing dashboard %s: %w", d.UID, err)
		}
	}
	return nil
}
