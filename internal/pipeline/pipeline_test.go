package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/cache"
	"github.com/sluice-ci/sluice/internal/mask"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// The test program is its own child: with "child" as its argument it does one
// job, with "run" it is a run that can be killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "child":
			os.Exit(Child(context.Background(), testWorkers))
		case "run":
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			defer stop()
			r := runnerIn(os.Args[2], job("leaver"))
			done, err := r.Run(ctx)
			fmt.Println("ended", err, done.Abandon())
			return
		}
	}
	os.Exit(m.Run())
}

func clean(t Task) Answer {
	return Answer{Reports: []Report{{Stage: t.Stages[0], Examined: []Count{{What: "things", N: 1}}}}}
}

var testWorkers = map[string]Worker{
	"clean":  func(_ context.Context, t Task) (Answer, error) { return clean(t), nil },
	"clean2": func(_ context.Context, t Task) (Answer, error) { return clean(t), nil },
	"finder": func(_ context.Context, t Task) (Answer, error) {
		a := clean(t)
		a.Reports[0].Findings = []sarif.Finding{{Rule: "X", Severity: sarif.High}}
		return a, nil
	},
	"error":  func(context.Context, Task) (Answer, error) { return Answer{}, errors.New("no such luck") },
	"silent": func(context.Context, Task) (Answer, error) { os.Exit(0); return Answer{}, nil },
	"dies":   func(context.Context, Task) (Answer, error) { os.Exit(7); return Answer{}, nil },
	"panics": func(context.Context, Task) (Answer, error) { panic("at the disco") },
	"empty":  func(context.Context, Task) (Answer, error) { return Answer{}, nil },
	"blind": func(_ context.Context, t Task) (Answer, error) {
		return Answer{Reports: []Report{{Stage: t.Stages[0]}}}, nil
	},
	"other": func(context.Context, Task) (Answer, error) {
		return Answer{Reports: []Report{{Stage: "clean", Examined: []Count{{What: "things", N: 1}}}}}, nil
	},
	"hangs": func(ctx context.Context, t Task) (Answer, error) { <-ctx.Done(); select {} },
	"stamp": func(_ context.Context, t Task) (Answer, error) {
		a := clean(t)
		stamp := strconv.FormatInt(time.Now().UnixNano(), 10)
		a.Reports[0].Values = map[string]string{"stamp": stamp}
		return a, os.WriteFile(filepath.Join(t.Out, "stamp"), []byte(stamp), 0o600)
	},
	"secretive": func(_ context.Context, t Task) (Answer, error) {
		a := clean(t)
		a.Secrets = []string{"hush"}
		a.Reports[0].Values = map[string]string{"stamp": strconv.FormatInt(time.Now().UnixNano(), 10)}
		return a, nil
	},
	"meddler": func(_ context.Context, t Task) (Answer, error) {
		a := clean(t)
		a.Reports[0].Values = map[string]string{"stamp": strconv.FormatInt(time.Now().UnixNano(), 10)}
		return a, os.WriteFile(filepath.Join(t.Dir, "source"), []byte(a.Reports[0].Values["stamp"]), 0o600)
	},
	"reader": func(_ context.Context, t Task) (Answer, error) {
		b, err := os.ReadFile(filepath.Join(t.Needs["stamp"].Out, "stamp"))
		a := clean(t)
		a.Reports[0].Values = map[string]string{"read": string(b), "told": t.Needs["stamp"].Reports["stamp"].Values["stamp"]}
		return a, err
	},
	"shower": func(_ context.Context, t Task) (Answer, error) { return show(t) },
	"revealer": func(_ context.Context, t Task) (Answer, error) {
		a := clean(t)
		err := json.Unmarshal(t.Params, &a.Secrets)
		return a, err
	},
	"leaves": func(_ context.Context, t Task) (Answer, error) {
		var what struct{ Kind, To string }
		if err := json.Unmarshal(t.Params, &what); err != nil {
			return Answer{}, err
		}
		make := map[string]func(string, string) error{"symlink": os.Symlink, "link": linkOwn, "fifo": func(_, p string) error { return syscall.Mkfifo(p, 0o600) }}
		return clean(t), make[what.Kind](what.To, filepath.Join(t.Out, "coverage.out"))
	},
	"tamperer": func(_ context.Context, t Task) (Answer, error) {
		return clean(t), os.WriteFile(filepath.Join(t.Needs["stamp"].Out, "stamp"), []byte("forged"), 0o600)
	},
	"polite": func(_ context.Context, t Task) (Answer, error) {
		out, err := exec.Command("nice").Output()
		a := clean(t)
		a.Reports[0].Values = map[string]string{"nice": strings.TrimSpace(string(out))}
		return a, err
	},
	"babbler": func(_ context.Context, t Task) (Answer, error) {
		for i := range 20_000 {
			t.Progress(fmt.Sprintf("%d %s", i, strings.Repeat("x", 1000)))
			fmt.Fprintln(t.Log, strings.Repeat("y", 2000))
		}
		return clean(t), nil
	},
	// leaver starts a process that leaves its group and its parent, says so,
	// and never ends.
	"leaver": func(ctx context.Context, t Task) (Answer, error) {
		cmd := exec.Command("setsid", "sh", "-c", "(touch "+t.Dir+"/started; tail -f "+t.Dir+"/started & sleep 987654) & sleep 0")
		if err := cmd.Run(); err != nil {
			return Answer{}, err
		}
		<-ctx.Done()
		return Answer{}, ctx.Err()
	},
}

