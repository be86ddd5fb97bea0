package govuln

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/sluice-ci/sluice/internal/gotool"
)

// census is Sluice's own count of what there is to look at.
type census struct {
	roots   []string            // the packages of the service
	modules map[string]goModule // those that have a package in the program, by the path that govulncheck calls them by
}

// goModule is a module of the build.
type goModule struct {
	path    string // as it is imported
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
	Path, Dir string
	Main      bool
	Replace   *listedModule
}

// count lists the packages below dir and all that they import. The go
// command's errors are clearer than those of govulncheck, and come first.
func count(ctx context.Context, tool gotool.Toolchain, dir string, env []string, log io.Writer) (*census, error) {
	out, err := tool.Output(ctx, dir, env, log, "list", "-deps", "-json=ImportPath,DepOnly,Module", "./...")
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
	m := goModule{path: p.Module.Path, dir: p.Module.Dir, main: p.Module.Main}
	if r := p.Module.Replace; r != nil {
		m.replace = r.Path
		c.modules[r.Path] = m
		return
	}
	c.modules[m.path] = m
}

// compare finds what govulncheck did not look at.
func (c *census) compare(b *bill) error {
	for _, root := range c.roots {
		if !slices.Contains(b.Roots, root) {
			return fmt.Errorf("govulncheck looked at %d packages, and not at %s", len(b.Roots), root)
		}
	}
	if !b.has("stdlib") {
		return errors.New("govulncheck did not look at the standard library")
	}
	for path := range c.modules {
		if !b.has(path) {
			return fmt.Errorf("govulncheck looked at %d modules, and not at %s", len(b.Modules), path)
		}
	}
	return nil
}

func (b *bill) has(module string) bool {
	return slices.ContainsFunc(b.Modules, func(m billModule) bool { return m.Path == module })
}
