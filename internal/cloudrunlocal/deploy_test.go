package cloudrunlocal

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDeployAndPromote(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := deploy(t, c, release("VERSION=1"))
	if got := get(t, one.URL); got != "1" {
		t.Errorf("the revision without traffic answers %q", got)
	}
	if status, _ := fetch(t, one.ServiceURL); status != 503 {
		t.Errorf("the service answers %d before the rollout", status)
	}
	if got := promote(t, c, one); got != one {
		t.Errorf("promote: %s", cmp.Diff(one, got))
	}
	two := deploy(t, c, release("VERSION=2"))
	if got := get(t, one.ServiceURL); got != "1" {
		t.Errorf("the service answers %q before the second rollout", got)
	}
	promote(t, c, two)
	if got := get(t, one.ServiceURL); got != "2" {
		t.Errorf("the service answers %q after the second rollout", got)
	}
}

func TestDeployReusesWhatServes(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	again := deploy(t, c, release("VERSION=1"))
	if !again.Reused || again.Name != one.Name || again.URL != one.URL {
		t.Errorf("deployed again: %+v, want %+v", again, one)
	}
	if got := promote(t, c, again); got.Name != one.Name {
		t.Errorf("promoted %s", got.Name)
	}
	if other := deploy(t, c, release("VERSION=2")); other.Reused {
		t.Error("another environment was taken for the same release")
	}
}

func TestRollback(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	if _, err := c.Rollback(t.Context()); err == nil {
		t.Error("there was nothing to go back to, and no error")
	}
	serving(t, c, "VERSION=2")
	back, err := c.Rollback(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if back.Name != one.Name || get(t, back.ServiceURL) != "1" {
		t.Errorf("went back to %+v", back)
	}
}

func TestOnlyTheLastTwoRevisionsAreKept(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	var want []string
	for _, v := range []string{"VERSION=1", "VERSION=2", "VERSION=3", "VERSION=4"} {
		want = append(want, serving(t, c, v).Name)
	}
	eventually(t, "the older revisions are removed", func() bool {
		found, err := os.ReadDir(state(c.State).revisions())
		return err == nil && len(found) == 2 && found[0].Name() == want[2] && found[1].Name() == want[3]
	})
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	two := deploy(t, c, release("VERSION=2"))
	for _, rev := range []string{two.Name, one.Name, "todo-00009-xyz"} {
		if err := c.Discard(t.Context(), rev); err != nil {
			t.Errorf("discarding %s: %v", rev, err)
		}
	}
	if _, err := c.Promote(t.Context(), two.Name, 0); err == nil || !strings.Contains(err.Error(), two.Name) {
		t.Errorf("promoting what was discarded: %v", err)
	}
	if got := get(t, one.ServiceURL); got != "1" {
		t.Errorf("the service answers %q: what has the traffic was discarded", got)
	}
}

func TestRevisionsWithoutTrafficAreDropped(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.Limits.Linger = 300 * time.Millisecond
	serving(t, c, "VERSION=1")
	two := deploy(t, c, release("VERSION=2"))
	eventually(t, "the revision is dropped", func() bool {
		_, err := os.Stat(state(c.State).revision(two.Name))
		return os.IsNotExist(err)
	})
	if svc, err := c.Status(t.Context()); err != nil || !svc.Healthy {
		t.Errorf("the one with the traffic is gone too: %+v, %v", svc, err)
	}
}

func TestSupervisorWithoutRevisionsEnds(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.Limits.Linger = 300 * time.Millisecond
	deploy(t, c, release("VERSION=1"))
	eventually(t, "the supervisor ends", func() bool {
		_, alive := supervisorOf(state(c.State))
		return !alive
	})
	c.Limits.Linger = 0
	serving(t, c, "VERSION=2")
}

func TestUnhealthyRevisions(t *testing.T) {
	t.Parallel()
	missing := release("VERSION=bad")
	missing.Process.Entrypoint = []string{"/app/other"}
	text := release("VERSION=bad")
	text.Unpack = func(dir string) error {
		return errors.Join(os.MkdirAll(dir+"/app", 0o755), os.WriteFile(dir+"/app/server", []byte("no program"), 0o755))
	}
	cases := map[string]struct {
		release Release
		reason  string
		log     string
	}{
		"ends at once":            {release("VERSION=bad", "MODE=exit"), "ended before it answered: exit status 3", "starting bad\ncannot find the [31mconfiguration[0m"},
		"never listens":           {release("VERSION=bad", "MODE=silent"), "did not get ready in time (1s): nothing listens on port", "starting bad"},
		"says that it is":         {release("VERSION=bad", "MODE=sick"), "did not get ready in time (1s): GET /health answered 503", "starting bad"},
		"accepts, no word":        {release("VERSION=bad", "MODE=hang"), "did not get ready in time (1s)", "starting bad"},
		"is not in the image":     {missing, "cannot be started from its image: /app/other is not an executable file in it", ""},
		"fails on its first page": {release("VERSION=bad", "MODE=broken"), "did not get ready in time (1s): GET / answered 500", "starting bad"},
		"is no program":           {text, "exec format error", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t)
			c.Limits.Start, c.Limits.Stop = time.Second, 300*time.Millisecond
			good := serving(t, c, "VERSION=good")
			_, err := c.Deploy(t.Context(), tc.release)
			var bad *Unhealthy
			if !errors.As(err, &bad) {
				t.Fatalf("got error %v, want one about health", err)
			}
			if !strings.Contains(bad.Reason, tc.reason) || bad.Log != tc.log {
				t.Errorf("got %q with log %q, want %q with %q", bad.Reason, bad.Log, tc.reason, tc.log)
			}
			if got := get(t, good.ServiceURL); got != "good" {
				t.Errorf("the service answers %q", got)
			}
			if found, err := os.ReadDir(state(c.State).revisions()); err != nil || len(found) != 1 {
				t.Errorf("kept revisions: %v, %v", found, err)
			}
		})
	}
}

func TestPromoteAsksAgain(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.Limits.Backoff = 10 * time.Second
	one := serving(t, c, "VERSION=1")
	two := deploy(t, c, release("VERSION=2"))
	if status, _ := fetch(t, two.URL+"/crash"); status != 502 {
		t.Errorf("a request that killed the process is answered %d", status)
	}
	eventually(t, "the crash is noticed", func() bool {
		status, _ := fetch(t, two.URL)
		return status == 503
	})
	_, err := c.Promote(t.Context(), two.Name, 0)
	var bad *Unhealthy
	if !errors.As(err, &bad) || !strings.Contains(bad.Reason, "exit status 7") {
		t.Errorf("got error %v, want one about health", err)
	}
	if got := get(t, one.ServiceURL); got != "1" {
		t.Errorf("the service answers %q", got)
	}
}

func TestServiceWithoutHealthPage(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	if got := get(t, serving(t, c, "VERSION=1", "MODE=plain").ServiceURL); got != "1" {
		t.Errorf("the service answers %q", got)
	}
}
