package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cache"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/gitrepo"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// project is a service with all that is needed to run its pipeline.
type project struct {
	config.Pipeline
	jobs   []pipeline.Job // all, with what they cost the last time
	cache  string
	exe    string // this program's file
	hasher *cache.Hasher
}

// open reads the configuration of the service in a folder and plans its jobs.
func (a *app) open(dir string) (*project, error) {
	cfg, err := config.Read(dir)
	if err != nil {
		return nil, usage(err)
	}
	return a.project(cfg)
}

// project plans the jobs of a service.
func (a *app) project(cfg config.Pipeline) (p *project, err error) {
	p = &project{Pipeline: cfg}
	if p.cache, err = a.cacheDir(); err != nil {
		return nil, err
	}
	name := sha256.Sum256([]byte(cfg.Service.Root))
	p.hasher = cache.OpenHasher(filepath.Join(p.cache, "trees", hex.EncodeToString(name[:8])))
	p.hasher.AlwaysRead = a.isCI()
	var id string
	if p.exe, id, err = buildID(p.hasher); err != nil {
		return nil, err
	}
	p.Service.Version, p.Service.CacheDir, p.Service.Tools = id, p.cache, a.tools(p.cache)
	p.Service.Tools.Repository = cmp.Or(p.Service.GitTop, p.Service.Root)
	if err := ownFolderIsOurs(p.Service.GitTop); err != nil {
		return nil, err
	}
	return p, p.plan()
}

// ownFolderIsOurs is an error if something in a folder of Sluice's own is committed: no
// stage looks there, and what is built may have it.
func ownFolderIsOurs(top string) error {
	repo, err := gitrepo.Open(top)
	if top == "" || err != nil {
		return nil //nolint:nilerr // which the stages that need git tell
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	files, _, err := repo.Tracked(ctx)
	if err != nil {
		return err
	}
	own := func(name string) bool { return strings.Contains("/"+name+"/", "/.sluice/") }
	if i := slices.IndexFunc(files, own); i >= 0 {
		return usage(hint.With(fmt.Errorf("%q is committed, in a folder of Sluice's own that no stage looks at", files[i]), "git rm -r --cached the folder, and name .sluice in .gitignore"))
	}
	return nil
}

// plan plans the jobs of the service, as it is described now.
func (p *project) plan() (err error) {
	if p.jobs, err = jobs(p.Service); err == nil {
		p.learnCosts()
	}
	return err
}

// learnCosts takes what jobs cost from the last run.
func (p *project) learnCosts() {
	last, _, err := pipeline.Latest(p.Service.Root)
	if err != nil {
		return // then the planners' guesses do
	}
	cost := map[string]time.Duration{}
	for _, r := range last.Results {
		cost[r.Job] = max(cost[r.Job], r.Cost)
	}
	for i := range p.jobs {
		if c := cost[p.jobs[i].Name]; c > 0 {
			p.jobs[i].Cost = c
		}
	}
}

// cacheFor is where a job's worker keeps what it wants to find again.
func (p *project) cacheFor(job string) string { return p.Service.JobCache(job) }

func (a *app) planCommand() *cobra.Command {
	var s selection
	c := &cobra.Command{
		Use:   "plan [DIR]",
		Short: "Show what a run would do, in which order and with what access",
		Example: `  sluice plan
  sluice plan --until image-scan --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.plan(dirOf(args), s) },
	}
	s.flags(c)
	return c
}

// dirOf is the folder argument of a command.
func dirOf(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}

func (a *app) plan(dir string, s selection) error {
	p, err := a.open(dir)
	if err != nil {
		return err
	}
	p.Service.Providers = true // as in a run that hands nothing over
	if err := p.plan(); err != nil {
		return err
	}
	chosen, err := choose(p.jobs, s)
	if err != nil {
		return err
	}
	planned := describe(chosen)
	if a.json {
		return a.printJSON(map[string]any{"service": p.Service.Name, "root": p.Service.Root, "dir": p.Service.Dir, "jobs": planned})
	}
	fmt.Fprintf(a.Stdout, "%s in %s\n\n%-24s %-9s %-8s %s\n", p.Service.Name, p.Service.Dir, "stages", "network", "code", "waits for")
	for i, j := range planned {
		code := ""
		if j.Access.RunsRepositoryCode {
			code = "runs"
		}
		waits := strings.Join(j.Waits, ", ")
		if why := chosen[i].NotApplicable; why != "" {
			waits = "not applicable: " + why
		}
		fmt.Fprintf(a.Stdout, "%-24s %-9s %-8s %s\n", strings.Join(j.Stages, ", "), j.Access.Network, code, waits)
	}
	fmt.Fprintln(a.Stdout)
	for _, j := range planned {
		if len(j.Access.Read)+len(j.Access.Write) > 0 {
			fmt.Fprintf(a.Stdout, "%s\n  reads   %s\n  writes  %s\n", j.Job, p.places(j.Access.Read), p.places(append(j.Access.Write, p.cacheFor(j.Job))))
		}
	}
	fmt.Fprintln(a.Stdout, "\nnetwork is what a stage may reach; code, whether it runs code of the repository.\nA stage sees no other files, but for the programs and libraries of this machine, what\nthe stages that it waits for made, and a temporary folder of its own.")
	return nil
}

// places are the paths that exist, as short as they can be written.
func (p *project) places(paths []string) string {
	home, err := os.UserHomeDir()
	var shown []string
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if rel, relErr := filepath.Rel(p.Service.Root, path); relErr == nil && filepath.IsLocal(rel) {
			path = rel
		} else if rel, relErr := filepath.Rel(home, path); err == nil && relErr == nil && filepath.IsLocal(rel) {
			path = filepath.Join("~", rel)
		}
		shown = append(shown, path)
	}
	slices.Sort(shown)
	return strings.Join(slices.Compact(shown), ", ")
}

func describe(jobs []pipeline.Job) (planned []pipeline.Planned) {
	for _, j := range jobs {
		planned = append(planned, pipeline.Planned{Job: j.Name, Stages: j.Stages, Waits: j.WaitsFor(), Access: j.Touches()})
	}
	return planned
}

func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.Stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// rootOf is the root of the project in a folder, for commands that only read
// what runs left.
func rootOf(dir string) (string, error) {
	root, err := config.FindRoot(dir)
	return root.Dir, usage(err)
}

// noRun makes the error of there being no run into one with a remedy.
func noRun(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, os.ErrNotExist) {
		return usage(errNoRun)
	}
	return err
}
