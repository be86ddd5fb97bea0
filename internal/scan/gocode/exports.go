package gocode

import (
	"bufio"
	"context"
	"fmt"
	"go/token"
	"go/types"
	"os"
	"slices"
	"sync"

	"golang.org/x/tools/go/gcexportdata"

	"github.com/sluice-ci/sluice/internal/hint"
)

// exports are the compiler's export data of the packages that do not come from
// source: where they are kept, and the types that were read from them.
type exports struct {
	fset  *token.FileSet
	known map[string]exported // by import path; kept between runs

	mu      sync.Mutex // guards what follows
	read    map[string]*types.Package
	failure map[string]error // what the compiler said of a package
}

// exported says where the export data of a package is, as of its key.
type exported struct {
	Key  string `json:"key"`
	File string `json:"file"`
}

func newExports(fset *token.FileSet, known map[string]exported) *exports {
	if known == nil {
		known = map[string]exported{}
	}
	return &exports{fset: fset, known: known, read: map[string]*types.Package{}, failure: map[string]error{}}
}

// find sees to it that the export data of all given units is there, compiling
// what was not compiled yet.
func (e *exports) find(ctx context.Context, g *golang, units []*unit, progress func(string)) error {
	var missing []string
	byPath := map[string]*unit{}
	for _, u := range units {
		if k := e.known[u.ImportPath]; k.Key == u.key {
			if _, err := os.Stat(k.File); err == nil {
				continue
			}
		}
		byPath[u.ImportPath] = u
		missing = append(missing, u.ImportPath)
	}
	if len(missing) == 0 {
		return nil
	}
	progress(fmt.Sprintf("compiling %d imported packages", len(missing)))
	packages, err := g.list(ctx, "ImportPath,Export,Error", append([]string{"-export", "--"}, missing...)...)
	if err != nil {
		return err
	}
	for _, p := range packages {
		u := byPath[p.ImportPath]
		missing = slices.DeleteFunc(missing, func(path string) bool { return path == p.ImportPath })
		switch {
		case u == nil:
		case p.Export != "":
			e.known[p.ImportPath] = exported{Key: u.key, File: p.Export}
		case p.Error != nil:
			e.failure[p.ImportPath] = fmt.Errorf("compiling %s: %s", p.ImportPath, firstLine(p.Error.Err))
		}
	}
	if len(missing) > 0 {
		return hint.With(fmt.Errorf("compiling imported packages: go list says nothing of %s", some(missing)), "see the log of this stage, and run again")
	}
	return nil
}

// types reads the types of a package. What it mentions of other packages is
// shared with them.
func (e *exports) types(u *unit) (*types.Package, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p := e.read[u.ImportPath]; p != nil && p.Complete() {
		return p, nil
	}
	if err := e.failure[u.ImportPath]; err != nil {
		return nil, err
	}
	file := e.known[u.ImportPath].File
	f, err := os.Open(file) // #nosec G304 -- go list has named it
	if err != nil {
		return nil, fmt.Errorf("reading the types of %s: %w", u.ImportPath, err)
	}
	defer f.Close()
	//lint:ignore SA1019 until Go 1.28, go list names the compiler's archives, which Read alone does not take
	r, err := gcexportdata.NewReader(bufio.NewReader(f))
	if err == nil {
		var p *types.Package
		if p, err = gcexportdata.Read(r, e.fset, e.read, u.ImportPath); err == nil {
			return p, nil
		}
	}
	return nil, hint.With(fmt.Errorf("reading the types of %s from %s: %w", u.ImportPath, file, err), "remove that file, and run again")
}
