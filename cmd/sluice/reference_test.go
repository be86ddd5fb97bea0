package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/reference/scanners.md")

// TestScannersReference holds docs/reference/scanners.md to what the program says:
//
//	go test ./cmd/sluice -run TestScannersReference -update
func TestScannersReference(t *testing.T) {
	t.Parallel()
	out, err := exec.Command(program, "explain", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Families []struct {
			Stage, Tool, Version, Gate string
			Rules                      []struct{ ID string }
		}
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	fmt.Fprint(&page, `# Scanners

What stands behind each stage that looks for defects: the tools, their versions, their families of rules, and what shuts the stage's gate
unless `+"`sluice.yaml`"+` says otherwise: the least severity, or for vulnerabilities how near to being executed they must be.
`+"`sluice explain RULE`"+` says what a rule means and what to do.

This page is written by a test, from what the program itself says (`+"`sluice explain --json`"+`).

| stage | tool | version | gate | rules |
|---|---|---|---|---|
`)
	for _, f := range said.Families {
		version := f.Version
		if version == "" {
			version = "Sluice's own"
		}
		rules := "`" + f.Rules[0].ID + "`"
		if last := len(f.Rules) - 1; last > 0 {
			rules += fmt.Sprintf(" to `%s` (%d)", f.Rules[last].ID, last+1)
		}
		fmt.Fprintf(&page, "| %s | %s | %s | %s | %s |\n", f.Stage, f.Tool, version, f.Gate, rules)
	}
	file := filepath.Join("..", "..", "docs", "reference", "scanners.md")
	if *update {
		if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, page.Bytes()) {
		t.Errorf("%s is not what the program says; run this test with -update:\n%s", strings.TrimPrefix(file, "../../"), page.Bytes())
	}
}
