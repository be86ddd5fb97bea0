package trivy

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/tool"
)

// probeSource is what the tests' provider is called by.
const probeSource = "example.com/sluice/probe"

// probe is the tests' provider, in a folder as providers lie in a mirror, with
// its checksum as a lock file has it.
func probeIn(t *testing.T, dir string) (at, hash string) {
	t.Helper()
	at = filepath.Join(dir, filepath.FromSlash(locked{source: probeSource, version: "1.0.0"}.layouts()[0]))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", filepath.Join(at, "terraform-provider-probe_v1.0.0"), ".")
	cmd.Dir, cmd.Env = filepath.Join("testdata", "provider"), append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building a provider: %v\n%s", err, out)
	}
	hash, err := dirhash.HashDir(at, "", dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	return at, hash
}

// lockOf is a lock file with one provider.
func lockOf(hashes ...string) string {
	text := "# This file is maintained automatically by \"terraform init\".\n\nprovider \"" + probeSource + "\" {\n  version     = \"1.0.0\"\n  constraints = \"1.0.0\"\n  hashes = [\n"
	for _, h := range hashes {
		text += "    \"" + h + "\",\n"
	}
	return text + "  ]\n}\n"
}

// probing is a configuration with the tests' provider.
func probing(resource string) string {
	return "terraform {\n  required_providers {\n    probe = { source = \"" + probeSource + "\", version = \"1.0.0\" }\n  }\n}\nresource \"probe\" \"p\" {\n" + resource + "}\n"
}

// validationOf does the job on a folder, with providers from others.
func validationOf(t *testing.T, dir string, providers ...string) (pipeline.Report, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := look(t.Context(), dir, nothingIgnored)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if err := tree.handOver(out); err != nil {
		t.Fatal(err)
	}
	p := validateParams{Top: dir, Terraform: terraform{Found: tool.Found{Name: terraformName, Path: needed(t, terraformName)}}, Folders: providers, Start: true}
	return work(t, func(ctx context.Context, task pipeline.Task) (pipeline.Answer, error) {
		task.Program = exe
		return Validate{probe: asIs}.Worker()(ctx, task)
	}, dir, p, map[string]pipeline.Need{IaCName: {Out: out}})
}

