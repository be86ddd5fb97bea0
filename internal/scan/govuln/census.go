package govuln

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// census is Sluice's own count of what there is to look at.
type census struct {
	roots   []string            // the packages of the service
	modules map[string]goModule // those that have a package in the program, by the path that govulncheck calls them by
}

// goModule is a module of the build.
type goModule struct {
	path    string // as it is imported
	version string // that is asked for, whatever stands in for it
	dir     string // "" when the module cache has it not
	main    bool   // it is the service's, or of its workspace
	replace string // the path that stands in for it, or ""
}

type listedPackage struct {
	ImportPath string
	DepOnly    bool
	Module     *listedModule
}

type listedModule struct {
	Path, Version, Dir string
	Main               bool
	Replace            *listedModule
}

// count lists the packages of a query and all that they import. The go
// command's errors are clearer than those of govulncheck, and come first.
func (q query) count(ctx context.Context, tool gotool.Toolchain, log io.Writer) (*census, error) {
	out, err := tool.Output(ctx, q.dir, q.env, log, append([]string{"list", "-deps", "-json=ImportPath,DepOnly,Module"}, q.patterns...)...)
	if err != nil {
		return nil, fmt.Errorf("listing the packages: %w", &brief{err})
	}
	c := &census{modules: map[string]goModule{}}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("listing the packages: %w", err)
		}
		c.add(p)
	}
	if len(c.roots) == 0 {
		return nil, errors.New("listing the packages: there is none")
	}
	return c, nil
}

func (c *census) add(p listedPackage) {
	if !p.DepOnly {
		c.roots = append(c.roots, p.ImportPath)
	}
	if p.Module == nil { // of the standard library
		return
	}
	m := goModule{path: p.Module.Path, version: p.Module.Version, dir: p.Module.Dir, main: p.Module.Main}
	if r := p.Module.Replace; r != nil {
		m.replace = r.Path
		c.modules[r.Path] = m
		return
	}
	c.modules[m.path] = m
}

// compare holds what govulncheck looked at against what there is, by name: the
// packages, the modules, and what the data has about these.
func (o *outcome) compare(roots, modules []string, known index) ([]pipeline.Count, error) {
	var counts []pipeline.Count
	for _, c := range []struct {
		what              string
		counted, examined []string
	}{
		{"packages", roots, o.bill.Roots},
		{"modules", modules, o.bill.paths()},
		{"advisories", known.about(modules...), slices.Collect(maps.Keys(o.advisories))},
	} {
		n, err := scan.Census(c.what, c.counted, c.examined)
		if err != nil {
			return nil, fmt.Errorf("govulncheck: %w", err)
		}
		counts = append(counts, n)
	}
	return counts, nil
}

func (b *bill) paths() (paths []string) {
	for _, m := range b.Modules {
		paths = append(paths, m.Path)
	}
	return paths
}
