package secrets

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sluice-ci/sluice/internal/scan"
)

// Wherever in a repository the service is, all of the repository is scanned,
// and what is found is named as it is from there.
func TestServiceBelowTheTop(t *testing.T) {
	t.Parallel()
	for root, want := range map[string][]string{
		".":      {"other/b.env", "svc/a.env", "svc/in/c.env", "top.env", "other/old.env"},
		"svc":    {"../other/b.env", "a.env", "in/c.env", "../top.env", "../other/old.env"},
		"svc/in": {"../../other/b.env", "../a.env", "c.env", "../../top.env", "../../other/old.env"},
	} {
		t.Run(root, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			r.root = root
			commit := r.put("other/old.env", awsKey())
			r.put("other/old.env", "")
			for _, name := range []string{"other/b.env", "svc/a.env", "svc/in/c.env", "top.env"} {
				r.write(name, awsKey())
			}
			for i := range want {
				want[i] = "aws-access-token " + want[i] + ":1"
			}
			want[4] += " " + commit
			report := r.complete()
			if diff := cmp.Diff(want, places(report.Findings)); diff != "" {
				t.Error(diff)
			}
			if n := examined(report, "files"); n != 5 {
				t.Errorf("files examined = %d, want 5", n)
			}
		})
	}
}

// The name by which an exception knows a secret is the same from every service.
func TestFingerprintsFromServices(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.put("a/a.env", awsKey())
	r.write("b/b", "b\n")
	names := map[string]bool{}
	for _, r.root = range []string{".", "a", "b"} {
		names[r.complete().Findings[0].Fingerprint()] = true
	}
	if len(names) != 1 {
		t.Errorf("fingerprints = %v, want one", names)
	}
}

// An answer's paths are one service's, so no other is given it. It rests on
// whatever there is in the repository.
func TestPlansOfTwoServices(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.put("a/x", "x\n")
	r.put("b/x", "x\n")
	r.root = "a"
	a := r.job(true)
	r.root = "b"
	b := r.job(true)
	if a.Params == b.Params {
		t.Errorf("both have the parameters %+v", a.Params)
	}
	if trees := slices.Concat(a.Inputs.Trees, b.Inputs.Trees); !slices.Equal(trees, []string{r.dir, r.dir}) {
		t.Errorf("inputs = %q, want the repository", trees)
	}
}

// A repository that has not a file of the service says nothing about it.
func TestIgnoredService(t *testing.T) {
	t.Parallel()
	for _, ignore := range []string{"svc/", "svc/*", "in", "*.env\nsvc"} {
		t.Run(ignore, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			r.put(".gitignore", ignore+"\n")
			r.write("svc/in/a.env", awsKey())
			r.root = "svc/in"
			r.notRun("keeps the service's folder out", "git init")
		})
	}
}

func TestServiceOutsideItsWorkTree(t *testing.T) {
	t.Parallel()
	if _, err := (Scanner{}).Job(scan.Service{Root: "/repo/svc", Dir: "/repo/svc", GitTop: "/repo/other"}); err == nil {
		t.Error("it was planned")
	}
}
