package tongue

import "testing"

func TestOf(t *testing.T) {
	if got := Of("en"); got != "en" {
		t.Errorf("the language is %q, want en", got)
	}
}