// linkOwn gives a file of the output folder a second name: those elsewhere are on
// another mount.
func linkOwn(_, path string) error {
	first := filepath.Join(filepath.Dir(path), "coverage.out.first")
	return errors.Join(os.WriteFile(first, nil, 0o600), os.Link(first, path))
}

func job(name string) Job { return Job{Name: name, Stages: []string{name}} }

func runnerIn(dir string, jobs ...Job) *Runner {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	for _, sub := range []string{"src", "logs"} {
		must(os.MkdirAll(filepath.Join(dir, sub), 0o755))
	}
	store, err := cache.Open(filepath.Join(dir, "cache"))
	must(err)
	exe, err := os.Executable()
	must(err)
	for i := range jobs {
		jobs[i].Inputs.Trees = []string{filepath.Join(dir, "src")}
		if slices.Contains([]string{"leaver", "meddler"}, jobs[i].Name) {
			jobs[i].Access.Write = jobs[i].Inputs.Trees
		}
	}
	p := Processes{Confine: true, Exe: exe, Args: []string{"child"}, Env: func(Access) []string { return os.Environ() }, Logs: filepath.Join(dir, "logs")}
	return &Runner{Jobs: jobs, Logs: p.Logs, Root: filepath.Join(dir, "src"), Dir: filepath.Join(dir, "src"), Store: store,
		Hasher: cache.OpenHasher(filepath.Join(dir, "index")), Launch: p.Launch, CPUs: 2,
		CacheFor: func(job string) string { return filepath.Join(dir, "own", job) },
		Judge: func(r Report) Verdict {
			return Verdict{Blocking: slices.DeleteFunc(slices.Clone(r.Findings), func(f sarif.Finding) bool { return f.Severity < sarif.Medium })}
		}}
}

func run(t *testing.T, r *Runner) map[string]Result {
	t.Helper()
	done, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := done.Settle(mask.New(done.Secrets)); err != nil {
		t.Fatal(err)
	}
	byStage := map[string]Result{}
	for _, res := range done.Results {
		byStage[res.Stage] = res
	}
	return byStage
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	absent := Job{Name: "absent", Stages: []string{"absent"}, NotApplicable: "there is none"}
	slow := job("hangs")
	slow.Limit = 200 * time.Millisecond
	jobs := []Job{job("clean"), job("finder"), job("error"), job("silent"), job("dies"), job("panics"), job("empty"), job("blind"), job("other"), job("unknown"), job("babbler"), absent, slow}
	got := run(t, runnerIn(t.TempDir(), jobs...))
	want := map[string]struct {
		outcome Outcome
		reason  string
	}{
		"clean": {Passed, ""}, "finder": {Failed, ""}, "absent": {NotApplicable, "there is none"},
		"error": {NotRun, "no such luck"}, "silent": {NotRun, "without an answer"}, "dies": {NotRun, "exit status 7"},
		"panics": {NotRun, "at the disco"}, "empty": {NotRun, "answered for [] only"}, "blind": {NotRun, "no proof"},
		"other": {NotRun, "was not asked"}, "unknown": {NotRun, "exit status 2"}, "hangs": {NotRun, "took longer than 200ms"},
		"babbler": {Passed, ""},
	}
	for stage, w := range want {
		if g := got[stage]; g.Outcome != w.outcome || !strings.Contains(g.Reason, w.reason) {
			t.Errorf("%s: %s (%s), want %s (%s)", stage, g.Outcome, g.Reason, w.outcome, w.reason)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d results, want %d", len(got), len(want))
	}
}

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run(t, runnerIn(dir, job("babbler")))
	info, err := os.Stat(filepath.Join(dir, "logs", "babbler.log"))
	if err != nil || info.Size() < maxLog || info.Size() > maxLog+1000 {
		t.Errorf("log of %d bytes (%v), want %d and a line", info.Size(), err, maxLog)
	}
}

