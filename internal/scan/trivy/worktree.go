package trivy

import (
	"cmp"
	"context"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/gitrepo"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// workTree is the git work tree that a service is in.
type workTree struct {
	Top   string `json:"top"`   // absolute
	Below string `json:"below"` // the service's folder, relative to it, with slashes
}

// repository has a job ask git. What keeps it from being opened is left to the
// worker to find.
func repository(s scan.Service, job *pipeline.Job) *workTree {
	if s.GitTop == "" {
		return nil
	}
	if r, err := gitrepo.Open(s.GitTop); err == nil {
		job.Access.Read = append(job.Access.Read, r.Folders()...)
		job.Inputs.Values["index"] = digestOf(filepath.Join(r.Dir, "index")) + digestOf(filepath.Join(r.Common, "info", "exclude"))
	}
	rel, err := filepath.Rel(s.GitTop, s.Dir)
	if err != nil {
		rel = "." // both are absolute
	}
	return &workTree{Top: s.GitTop, Below: filepath.ToSlash(rel)}
}

// ignored are those of the files in the service's folder, relative to it, that are
// not part of the repository.
func (w *workTree) ignored(ctx context.Context, names []string) (map[string]bool, error) {
	if w == nil {
		return nil, nil
	}
	whole := make([]string, len(names))
	for i, name := range names {
		whole[i] = path.Join(w.Below, name)
	}
	all, err := ignoredByGit(ctx, w.Top, whole)
	left := map[string]bool{}
	for i, name := range names {
		left[name] = all[whole[i]]
	}
	return left, err
}

// planLimit bounds asking git in planning.
const planLimit = 10 * time.Second

// missing says, for the planner to hand on, which submodules in a folder of the work
// tree are not checked out. A worker would have to take git's silence for "none".
func (p *params) missing(top, folder string) {
	ctx, cancel := context.WithTimeout(context.Background(), planLimit)
	defer cancel()
	if err := absent(ctx, top, folder); err != nil {
		p.Absent, p.AbsentRemedy = err.Error(), hint.Remedy(err)
	}
}

// absent is the error that submodules in a folder of the work tree, relative to
// it, are not checked out.
func absent(ctx context.Context, top, folder string) error {
	r, err := gitrepo.Open(top)
	if err != nil {
		return err
	}
	_, modules, err := r.Tracked(ctx)
	if err != nil {
		return err
	}
	modules = slices.DeleteFunc(modules, func(name string) bool { return folder != "." && !strings.HasPrefix(name, folder+"/") })
	missing, err := gitrepo.Absent(ctx, top, modules)
	return cmp.Or(err, gitrepo.NotCheckedOut(missing))
}
