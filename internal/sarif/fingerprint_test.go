package sarif

import (
	"math/rand/v2"
	"testing"
	"testing/quick"
)

// TestFingerprintOfAPlace: wherever a defect is moved to, and however its
// message tells the place, it is the same one; another is another.
func TestFingerprintOfAPlace(t *testing.T) {
	t.Parallel()
	same := func(rule, identity, other string, path, to string, line, moved uint16) bool {
		if identity == "" {
			return true // an adapter that gives none has the place decide
		}
		a := Finding{Rule: rule, Identity: identity, Message: path, Location: Location{Path: path, Line: int(line)}}
		b := a
		b.Location, b.Message, b.Severity = Location{Path: to, Line: int(moved), Column: 3, Commit: path}, to, Critical
		c := a
		c.Identity += other
		return a.Fingerprint() == b.Fingerprint() && (other == "") == (a.Fingerprint() == c.Fingerprint())
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
}

// TestFingerprintOfAnAdvisory: scanners call an advisory by one of its names
// and list the others in any order; whichever that is, and whatever version was
// seen where, it is the same defect.
func TestFingerprintOfAnAdvisory(t *testing.T) {
	t.Parallel()
	names := []string{"GO-2021-0113", "CVE-2021-38561", "GHSA-ppp9-7jff-5vj2"}
	seen := func(seed uint64) Finding {
		r := rand.New(rand.NewPCG(seed, 1))
		order := r.Perm(len(names))
		f := Finding{Rule: names[order[0]], Module: "golang.org/x/text@v0.3." + string(rune('0'+r.IntN(10))), Message: names[order[0]], Location: Location{Path: []string{"go.mod", "image:/app"}[r.IntN(2)]}}
		for _, i := range order[1:] {
			f.Aliases = append(f.Aliases, names[i])
		}
		if r.IntN(2) == 0 {
			f.Aliases = append(f.Aliases, f.Rule) // some list it among its own aliases
		}
		return f
	}
	same := func(a, b uint64) bool { return seen(a).Fingerprint() == seen(b).Fingerprint() }
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
	if merged := Merge([]Finding{seen(1), seen(2), seen(3), seen(4)}); len(merged) != 1 {
		t.Errorf("%d defects, want one: %+v", len(merged), merged)
	}
	other := seen(1)
	other.Module = "golang.org/x/net@v0.3.5"
	if other.Fingerprint() == seen(1).Fingerprint() {
		t.Error("an advisory in two modules is one defect")
	}
	unknown := Finding{Rule: "GO-2021-0113", Module: "golang.org/x/text@v0.3.5"}
	if unknown.Fingerprint() != (Finding{Rule: "go-2021-0113", Module: "golang.org/x/text"}).Fingerprint() {
		t.Error("a name in small letters is another name")
	}
}