func TestNeedsReadsAndGates(t *testing.T) {
	t.Parallel()
	with := func(kind, on string) Job {
		j := job("clean")
		switch kind {
		case "needs":
			j.Needs = []string{on}
		case "reads":
			j.Reads = []string{on}
		case "gates":
			j.Gates = []string{on}
		}
		return j
	}
	tests := []struct {
		kind, on string
		strict   bool
		want     Outcome
	}{
		{"needs", "clean2", false, Passed}, {"needs", "finder", false, NotRun}, {"needs", "error", false, NotRun},
		{"reads", "finder", false, Passed}, {"reads", "error", true, Passed},
		{"gates", "finder", false, NotRun}, {"gates", "error", false, Passed}, {"gates", "error", true, NotRun}, {"gates", "clean2", true, Passed},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %s strict=%v", tt.kind, tt.on, tt.strict), func(t *testing.T) {
			t.Parallel()
			r := runnerIn(t.TempDir(), job(tt.on), with(tt.kind, tt.on))
			r.Strict = tt.strict
			if got := run(t, r)["clean"]; got.Outcome != tt.want {
				t.Errorf("%s (%s), want %s", got.Outcome, got.Reason, tt.want)
			}
		})
	}
}

func TestGateIsShutWhenTheSourceChanged(t *testing.T) {
	t.Parallel()
	deploy := job("clean")
	deploy.Gates = []string{"meddler"}
	if got := run(t, runnerIn(t.TempDir(), job("meddler"), deploy))["clean"]; got.Outcome != NotRun || !strings.Contains(got.Reason, "changed") {
		t.Errorf("%s (%s), want not run", got.Outcome, got.Reason)
	}
}

func TestCache(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	reader := job("reader")
	reader.Needs = []string{"stamp"}
	again := func(change func(*Runner)) map[string]Result {
		r := runnerIn(dir, job("stamp"), reader)
		change(r)
		return run(t, r)
	}
	same := func(*Runner) {}
	first := again(same)
	stamp := func(r map[string]Result) string { return r["stamp"].Report.Values["stamp"] }
	if v := first["reader"].Report.Values; v["read"] == "" || v["read"] != v["told"] {
		t.Fatalf("the need's output was %q, its report %q", v["read"], v["told"])
	}
	second := again(same)
	if stamp(second) != stamp(first) || !second["reader"].Cached {
		t.Error("nothing changed, and the answer did not come from the cache")
	}
	if again(func(r *Runner) { r.NoCache = true })["stamp"].Cached {
		t.Error("NoCache was answered from the cache")
	}
	if s := again(func(r *Runner) { r.Jobs[0].Params = map[string]int{"n": 1} }); s["stamp"].Cached || s["reader"].Cached {
		t.Error("other parameters were answered from the cache")
	}
	if again(func(r *Runner) { r.Jobs[0].Inputs.Values = map[string]string{"go": "2"} })["stamp"].Cached {
		t.Error("another tool's version was answered from the cache")
	}
	if again(func(r *Runner) { r.Jobs[0].Valid = func(Answer) bool { return false } })["stamp"].Cached {
		t.Error("an answer that is not valid came from the cache")
	}
	if again(func(r *Runner) { r.Jobs[0].Always = true })["stamp"].Cached {
		t.Error("a job that must always be done came from the cache")
	}
	if err := os.WriteFile(filepath.Join(dir, "src", "new"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := again(same); s["stamp"].Cached || s["reader"].Cached {
		t.Error("changed source was answered from the cache")
	}
}

func TestNotCached(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"secretive", "meddler", "error"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			// The meddler leaves another source each time, so what it was
			// given first is put back before the second run.
			for range 2 {
				if err := os.RemoveAll(filepath.Join(dir, "src")); err != nil {
					t.Fatal(err)
				}
				if got := run(t, runnerIn(dir, job(name)))[name]; got.Cached {
					t.Error("answered from the cache")
				}
			}
			entries, err := filepath.Glob(filepath.Join(dir, "cache", "results", "*", "*"))
			if err != nil || len(entries) != 0 {
				t.Errorf("the cache has %v (%v)", entries, err)
			}
		})
	}
}

