package govuln

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/sluice-ci/sluice/internal/hint"
)

// stdlib is what govulncheck calls the standard library.
const stdlib = "stdlib"

// index is the database's own list of what it knows, by module
// (https://go.dev/security/vuln/database#api).
type index []indexModule

type indexModule struct {
	Path  string      `json:"path"`
	Vulns []indexVuln `json:"vulns"`
}

type indexVuln struct {
	ID string `json:"id"`
}

// index reads it. Data that knows nothing of Go itself is not whole, and would
// call everything clean.
func (d database) index() (index, error) {
	var x index
	text, err := readSmall(filepath.Join(d.path, "index", "modules.json"))
	if err == nil {
		err = json.Unmarshal(text, &x)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the index of the vulnerability data: %w", err)
	}
	if len(x.about(stdlib)) == 0 {
		return nil, hint.With(errors.New("the vulnerability data has no advisory about Go's standard library"), "see where the setting vulndb in sluice.yaml gets it from")
	}
	return x, nil
}

// about are the IDs of the advisories about modules.
func (x index) about(modules ...string) (ids []string) {
	for _, m := range x {
		if slices.Contains(modules, m.Path) {
			for _, v := range m.Vulns {
				ids = append(ids, v.ID)
			}
		}
	}
	return ids
}
