package vulndb

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The files of index/, as https://go.dev/security/vuln/database#api has them.
type (
	indexDB struct {
		Modified time.Time `json:"modified"`
	}
	indexModule struct {
		Path  string        `json:"path"`
		Vulns []indexEffect `json:"vulns"`
	}
	// indexEffect leaves out the optional "fixed", by which a reader may pass
	// over an advisory without opening it: computed wrongly it would hide a
	// vulnerability, and the ranges in the advisory itself say the same.
	indexEffect struct {
		ID       string    `json:"id"`
		Modified time.Time `json:"modified"`
	}
	indexVuln struct {
		ID       string    `json:"id"`
		Modified time.Time `json:"modified"`
		Aliases  []string  `json:"aliases,omitempty"`
	}
)

// files are the database's files, by path, in the layout that is served.
func (d *data) files() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, a := range d.advisories {
		files["ID/"+a.ID+".json"] = a.text
	}
	for name, content := range map[string]any{
		"index/db.json":      indexDB{Modified: d.modified},
		"index/modules.json": d.modules(),
		"index/vulns.json":   d.vulns(),
	} {
		text, err := json.Marshal(content)
		if err != nil {
			return nil, fmt.Errorf("writing %s: %w", name, err)
		}
		files[name] = text
	}
	return files, nil
}

func (d *data) modules() []indexModule {
	byPath := map[string][]indexEffect{}
	for _, a := range d.advisories {
		for _, path := range a.modules() {
			byPath[path] = append(byPath[path], indexEffect{ID: a.ID, Modified: a.Modified})
		}
	}
	var modules []indexModule
	for _, path := range slices.Sorted(maps.Keys(byPath)) {
		modules = append(modules, indexModule{Path: path, Vulns: byPath[path]})
	}
	return modules
}

// modules are the paths of the modules that an advisory is about, each once.
func (a advisory) modules() []string {
	var paths []string
	for _, m := range a.Affected {
		if !slices.Contains(paths, m.Package.Name) {
			paths = append(paths, m.Package.Name)
		}
	}
	return paths
}

func (d *data) vulns() []indexVuln {
	var vulns []indexVuln
	for _, a := range d.advisories {
		vulns = append(vulns, indexVuln{ID: a.ID, Modified: a.Modified, Aliases: a.Aliases})
	}
	return vulns
}