func TestSecretsStayOutOfTheCacheAndTheRecord(t *testing.T) {
	t.Parallel()
	res := run(t, runnerIn(t.TempDir(), job("secretive")))
	text, err := json.Marshal(Record{Results: []Result{res["secretive"]}})
	if err != nil || strings.Contains(string(text), "hush") {
		t.Errorf("the record has the secret (%v): %s", err, text)
	}
}

func TestLongestPathFirst(t *testing.T) {
	t.Parallel()
	short, long, last := job("clean"), job("clean2"), job("stamp")
	short.Cost, long.Cost, last.Cost = 3*time.Second, time.Second, 9*time.Second
	last.Needs = []string{"clean2"} // so the path through clean2 is 10 s long
	r := runnerIn(t.TempDir(), short, long, last)
	r.CPUs = 1
	// Both first jobs must be known before the CPU is given away.
	var order []string
	r.Emit = func(e Event) {
		if e.Kind == JobStarted {
			order = append(order, e.Job)
		}
	}
	g, err := newGraph(r.Jobs)
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(t.Context(), r, g, nil)
	s.queue = []*lookup{{job: g.jobs["clean"]}, {job: g.jobs["clean2"]}}
	s.busy = 1 // one place is left
	s.Launch = func(context.Context, Task, func(string)) (Answer, error) { return Answer{}, errors.New("not now") }
	s.work = mustWork(t, r.Store)
	s.launchQueued()
	<-s.done
	if nice := [2]int{s.niceness(g.jobs["clean"]), s.niceness(g.jobs["clean2"])}; nice != [2]int{sparing, 0} {
		t.Errorf("niceness %v, want the longest path to go first", nice)
	}
	if diff := cmp.Diff([]string{"clean2"}, order); diff != "" {
		t.Errorf("started (-want +got):\n%s", diff)
	}
}

func TestNicenessIsAddedToWhatTheRunHas(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("nice").Output()
	if err != nil {
		t.Fatal(err)
	}
	base, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	r := runnerIn(t.TempDir(), job("polite"))
	work := mustWork(t, r.Store)
	for _, nice := range []int{0, 3} {
		task := Task{Job: "polite", Stages: []string{"polite"}, Out: filepath.Join(work.Dir, "polite"), Nice: nice, Lock: work.LockFile()}
		a, err := r.Launch(t.Context(), task, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Reports[0].Values["nice"]; got != strconv.Itoa(min(base+nice, 19)) {
			t.Errorf("niceness %s, want %d more than %d", got, nice, base)
		}
	}
}

func mustWork(t *testing.T, s *cache.Store) *cache.Work {
	t.Helper()
	w, err := s.Work()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func TestGraphErrors(t *testing.T) {
	t.Parallel()
	a, b := job("clean"), job("clean2")
	a.Needs, b.Reads = []string{"clean2"}, []string{"clean"}
	dangling := job("clean")
	dangling.Gates = []string{"nowhere"}
	for want, jobs := range map[string][]Job{
		"wait for each other": {a, b}, "which there is not": {dangling}, "two jobs": {job("clean"), job("clean")},
	} {
		if _, err := runnerIn(t.TempDir(), jobs...).Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	both := Job{Name: "code", Stages: []string{"lint", "sast"}, Needs: []string{"modules"}}
	deploy := Job{Name: "deploy", Stages: []string{"deploy"}, Needs: []string{"build"}, Gates: []string{"code", "test"}}
	scan := Job{Name: "scan", Stages: []string{"scan"}, Needs: []string{"build"}, Reads: []string{"data", "code"}}
	both.Check = true
	jobs := []Job{job("modules"), both, job("test"), job("build"), deploy, job("data"), scan}
	describe := func(jobs []Job) (s []string) {
		for _, j := range jobs {
			s = append(s, fmt.Sprintf("%s%v%v", j.Name, j.Stages, j.Gates))
		}
		return s
	}
	for _, tt := range []struct{ ask, want []string }{
		{[]string{"lint"}, []string{"modules[modules][]", "code[lint][]"}},
		{[]string{"scan"}, []string{"build[build][]", "data[data][]", "scan[scan][]"}}, // not the other check
		{[]string{"deploy", "test"}, []string{"test[test][]", "build[build][]", "deploy[deploy][test]"}},
	} {
		got, err := Select(jobs, tt.ask)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, describe(got)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.ask, diff)
		}
	}
	if _, err := Select(jobs, []string{"lnit"}); err == nil {
		t.Error("an unknown stage was accepted")
	}
}

func TestCancelLeavesNoProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	r := runnerIn(dir, job("leaver"))
	ended := make(chan []Result)
	go func() {
		done, err := r.Run(ctx)
		if err := errors.Join(err, done.Abandon()); err != nil {
			t.Error(err)
		}
		ended <- done.Results
	}()
	pid := awaitPID(t, dir)
	cancel()
	results := <-ended
	if results[0].Outcome != NotRun || !strings.Contains(results[0].Reason, "interrupted") {
		t.Errorf("%s (%s), want not run", results[0].Outcome, results[0].Reason)
	}
	awaitGone(t, pid)
}

func TestKillOfTheRunLeavesNoProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "run", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := awaitPID(t, dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	awaitGone(t, pid)
	// What the killed run left must not be in the way of the next.
	if got := run(t, runnerIn(dir, job("stamp"))); got["stamp"].Outcome != Passed {
		t.Errorf("after a kill: %s (%s)", got["stamp"].Outcome, got["stamp"].Reason)
	}
}

// awaitPID waits for the leaver's process to have been started.
func awaitPID(t *testing.T, dir string) int {
	t.Helper()
	var pid int
	want := "tail\x00-f\x00" + filepath.Join(dir, "src", "started") + "\x00"
	await(t, "the process was never started", func() bool {
		lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range lines { // its number in its own namespace is another
			if text, err := os.ReadFile(path); err == nil && string(text) == want {
				pid, err = strconv.Atoi(filepath.Base(filepath.Dir(path)))
				return err == nil
			}
		}
		return false
	})
	return pid
}

func awaitGone(t *testing.T, pid int) {
	t.Helper()
	await(t, "a process outlived its run", func() bool { return syscall.Kill(pid, 0) != nil })
}

// await asks until ok, for 20 seconds at most.
func await(t *testing.T, complaint string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal(complaint)
		}
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if _, _, err := Latest(root); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no run yet: %v", err)
	}
	f, id, err := NewFolder(root, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	rec := Record{Schema: 1, ID: id, State: Running, Service: "todo"}
	if err := f.Save(rec); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Latest(root); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an unfinished run is the latest: %v", err)
	}
	rec.State = Finished
	if err := f.Finish(rec); err != nil {
		t.Fatal(err)
	}
	got, dir, err := Latest(root)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rec, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if filepath.Base(dir) != id {
		t.Errorf("latest is %s, want %s", dir, id)
	}
	for i := range keptRuns + 5 {
		if _, _, err := NewFolder(root, time.Now().Add(time.Duration(i+1)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Prune(root); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Latest(root); err != nil {
		t.Errorf("the latest finished run was pruned: %v", err)
	}
	left, err := os.ReadDir(filepath.Join(root, StateDir, "runs"))
	if err != nil || len(left) != keptRuns+1 {
		t.Errorf("%d runs are left (%v), want %d and the latest finished", len(left), err, keptRuns)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"progress":"x"}` + "\n" + `{"answer":{"reports":[{"stage":"lint"}]}}`))
	f.Add([]byte(`{"error":"e","remedy":"r"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := receive(strings.NewReader(string(data)), func(s string) {
			if len(s) > maxProgress {
				t.Errorf("progress of %d bytes", len(s))
			}
		})
		if err != nil && len(a.Reports) > 0 {
			t.Error("an error and an answer")
		}
	})
}
