package pipeline

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/cache"
)

// A stage is one question, and several jobs may each answer a part of it: lint
// of the Go code and of the Python code. What they report is then one report,
// which passes only if each part would by itself.

// part is what one job came to for one stage.
type part struct{ job, stage string }

// answered tells whether every job of a stage has ended.
func (s *session) answered(stage string) bool {
	return !slices.ContainsFunc(s.answering(stage), func(job string) bool {
		_, ok := s.parts[part{job, stage}]
		return !ok
	})
}

// answering are the jobs that answer a stage, in the plan's order.
func (s *session) answering(stage string) []string {
	return slices.DeleteFunc(slices.Clone(s.g.order), func(job string) bool { return !slices.Contains(s.g.jobs[job].Stages, stage) })
}

// result is what came of a stage, once all of its jobs have ended.
func (s *session) result(stage string) Result {
	var parts []Result
	for _, job := range s.answering(stage) {
		parts = append(parts, s.parts[part{job, stage}])
	}
	return merge(parts, s.Judge)
}

// By tells whether a job has answered the stage, or a part of it.
func (r Result) By(job string) bool {
	return r.Outcome != NotApplicable && (r.Job == job || slices.Contains(r.Jobs, job))
}

// merge makes one result of those of a stage's parts. Parts that do not apply
// are left out unless none does.
func merge(parts []Result, judge Judge) Result {
	if len(parts) == 1 {
		return parts[0]
	}
	applying := slices.DeleteFunc(slices.Clone(parts), func(p Result) bool { return p.Outcome == NotApplicable })
	switch len(applying) {
	case 0:
		all := parts[0]
		all.Reason = joined(parts, func(p Result) string { return p.Reason })
		all.Report.NotApplicable = all.Reason
		return all
	case 1:
		return applying[0]
	}
	report := mergeReports(applying)
	all := Decide(report, judge(report), slices.ContainsFunc(applying, func(p Result) bool { return p.Check }))
	first, key := applying[0], cache.NewKey("parts")
	all.Job, all.Access, all.Enforced, all.Cached, all.Start = first.Job, first.Access, first.Enforced, true, first.Start
	for _, p := range applying {
		all.Jobs = append(all.Jobs, p.Job)
		all.Warnings = append(all.Warnings, p.Warnings...)
		all.Inputs = append(all.Inputs, p.Inputs...)
		all.Cached = all.Cached && p.Cached
		all.Start, all.Elapsed, all.Cost = min(all.Start, p.Start), max(all.Elapsed, p.Elapsed), max(all.Cost, p.Cost)
		all.Access, all.Enforced = all.Access.with(p.Access), all.Enforced.Least(p.Enforced)
		key.Add(p.Job, p.Key)
	}
	slices.Sort(all.Warnings)
	all.Warnings, all.Key = slices.Compact(all.Warnings), string(key.Key())
	return all
}

// mergeReports makes one report of those of parts. What one part could not show
// for itself, another one's proofs do not show for it: the whole was not run.
func mergeReports(parts []Result) Report {
	all, undated := Report{Stage: parts[0].Stage, Values: map[string]string{}}, false
	for _, p := range parts {
		r := p.Report
		all.Findings = append(all.Findings, r.Findings...)
		all.InSource = append(all.InSource, r.InSource...)
		all.Rules = append(all.Rules, r.Rules...)
		all.Tools = append(all.Tools, r.Tools...)
		all.Examined = append(all.Examined, r.Examined...)
		all.Notes = append(all.Notes, r.Notes...)
		if r.SelfTest != nil {
			if all.SelfTest == nil {
				all.SelfTest = &SelfTest{}
			}
			all.SelfTest.Planted = append(all.SelfTest.Planted, r.SelfTest.Planted...)
			all.SelfTest.Caught = append(all.SelfTest.Caught, r.SelfTest.Caught...)
		}
		oldest := all.Values[DataModified]
		maps.Copy(all.Values, r.Values)
		at := r.Values[DataModified]
		if oldest != "" && oldest < at {
			all.Values[DataModified] = oldest // RFC 3339 in UTC sorts as time does
		}
		undated = undated || at == ""
		all.Remedy = cmp.Or(all.Remedy, missing(p).Remedy)
	}
	if undated { // the date of another part's data says nothing of this one's
		delete(all.Values, DataModified)
	}
	all.NotRun = joined(parts, func(p Result) string { return missing(p).NotRun })
	return all
}

// missing is why a part proves nothing, also one in which something was found.
func missing(p Result) Report {
	bare := Decide(p.Report, Verdict{}, p.Check)
	if bare.Outcome != NotRun {
		return Report{}
	}
	return Report{NotRun: bare.Reason, Remedy: bare.Remedy}
}

// joined are the texts that parts have, each with its job's name.
func joined(parts []Result, text func(Result) string) string {
	var texts []string
	for _, p := range parts {
		if t := text(p); t != "" {
			texts = append(texts, p.Job+": "+t)
		}
	}
	return strings.Join(texts, "; ")
}

// with is the access of both.
func (a Access) with(b Access) Access {
	union := func(a, b []string) []string {
		all := slices.Concat(a, b)
		slices.Sort(all)
		return slices.Compact(all)
	}
	widest := []Network{"", NoNetwork, Loopback, Machine, Outside}
	if slices.Index(widest, b.Network) > slices.Index(widest, a.Network) {
		a.Network = b.Network
	}
	a.Read, a.Write, a.Secrets = union(a.Read, b.Read), union(a.Write, b.Write), union(a.Secrets, b.Secrets)
	a.RunsRepositoryCode = a.RunsRepositoryCode || b.RunsRepositoryCode
	a.Detaches = a.Detaches || b.Detaches
	return a
}
