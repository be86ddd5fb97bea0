package mask

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type inner struct {
	Text *string
	When time.Time
}

type outer struct {
	Name  string
	List  []string
	None  []string
	ByKey map[string]inner
	N     int
	inner inner
}

func TestValue(t *testing.T) {
	t.Parallel()
	secret, when := "s3cret-value", time.Unix(1, 2)
	text := "has " + secret
	v := outer{secret, []string{"a", text}, nil, map[string]inner{"k": {&text, when}}, 7, inner{When: when}}
	got := Value(New([]string{secret}), v)
	hidden := "has ***"
	want := outer{shown, []string{"a", hidden}, nil, map[string]inner{"k": {&hidden, when}}, 7, inner{When: when}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(outer{})); diff != "" {
		t.Error(diff)
	}
	if v.List[1] != text || *v.ByKey["k"].Text != text {
		t.Error("what was given was changed")
	}
	if got := Value(Masker{}, v); got.Name != secret {
		t.Error("nothing to mask, and something was")
	}
}
