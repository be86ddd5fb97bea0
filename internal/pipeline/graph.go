package pipeline

import (
	"fmt"
	"slices"
	"time"
)

// graph is a set of jobs and what each waits for, checked to be without
// circles and dangling names.
type graph struct {
	jobs   map[string]*Job
	order  []string            // as given
	after  map[string][]string // job → those that wait for it
	waits  map[string][]string // job → those that it waits for
	length map[string]time.Duration
}

// WaitsFor lists every job that j waits for, each once.
func (j *Job) WaitsFor() []string {
	all := slices.Concat(j.Needs, j.Reads, j.Gates)
	slices.Sort(all)
	return slices.Compact(all)
}

func newGraph(jobs []Job) (*graph, error) {
	g := &graph{jobs: map[string]*Job{}, after: map[string][]string{}, waits: map[string][]string{}, length: map[string]time.Duration{}}
	for i := range jobs {
		j := &jobs[i]
		if g.jobs[j.Name] != nil {
			return nil, fmt.Errorf("two jobs are named %q", j.Name)
		}
		g.jobs[j.Name] = j
		g.order = append(g.order, j.Name)
	}
	for _, name := range g.order {
		for _, need := range g.jobs[name].WaitsFor() {
			if g.jobs[need] == nil {
				return nil, fmt.Errorf("job %q waits for %q, which there is not", name, need)
			}
			g.waits[name] = append(g.waits[name], need)
			g.after[need] = append(g.after[need], name)
		}
	}
	for _, name := range g.order {
		if err := g.measure(name, nil); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// measure sets how long the longest path is from the start of a job to the end
// of the run.
func (g *graph) measure(name string, path []string) error {
	if slices.Contains(path, name) {
		return fmt.Errorf("jobs wait for each other: %v", append(path, name))
	}
	if _, ok := g.length[name]; ok {
		return nil
	}
	var longest time.Duration
	for _, next := range g.after[name] {
		if err := g.measure(next, append(path, name)); err != nil {
			return err
		}
		longest = max(longest, g.length[next])
	}
	g.length[name] = longest + max(g.jobs[name].Cost, time.Millisecond)
	return nil
}

// Select keeps the jobs that answer one of the stages, with all that those
// need, and the data that they read where there is some; of a kept job only the
// wanted stages are asked, and all of a needed one's. Gates, and reads of checks
// that were not selected, are dropped.
func Select(jobs []Job, stages []string) ([]Job, error) {
	byName, byStage := map[string]*Job{}, map[string][]string{}
	for i := range jobs {
		byName[jobs[i].Name] = &jobs[i]
		for _, s := range jobs[i].Stages {
			byStage[s] = append(byStage[s], jobs[i].Name)
		}
	}
	keep := map[string]bool{}
	var need func(name string)
	need = func(name string) {
		if j := byName[name]; j != nil && !keep[name] {
			keep[name] = true
			for _, n := range j.Needs {
				need(n)
			}
			for _, n := range j.Reads {
				if r := byName[n]; r != nil && !r.Check {
					need(n)
				}
			}
		}
	}
	for _, s := range stages {
		if len(byStage[s]) == 0 {
			return nil, fmt.Errorf("unknown stage %q", s)
		}
		for _, name := range byStage[s] {
			need(name)
		}
	}
	return narrow(jobs, keep, stages), nil
}

func narrow(jobs []Job, keep map[string]bool, stages []string) []Job {
	known := func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !keep[n] })
	}
	var kept []Job
	for _, j := range jobs {
		if !keep[j.Name] {
			continue
		}
		j.Reads, j.Gates = known(j.Reads), known(j.Gates)
		asked := slices.DeleteFunc(slices.Clone(j.Stages), func(s string) bool { return !slices.Contains(stages, s) })
		if len(asked) > 0 {
			j.Stages = asked
		}
		kept = append(kept, j)
	}
	return kept
}
