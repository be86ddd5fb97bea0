package pipeline

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/mask"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// show is a worker that says a secret, its only parameter, wherever it can.
func show(t Task) (Answer, error) {
	a := clean(t)
	var secret string
	if err := json.Unmarshal(t.Params, &secret); err != nil {
		return a, err
	}
	a.Reports[0].Notes = []string{"note " + secret}
	a.Reports[0].Findings = []sarif.Finding{{Rule: "X", Severity: sarif.Low, Message: fmt.Sprintf("%q", secret)}}
	_, err := fmt.Fprintf(t.Log, "log %x\n", secret)
	return a, errors.Join(err,
		os.WriteFile(filepath.Join(t.Out, "report"), []byte("report "+secret), 0o600),
		os.WriteFile(filepath.Join(t.Keep, "kept"), []byte("kept "+secret), 0o600))
}

// withSecret are the files below dir, and their names, that have a text in them.
func withSecret(t *testing.T, dir, secret string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(secret)) || bytes.Contains(text, []byte(hex.EncodeToString([]byte(secret)))) || strings.Contains(path, secret) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// What a job says that ended before the secrets were found is nowhere after the
// run; without a secret in it, it is where it belongs.
func TestFoundSecretsAreNotKept(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-of-the-test"
	for _, reveals := range []bool{false, true} {
		t.Run(fmt.Sprint("revealed ", reveals), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			shower, revealer := job("shower"), job("revealer")
			shower.Params, revealer.Params = secret, []string{}
			revealer.Reads, revealer.FindsSecrets = []string{"shower"}, true
			if reveals {
				revealer.Params = []string{secret}
			}
			r := runnerIn(dir, shower, revealer)
			r.Collect = func(job, from string, m mask.Masker) error {
				text, err := os.ReadFile(filepath.Join(from, "report"))
				if errors.Is(err, fs.ErrNotExist) {
					return nil
				}
				return errors.Join(err, os.WriteFile(filepath.Join(dir, job+".collected"), []byte(m.String(string(text))), 0o600))
			}
			run(t, r)
			if found := withSecret(t, dir, secret); reveals == (len(found) > 0) {
				t.Errorf("the secret is in %v", found)
			}
			for name, want := range map[string]string{"logs/shower.log": "log ", "shower.collected": "report "} {
				text, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil || !strings.HasPrefix(string(text), want) {
					t.Errorf("%s: %q, %v", name, text, err)
				}
			}
			if got := run(t, runnerIn(dir, shower))["shower"]; got.Cached == reveals {
				t.Errorf("answered from the cache: %v", got.Cached)
			}
			if _, err := os.Stat(filepath.Join(dir, "own", "shower", "kept")); err != nil {
				t.Errorf("a run without secrets kept nothing: %v", err)
			}
			// What a run without the finder kept goes when one with it meets it.
			run(t, runnerIn(dir, shower, revealer))
			if found := withSecret(t, filepath.Join(dir, "cache"), secret); reveals && len(found) > 0 {
				t.Errorf("the secret is in %v", found)
			}
		})
	}
}

// Nothing in words of its own is told before it is known what must not be, and
// declared secrets are masked from the beginning.
func TestEventsAreMasked(t *testing.T) {
	t.Parallel()
	var told []string
	tests, finder := job("test"), job("finder")
	tests.Access.RunsRepositoryCode, finder.FindsSecrets = true, true
	tl := newTeller(func(ev Event) {
		line := ev.Job + " " + ev.Text
		if ev.Stage != nil {
			line += ev.Stage.Reason
		}
		told = append(told, line)
	}, []Job{tests, finder, job("lint")}, []string{"declared-secret"})
	tl.tell(Event{Kind: Progress, Job: "lint", Text: "declared-secret"})
	tl.tell(Event{Kind: Progress, Job: "test", Text: "found-secret"})
	tl.tell(Event{Kind: StageFinished, Job: "lint", Stage: &Result{Reason: "found-secret"}})
	tl.tell(Event{Kind: StageFinished, Job: "modules", Stage: &Result{}})
	tl.ended(&finder, []string{"found-secret"})
	tl.tell(Event{Kind: Progress, Job: "test", Text: "found-secret"})
	if want := []string{"lint ***", "modules ", "lint ***", "test ***"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// A file that leads elsewhere is refused by name, and not collected.
func TestOutputsThatLeadElsewhere(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"symlink", "link", "fifo"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			key := filepath.Join(dir, "id")
			if err := os.WriteFile(key, []byte("private"), 0o600); err != nil {
				t.Fatal(err)
			}
			j := job("leaves")
			j.Params = map[string]string{"Kind": kind, "To": key}
			r := runnerIn(dir, j)
			r.Collect = func(_, from string, _ mask.Masker) error { t.Errorf("collected from %s", from); return nil }
			got := run(t, r)["leaves"]
			if got.Outcome != NotRun || !strings.Contains(got.Reason, "coverage.out") || got.Remedy == "" {
				t.Errorf("%s (%s; %s), want not run", got.Outcome, got.Reason, got.Remedy)
			}
		})
	}
}

// What code of the repository changes of an earlier job's outputs is not read
// by a later one, be they fresh or from the cache, and is not cached.
func TestTamperedOutputs(t *testing.T) {
	t.Parallel()
	for _, cached := range []bool{false, true} {
		t.Run(fmt.Sprint("cached ", cached), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if cached {
				run(t, runnerIn(dir, job("stamp")))
			}
			tamperer, reader := job("tamperer"), job("reader")
			tamperer.Needs, reader.Needs, reader.Reads = []string{"stamp"}, []string{"stamp"}, []string{"tamperer"}
			r := runnerIn(dir, job("stamp"), tamperer, reader)
			launch := r.Launch
			r.Launch = func(ctx context.Context, task Task, progress func(string)) (Answer, error) {
				a, err := launch(ctx, task, progress)
				if task.Job == "tamperer" && err == nil {
					t.Error("it could write what an earlier job left")
				}
				if task.Job == "tamperer" { // what it would have done unconfined
					err = os.WriteFile(filepath.Join(task.Needs["stamp"].Out, "stamp"), []byte("forged"), 0o600)
				}
				return a, err
			}
			done, err := r.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(done.Results, func(r Result) bool { return r.Stage == "reader" })
			if got := done.Results[i]; got.Outcome != NotRun || !strings.Contains(got.Reason, "what stamp left") {
				t.Errorf("%s (%s), want not run", got.Outcome, got.Reason)
			}
			if err := done.Settle(mask.Masker{}); !cached && err == nil {
				t.Error("what was changed was kept")
			}
			if again := run(t, runnerIn(dir, job("stamp")))["stamp"]; again.Cached {
				t.Error("what was changed came from the cache")
			}
		})
	}
}
