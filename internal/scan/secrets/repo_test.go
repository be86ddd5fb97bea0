package secrets

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// repo is a repository made by the real git, and what the worker keeps for it.
type repo struct {
	t          *testing.T
	dir, cache string
	root       string // the service's, relative to dir; "" is dir itself
	log        bytes.Buffer
	clock      int
}

func newRepo(t *testing.T, initArgs ...string) *repo {
	t.Helper()
	r := &repo{t: t, dir: t.TempDir(), cache: t.TempDir()}
	r.git(append([]string{"init", "-q", "-b", "main"}, initArgs...)...)
	return r
}

// git runs git as a user would, but for the machine's configuration.
func (r *repo) git(args ...string) string {
	r.t.Helper()
	r.clock++
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	date := fmt.Sprintf("%d +0000", 1_700_000_000+r.clock)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
		"GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date, "GIT_ALLOW_PROTOCOL=file")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repo) write(name, content string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// commit commits everything and returns the commit.
func (r *repo) commit() string {
	r.t.Helper()
	r.git("add", "-A", "--force")
	r.git("commit", "-q", "--allow-empty", "--no-gpg-sign", "-m", "change")
	return r.git("rev-parse", "HEAD")
}

// put writes and commits one file.
func (r *repo) put(name, content string) string {
	r.t.Helper()
	r.write(name, content)
	return r.commit()
}

func (r *repo) service() string { return filepath.Join(r.dir, r.root) }

// job plans as the pipeline does.
func (r *repo) job(git bool) pipeline.Job {
	r.t.Helper()
	s := scan.Service{Root: r.service(), Dir: r.service(), Version: "v0"}
	if git {
		s.GitTop = r.dir
	}
	job, err := Scanner{}.Job(s)
	if err != nil {
		r.t.Fatal(err)
	}
	return job
}

func (r *repo) try(ctx context.Context, job pipeline.Job) (pipeline.Answer, error) {
	r.t.Helper()
	p, err := json.Marshal(job.Params)
	if err != nil {
		r.t.Fatal(err)
	}
	out := r.t.TempDir()
	answer, err := Scanner{}.Worker()(ctx, pipeline.Task{
		Job: job.Name, Stages: job.Stages, Root: r.service(), Dir: r.service(), Out: out, Cache: r.cache, Params: p,
		Progress: func(string) {}, Log: &r.log,
	})
	if left, readErr := os.ReadDir(out); readErr != nil || len(left) > 0 {
		r.t.Errorf("left in the output folder: %v, %v", left, readErr)
	}
	return answer, err
}

// scan plans and works, and expects an answer for the stage.
func (r *repo) scan() pipeline.Answer {
	r.t.Helper()
	answer, err := r.try(context.Background(), r.job(true))
	if err != nil {
		r.t.Fatal(err)
	}
	if len(answer.Reports) != 1 || answer.Reports[0].Stage != "secrets" {
		r.t.Fatalf("reports = %+v, want one for the stage secrets", answer.Reports)
	}
	return answer
}

// complete is a scan that must not end "not run".
func (r *repo) complete() pipeline.Report {
	r.t.Helper()
	report := r.scan().Reports[0]
	if report.NotRun != "" {
		r.t.Fatalf("not run: %s", report.NotRun)
	}
	if got := pipeline.Decide(report, pipeline.Verdict{}, true); got.Outcome != pipeline.Passed {
		r.t.Errorf("%s: %s", got.Outcome, got.Reason)
	}
	return report
}

// notRun is a scan that must end "not run", for a reason and with a remedy.
func (r *repo) notRun(reason, remedy string) pipeline.Report {
	r.t.Helper()
	answer := r.scan()
	report := answer.Reports[0]
	if report.NotRun == "" || !strings.Contains(report.NotRun, reason) || !strings.Contains(report.Remedy, remedy) {
		r.t.Fatalf("not run: %q, remedy: %q; want them to contain %q and %q", report.NotRun, report.Remedy, reason, remedy)
	}
	if !answer.Volatile {
		r.t.Error("an answer that is not one would be cached")
	}
	return report
}

// places are findings as "rule path:line" and the commit.
func places(findings []sarif.Finding) []string {
	var out []string
	for _, f := range findings {
		place := fmt.Sprintf("%s %s:%d", f.Rule, f.Location.Path, f.Location.Line)
		if f.Location.Commit != "" {
			place += " " + f.Location.Commit
		}
		out = append(out, place)
	}
	return out
}

// awsKey is a key that was never issued.
func awsKey() string { return plantedKey() }

// examined is one of a report's counts.
func examined(r pipeline.Report, what string) int {
	for _, c := range r.Examined {
		if c.What == what {
			return c.N
		}
	}
	return 0
}
