//go:build infra

package terraform

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Stand-ins for the two programs that tools/provider.sh calls. Each writes down
// what it was asked for.
const (
	registryAnswers = `mkdir -p .terraform/providers/registry.terraform.io
echo signed >.terraform/providers/registry.terraform.io/provider`
	registrySilent = `echo "Error: no answer"; exit 1`
	goBuilds       = `[ "$1" = env ] && { printf 'linux\namd64\n'; exit; }
[ "$GOSUMDB $GOFLAGS$GOPRIVATE" = "sum.golang.org " ] || exit 1 # nothing is left unchecked
mkdir -p "$GOBIN" && echo built >"$GOBIN/terraform-provider-google"`
	goFails = `[ "$1" = env ] && { printf 'linux\namd64\n'; exit; }
exit 1`
)

// machine is a folder with stand-ins, and what was asked of them.
type machine struct{ dir string }

func newMachine(t *testing.T, terraform, goTool string) machine {
	t.Helper()
	m := machine{t.TempDir()}
	for name, script := range map[string]string{"terraform": terraform, "go": goTool} {
		script = "#!/bin/sh\necho " + name + " \"$1\" >>" + filepath.Join(m.dir, "asked") + "\n" + script + "\n"
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m machine) layOut(t *testing.T) (config string, err error) {
	command := exec.CommandContext(t.Context(), "../tools/provider.sh")
	command.Env = append(os.Environ(), "PATH="+m.dir+":"+os.Getenv("PATH"), "GO=go", "XDG_CACHE_HOME="+m.dir, "GOFLAGS=-mod=mod", "GOSUMDB=off", "GOPRIVATE=*")
	out, err := command.Output()
	return strings.TrimSpace(string(out)), err
}

// asked says what the stand-ins did, but for telling the platform.
func (m machine) asked(t *testing.T) string {
	t.Helper()
	return strings.ReplaceAll(read(t, filepath.Join(m.dir, "asked")), "go env\n", "")
}

func TestProvider(t *testing.T) {
	t.Parallel()
	const built = "hashicorp/google/8.0.0/linux_amd64/terraform-provider-google_v8.0.0_x5"
	for _, tt := range []struct {
		name, terraform, goTool string
		asked, provider, text   string
	}{
		{"from the registry", registryAnswers, goFails, "terraform init\n", "provider", "signed\n"},
		{"built", registrySilent, goBuilds, "terraform init\ngo install\n", built, "built\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, tt.terraform, tt.goTool)
			var configs [3]string
			var wg sync.WaitGroup
			for i := range configs { // two wait for the first, and use what it made
				wg.Go(func() {
					var err error
					if configs[i], err = m.layOut(t); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if diff := cmp.Diff(tt.asked, m.asked(t)); diff != "" {
				t.Error(diff)
			}
			mirror := filepath.Join(filepath.Dir(configs[0]), "providers")
			if got := read(t, filepath.Join(mirror, "registry.terraform.io", tt.provider)); got != tt.text || configs[0] != configs[1] {
				t.Errorf("the provider is %q, by %q", got, configs)
			}
			if !strings.Contains(read(t, configs[0]), `path = "`+mirror+`"`) {
				t.Errorf("the configuration does not name %s:\n%s", mirror, read(t, configs[0]))
			}
		})
	}
}

// TestProviderAfterFailure shows that nothing half made is left.
func TestProviderAfterFailure(t *testing.T) {
	t.Parallel()
	m := newMachine(t, registrySilent, goFails)
	config, err := m.layOut(t)
	if err == nil || config != "" {
		t.Fatalf("a failed build gave %q, %v", config, err)
	}
	entries, err := os.ReadDir(filepath.Join(m.dir, "sluice-terraform"))
	if err != nil || len(entries) != 1 || entries[0].Name() != "lock" {
		t.Errorf("there is more than the lock: %v, %v", entries, err)
	}
}
