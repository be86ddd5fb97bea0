package trivy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

// TestUnseen: what is not looked at is found, wherever it lies.
func TestUnseen(t *testing.T) {
	t.Parallel()
	padding := strings.Repeat("# padding\n", maxFileSize/10+1)
	dir := folder(t, map[string]string{
		"i/.terraform/modules/m/main.tf": firewall, "i/.terraform/x/.terraform/y": "", "new/.terraform/providers/p": "", "other.terraform/x": "",
		"large.yaml": padding + goodPod, "little.yaml": inUTF16(goodPod, "\xff\xfe"), "big.json": "\xfe\xff" + inUTF16(composed, "\x00"), "names.yaml": inUTF16("a: b\n", "\xff\xfe"),
		"data.json": "[\"" + padding + "\"]", "escaped.json": padding + `"\u0061"`,
	})
	git(t, dir, "init", "-q")
	git(t, dir, "add", "i", "other.terraform")
	if err := os.Symlink("i", filepath.Join(dir, terraformFolder)); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", terraformFolder)
	p := params{Git: true, Version: "v1"}
	r := iac(t, dir, p)
	var got []string
	for _, f := range r.Findings {
		got = append(got, fmt.Sprint(f.Location, " ", f.Rule, " ", f.Severity))
	}
	want := []string{
		"escaped.json iac-too-large high", "large.yaml iac-too-large high", "big.json iac-encoding high", "little.yaml iac-encoding high", ".terraform terraform-folder-tracked high", "i/.terraform terraform-folder-tracked high",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(r.Rules) != 3 {
		t.Errorf("rules: %+v", r.Rules)
	}
	r.Findings = nil // as if each had an exception
	if d := pipeline.Decide(r, pipeline.Verdict{}, true); d.Outcome != pipeline.Passed {
		t.Errorf("%s: %s", d.Outcome, d.Reason)
	}
}

// inUTF16 has a NUL between the characters of an ASCII text.
func inUTF16(text, mark string) string {
	return mark + strings.Join(strings.Split(text, ""), "\x00") + "\x00"
}

func TestMayBeManifest(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1<<20 - 19, 1<<20 - 5, 1 << 20, 1<<20 + 5} {
		for text, want := range map[string]bool{"apiVersion": true, "services": true, `\u0061`: true, "apiversion": false, inUTF16("apiVersion", ""): true, "\"api\\\nVersion\"": true, "\"api\\\rVersion\"": true} {
			got, err := mayBeManifest(strings.NewReader(strings.Repeat(" ", n) + text + strings.Repeat("\n", n)))
			if got != want || err != nil {
				t.Errorf("%d spaces, %q: %v, %v", n, text, got, err)
			}
		}
	}
}
