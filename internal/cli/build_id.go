package cli

import (
	"fmt"
	"os"

	"github.com/sluice-ci/sluice/internal/cache"
)

// buildID tells this program from every other build of it: results are cached
// by it, since another build may see other things.
func buildID(h *cache.Hasher) (exe, id string, err error) {
	exe, err = os.Executable()
	if err != nil {
		return "", "", fmt.Errorf("finding this program's own file: %w", err)
	}
	id, err = h.Tree(exe)
	if err != nil {
		return "", "", fmt.Errorf("reading this program's own file: %w", err)
	}
	return exe, version() + " " + id, nil
}