func TestValidate(t *testing.T) {
	t.Parallel()
	folderOf := t.TempDir()
	at, hash := probeIn(t, folderOf)
	packed := packedProbe(t, at)
	tampered := t.TempDir()
	if err := write(filepath.Join(tampered, filepath.FromSlash(locked{source: probeSource, version: "1.0.0"}.layouts()[0]), "terraform-provider-probe_v1.0.0"), []byte("#!/bin/sh\n")); err != nil {
		t.Fatal(err)
	}
	const undeclared = "output \"o\" {\n  value = var.gone\n}\n"
	tests := map[string]struct {
		files    map[string]string
		folders  []string
		findings []string
		notes    []string
		notRun   string
	}{
		"nothing wrong": {files: map[string]string{"main.tf": "variable \"v\" {}\noutput \"o\" {\n  value = var.v\n}\n"}},
		"a variable that is not declared": {
			files:    map[string]string{"a b/main.tf": undeclared},
			findings: []string{"a b/main.tf:2 high Reference to undeclared input variable"},
		},
		"in a module of the repository": {
			files:    map[string]string{"root/main.tf": "module \"m\" {\n  source = \"../mod\"\n}\n", "mod/main.tf": undeclared},
			findings: []string{"mod/main.tf:2 high Reference to undeclared input variable"},
		},
		"a syntax error": {files: map[string]string{"main.tf": "output \"o\" {\n"}, findings: []string{"main.tf:1 high Unclosed configuration block", "main.tf:1 high Missing required argument"}},
		"no lock file":   {files: map[string]string{"i/main.tf": probing("")}, folders: []string{folderOf}, notes: []string{lackLock + ": i"}},
		"a provider that refuses": {
			files: map[string]string{"i/main.tf": probing("  gone = 1\n"), "i/" + lockFile: lockOf(hash)}, folders: []string{folderOf},
			findings: []string{"i/main.tf:7 high Unsupported argument"},
		},
		"one that is packed": {
			files: map[string]string{"i/main.tf": probing("  gone = 1\n"), "i/" + lockFile: lockOf("zh:0", hash)}, folders: []string{tampered, packed},
			findings: []string{"i/main.tf:7 high Unsupported argument"},
		},
		"one of the user's own terraform init": {
			files: map[string]string{"main.tf": probing("  gone = 1\n"), lockFile: lockOf(hash)}, folders: []string{"own"},
			findings: []string{"main.tf:7 high Unsupported argument"},
		},
		"one that warns": {
			files: map[string]string{"i/main.tf": probing("  read = [\"/nowhere\"]\n"), "i/" + lockFile: lockOf(hash)}, folders: []string{folderOf},
			findings: []string{"i/main.tf:7 low tried"},
		},
		"one that crashes": {
			files: map[string]string{"i/main.tf": probing("  crash = [\"now\"]\n"), "i/" + lockFile: lockOf(hash)}, folders: []string{folderOf},
			notRun: "Terraform folders were not validated: i: terraform validate failed: ",
		},
		"a module of a root with a lock": {
			files:    map[string]string{"i/main.tf": "module \"m\" {\n  source = \"../m\"\n}\n", "i/" + lockFile: lockOf(hash), "m/main.tf": probing("  gone = 1\n")},
			folders:  []string{folderOf},
			findings: []string{"m/main.tf:7 high Unsupported argument"},
		},
		"nobody has it":  {files: map[string]string{"i/main.tf": probing(""), "i/" + lockFile: lockOf(hash)}, notes: []string{lackPackage + ": i"}},
		"tampered with":  {files: map[string]string{"i/main.tf": probing(""), "i/" + lockFile: lockOf(hash)}, folders: []string{tampered}, notes: []string{lackChecksum + ": i"}},
		"no checksum":    {files: map[string]string{"i/main.tf": probing(""), "i/" + lockFile: lockOf()}, folders: []string{folderOf}, notes: []string{lackChecksum + ": i"}},
		"not all locked": {files: map[string]string{"i/main.tf": probing(""), "i/" + lockFile: "\n"}, folders: []string{folderOf}, notes: []string{lackEntry + ": i"}},
		"modules from elsewhere": {
			files: map[string]string{"i/main.tf": "module \"a\" {\n  source = \"a/b/c\"\n}\nmodule \"b\" {\n  source = \"git::https://example.com/b\"\n}\n"},
			notes: []string{lackModule + ": i"},
		},
		"modules from elsewhere that the user has": {
			files: map[string]string{
				"i/main.tf": "module \"b\" {\n  source = \"git::https://example.com/b\"\n  gone = 1\n}\n", "i/.terraform/modules/b/main.tf": "variable \"v\" {}\n",
				"i/.terraform/modules/modules.json": `{"Modules":[{"Key":"","Source":"","Dir":"."},{"Key":"b","Source":"git::https://example.com/b","Dir":".terraform/modules/b"}]}`,
			},
			findings: []string{"i/main.tf:1 high Missing required argument", "i/main.tf:3 high Unsupported argument"},
		},
		"another version of Terraform": {files: map[string]string{"i/main.tf": "terraform {\n  required_version = \"< 1\"\n}\n"}, notes: []string{lackVersion + ": i"}},
		"a lock file that is none":     {files: map[string]string{"i/main.tf": probing(""), "i/" + lockFile: "provider\n"}, notRun: "Terraform folders were not validated: i: .terraform.lock.hcl: line 1 is none that Terraform writes"},
		"a module that is not there":   {files: map[string]string{"main.tf": "module \"a\" {\n  source = \"./gone\"\n}\n"}, findings: []string{"main.tf:1 high Module not installed"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, test.files)
			if len(test.folders) == 1 && test.folders[0] == "own" {
				test.folders = nil
				if err := os.MkdirAll(filepath.Join(dir, terraformFolder), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(folderOf, filepath.Join(dir, terraformFolder, "providers")); err != nil {
					t.Fatal(err)
				}
			}
			r, err := validationOf(t, dir, test.folders...)
			if err != nil {
				t.Fatal(err)
			}
			var findings, notes []string
			for _, f := range r.Findings {
				summary, _, _ := strings.Cut(f.Message, ":")
				findings = append(findings, fmt.Sprint(f.Location, " ", f.Severity, " ", summary))
			}
			for _, n := range r.Notes {
				notes = append(notes, strings.TrimPrefix(n, "terraform validate was not done: "))
			}
			if diff := gocmp.Diff(test.findings, findings); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := gocmp.Diff(test.notes, notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(r.NotRun, test.notRun) || (r.NotRun == "") != (test.notRun == "") {
				t.Errorf("not run: %q", r.NotRun)
			}
			want := pipeline.Passed
			switch {
			case test.notRun != "":
				want = pipeline.NotRun
			case len(test.findings) > 0:
				return
			}
			if d := pipeline.Decide(r, pipeline.Verdict{}, true); d.Outcome != want {
				t.Errorf("%s: %s", d.Outcome, d.Reason)
			}
		})
	}
}

// packedProbe is the provider as "terraform providers mirror" leaves it.
func packedProbe(t *testing.T, at string) string {
	t.Helper()
	const name = "terraform-provider-probe_v1.0.0"
	text, err := os.ReadFile(filepath.Join(at, name))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: name, Method: zip.Store}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err == nil {
		_, err = w.Write(text)
	}
	if err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, filepath.FromSlash(locked{source: probeSource, version: "1.0.0"}.layouts()[1]))
	if err := write(file, b.Bytes()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestTerraformRefuses: what Sluice has not looked at, Terraform does not start
// either, when it installs a provider or when it has one already.
func TestTerraformRefuses(t *testing.T) {
	t.Parallel()
	dir, marker := folder(t, map[string]string{"main.tf": probing(""), lockFile: lockOf("h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")}), filepath.Join(t.TempDir(), "started")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	v := &validation{
		task: pipeline.Task{Log: t.Output()}, program: exe, terraform: tool.Found{Path: needed(t, terraformName)}, dir: t.TempDir(),
		called: map[string]bool{}, covered: map[string]bool{}, left: map[string][]string{},
	}
	for _, place := range []func(module) string{module.mirror, func(m module) string { return filepath.Join(m.data(), "providers") }} {
		m, err := v.newModule(dir)
		if err != nil {
			t.Fatal(err)
		}
		program := filepath.Join(place(m), filepath.FromSlash(locked{source: probeSource, version: "1.0.0"}.layouts()[0]), "terraform-provider-probe_v1.0.0")
		if err := write(program, []byte("#!/bin/sh\necho > '"+marker+"'\n")); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(program, 0o700); err != nil {
			t.Fatal(err)
		}
		i, err := m.init(t.Context())
		if err != nil || i.done {
			t.Errorf("%+v, %v", i, err)
		}
		said, err := m.validate(t.Context())
		if err == nil {
			err = v.judge("", i, said, true)
		}
		if err == nil || len(v.report.Findings) > 0 || len(v.left) > 0 {
			t.Errorf("%v, %+v, %v", err, v.report, v.left)
		}
		if _, err := os.Stat(marker); err == nil {
			t.Error("the provider was started")
		}
	}
}

func TestReadVerdict(t *testing.T) {
	t.Parallel()
	const fault = `{"severity":"error","summary":"s"}`
	for text, failed := range map[string]bool{
		``: false, `{}`: false, `null`: false, `[]`: false,
		`{"format_version":"2.0","valid":true,"error_count":0}`:                                     false,
		`{"format_version":"1.0","error_count":0}`:                                                  false,
		`{"format_version":"1.0","valid":true}`:                                                     false,
		`{"format_version":"1.0","valid":true,"error_count":0}`:                                     true,
		`{"format_version":"1.0","valid":true,"error_count":0}x`:                                    false,
		`{"format_version":"1.0","valid":false,"error_count":1}`:                                    true,
		`{"format_version":"1.0","valid":true,"error_count":0,"diagnostics":[` + fault + `]}`:       false,
		`{"format_version":"1.0","valid":false,"error_count":1,"diagnostics":[` + fault + `]}`:      false,
		`{"format_version":"1.0","valid":true,"error_count":0,"diagnostics":[{"severity":"note"}]}`: false,
	} {
		if v, err := readVerdict([]byte(text), failed); err == nil {
			t.Errorf("%s: %+v", text, v)
		}
	}
	if v, err := readVerdict([]byte(`{"format_version":"1.0","valid":false,"error_count":1,"diagnostics":[`+fault+`]}`), true); err != nil || len(v.Diagnostics) != 1 {
		t.Errorf("%+v, %v", v, err)
	}
}

func FuzzReadVerdict(f *testing.F) {
	for _, name := range []string{"main.tf", "../m/main.tf", "../../../etc/passwd", "/etc/passwd", "a\nb"} {
		text, err := json.Marshal(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(`{"format_version":"1.0","valid":false,"error_count":1,"diagnostics":[{"severity":"error","summary":"s\n","range":{"filename":`+string(text)+`,"start":{"line":-1}}}]}`), "a/b")
	}
	f.Fuzz(func(t *testing.T, text []byte, dir string) {
		v, err := readVerdict(text, true)
		if err != nil {
			return
		}
		for _, d := range v.Diagnostics {
			if d.Range == nil {
				continue
			}
			found, err := d.finding(dir, func(name string) string { return name })
			if err == nil && (!filepath.IsLocal(found.Location.Path) || strings.ContainsAny(found.Location.Path+found.Message, "\n\x1b") || found.Location.Line < 0 || len(found.Message) > 2*maxMessage) {
				t.Errorf("%+v", found)
			}
		}
	})
}

func FuzzParseLock(f *testing.F) {
	f.Add(lockOf("h1:a=", "zh:0"))
	f.Add("provider \"a/b/c\" {\n}\n")
	f.Add("provider \"../../b/c\" {\nversion = \"1\"\n}\n")
	f.Add("provider \"a/b/c\" {\nversion = \"../1\"\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parseLock([]byte(text))
		for _, l := range all {
			for _, name := range l.layouts() {
				if err == nil && (path.Clean(name) != name || !filepath.IsLocal(name) || len(strings.Split(l.source, "/")) != 3) {
					t.Errorf("%q", name)
				}
			}
		}
	})
}

