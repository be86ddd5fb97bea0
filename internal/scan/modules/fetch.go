package modules

import (
	"context"
	"errors"
	"fmt"
	"go/version"

	"github.com/sluice-ci/sluice/internal/gomod"
	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// fetcher does one job.
type fetcher struct {
	pipeline.Task
	tc      gotool.Toolchain
	cache   string   // Sluice's cache folder
	environ []string // the user's environment

	w   gomod.Workspace
	own []string // packages that the go command cannot but list
}

// fetch sees to it that every needed module is in the module cache. As long as
// no import has changed since the last time it starts no process.
func (f *fetcher) fetch(ctx context.Context) (pipeline.Report, error) {
	f.Progress("reading go.mod and the imports")
	var err error
	if f.w, err = gomod.Find(f.Dir); err != nil {
		return pipeline.Report{}, err
	}
	if err := f.checkGo(); err != nil {
		return pipeline.Report{}, err
	}
	imports, err := readImports(f.w.Dirs, f.tc.Root)
	if err != nil {
		return pipeline.Report{}, err
	}
	if f.w.Vendored {
		r := f.report(nil, imports.files)
		r.Notes = []string{"packages come from the vendor folder"}
		return r, nil
	}
	if len(f.w.Requires) == 0 {
		return f.report(nil, imports.files), nil
	}
	needed, err := f.needed(ctx, imports)
	if err != nil {
		return pipeline.Report{}, err
	}
	return f.report(needed, imports.files), nil
}

// checkGo compares the toolchain with what the go.mod files ask for.
func (f *fetcher) checkGo() error {
	if f.w.Go == "" || version.Compare("go"+f.w.Go, f.tc.Version) <= 0 {
		return nil
	}
	return hint.With(fmt.Errorf("%s asks for go %s, and this is %s", f.w.GoAt, f.w.Go, f.tc.Version),
		"install Go "+f.w.Go+" from https://go.dev/dl, or lower the go directive")
}

// needed lists the modules that imports lead to, fetched where they were not.
func (f *fetcher) needed(ctx context.Context, imports imports) ([]string, error) {
	key, err := f.key(imports)
	if err != nil {
		return nil, err
	}
	if kept, ok := f.recall(key); ok && len(absent(f.tc.ModCache, kept)) == 0 {
		return kept, nil
	}
	if f.own, err = ownPackages(f.Dir, imports.plain); err != nil {
		return nil, err
	}
	needed, err := f.load(ctx)
	if err != nil {
		return nil, err
	}
	if gone := absent(f.tc.ModCache, needed); len(gone) > 0 {
		return nil, fmt.Errorf("the go command said nothing of %s, and the module cache has not got it", some(gone))
	}
	if err := f.remember(key, needed); err != nil {
		return nil, errors.Join(errors.New("keeping the list of modules"), err)
	}
	return needed, nil
}
