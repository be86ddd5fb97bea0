package mask

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	t.Parallel()
	secret, longer := strings.Repeat("s3", 10), strings.Repeat("s3", 15)
	key := "-----BEGIN X-----\n" + strings.Repeat("k", 40) + "\n-----END X-----"
	m := New([]string{secret, longer, key, "ab", ""})
	for _, text := range []string{
		"token=" + secret, "longer=" + longer, base64.StdEncoding.EncodeToString([]byte(secret)),
		"line " + strings.Repeat("k", 40), `"` + strings.ReplaceAll(key, "\n", `\n`) + `"`,
	} {
		got := m.String(text)
		if !strings.Contains(got, shown) || strings.Contains(got, "s3s3") || strings.Contains(got, "kkkk") {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := m.String("about a cab"); got != "about a cab" {
		t.Errorf("ordinary text became %q", got)
	}
	if New(nil).Active() || New([]string{"ab"}).String("ab") != "ab" {
		t.Error("nothing to mask, and something was")
	}
}