// TestProvidersAreFound: in the folders that Terraform's users have, and nothing
// else of such a folder is shown.
func TestProvidersAreFound(t *testing.T) {
	t.Parallel()
	const name = "example.com/a/b/1.0.0/" + platform + "/terraform-provider-b"
	home := folder(t, map[string]string{
		".terraformrc":  "# path = \"/commented\"\nplugin_cache_dir = \"$HOME/cache\"\nprovider_installation {\n  filesystem_mirror {\n    path    = \"/mirror\"\n  }\n  direct {}\n}\n",
		"cache/" + name: "", "cache/secret": "", "cache/example.com/a/c/1.0.0/other_os/x": "",
		".terraform.d/plugins/" + name: "",
		"data/terraform/plugins/example.com/a/d/terraform-provider-d_1.0.0_" + platform + ".zip": "",
	})
	env := map[string]string{"HOME": home, "XDG_DATA_HOME": home + "/data", "XDG_DATA_DIRS": "relative:/share", "TF_PLUGIN_CACHE_DIR": ""}
	all := providerFolders(home, func(name string) string { return env[name] })
	want := []string{home + "/cache", "/mirror", home + "/.terraform.d/plugins", home + "/data/terraform/plugins", "/share/terraform/plugins"}
	if diff := gocmp.Diff(want, all); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
	read, digest := packages(all)
	want = []string{home + "/.terraform.d/plugins/example.com/a/b", home + "/cache/example.com/a/b", home + "/data/terraform/plugins/example.com/a/d"}
	if diff := gocmp.Diff(want, read); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	if err := os.WriteFile(filepath.Join(home, "cache", filepath.FromSlash(name)), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, changed := packages(all); changed == digest {
		t.Error("another provider does not count")
	}
}

// TestProvidersAreStarted where a lock file is committed, and nothing is handed over.
func TestProvidersAreStarted(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"i/main.tf": probing(""), "i/" + lockFile: lockOf()})
	git(t, dir, "init", "-q")
	starts := func(providers bool) bool {
		job, err := Validate{}.Job(scan.Service{Root: dir, Dir: dir, GitTop: dir, Providers: providers})
		if err != nil {
			t.Fatal(err)
		}
		p := job.Params.(validateParams)
		if p.Start != job.Access.RunsRepositoryCode || p.Start != (job.Access.Network == pipeline.Loopback) || p.Held == providers {
			t.Errorf("%+v, %+v", job.Access, p)
		}
		return p.Start
	}
	if starts(true) {
		t.Error("with a lock file that is not committed")
	}
	git(t, dir, "add", ".")
	if !starts(true) || starts(false) {
		t.Error("with one that is")
	}
	for _, p := range []validateParams{{Held: true}, {}} {
		m := module{validation: &validation{params: p, tree: &tree{top: dir}}, path: dir}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		m.tree.root = root
		lack, err := m.providers("i", true)
		if want := map[bool]string{true: lackLeave, false: lackLock}[p.Held]; lack != want || err != nil {
			t.Errorf("%q, %v", lack, err)
		}
		_ = root.Close()
	}
}
