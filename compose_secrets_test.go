//go:build stack && linux

package compose_test

import (
	"encoding/base64"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSecrets makes secrets, wants them to be of use to the containers alone,
// and wants a second run to change nothing but what is missing.
func TestSecrets(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "secrets")
	first := madeSecrets(t, folder)
	if len(first) != 4 {
		t.Fatalf("%d secrets, want 4", len(first))
	}
	seen := map[string]bool{}
	for name, text := range first {
		if raw, err := base64.StdEncoding.DecodeString(text); err != nil || len(raw) != 32 || seen[text] {
			t.Errorf("%s is not 32 random bytes of its own in base64", name)
		}
		seen[text] = true
	}
	if diff := cmp.Diff(first, madeSecrets(t, folder)); diff != "" {
		t.Error("a second run changed a secret")
	}
	if err := os.Remove(filepath.Join(folder, "db_password")); err != nil {
		t.Fatal(err)
	}
	again := madeSecrets(t, folder)
	if again["db_password"] == first["db_password"] || again["session_keys"] != first["session_keys"] {
		t.Error("want the missing secret to be made anew, and no other")
	}
}

// TestSecretIsFolder: compose makes a folder of a file that it misses.
func TestSecretIsFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "db_password"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("sh", "deploy/compose/secrets.sh", folder).CombinedOutput(); err == nil {
		t.Errorf("a folder in a secret's place was accepted:\n%s", out)
	}
}

func madeSecrets(t *testing.T, folder string) map[string]string {
	t.Helper()
	run(t, "", nil, "sh", "deploy/compose/secrets.sh", folder)
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v; want one for its owner alone", info, err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if info, err := e.Info(); err != nil || info.Mode() != fs.FileMode(0o444) {
			t.Errorf("%s: %v, %v; want a file that containers can read", e.Name(), info, err)
		}
		made[e.Name()] = string(text)
	}
	return made
}
