package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sluice-ci/sluice/internal/hint"
)

const whole = `# everything
service: todo
path: app
env: {LOG_LEVEL: info, GREETING: "8"}
build: {main: cmd/todo}
test: {coverage: 70, timeout: 5m}
targets:
  local: {port: 8080}
gates:
  lint: {fail: high, ignore: [SA1019, ST1000]}
  test: {fail: never}
  sast: {fail: low}
  secrets: {fail: any}
  deps:
    fail: imported
    max_age: 30d
  image-scan: {fail: critical}
  dast: {fail: never}
vulndb: https://vuln.example.org
`

func TestParseWhole(t *testing.T) {
	t.Parallel()
	got, err := Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Service: "todo", Path: "app", Env: map[string]string{"LOG_LEVEL": "info", "GREETING": "8"},
		Build: Build{Main: "cmd/todo"}, Test: Test{Coverage: 70, Timeout: 5 * time.Minute},
		Targets: Targets{Local: Local{Port: 8080}},
		Gates: Gates{
			Lint: LintGate{Fail: "high", Ignore: []string{"SA1019", "ST1000"}}, Test: AnyGate{Fail: "never"},
			SAST: Gate{Fail: "low"}, Secrets: AnyGate{Fail: "any"}, Deps: DepsGate{Fail: "imported", MaxAge: 30 * 24 * time.Hour},
			ImageScan: HighGate{Fail: "critical"}, DAST: Gate{Fail: "never"},
		},
		VulnDB: "https://vuln.example.org",
	}
	if diff := cmp.Diff(want, got, unexported); diff != "" {
		t.Error(diff)
	}
}

// unexported leaves out what is not part of the file's meaning.
var unexported = cmpopts.IgnoreUnexported(File{}, Test{}, Targets{}, Local{}, Gates{})

func TestParseNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n", "# nothing yet\n", "---\n", "---\n# nothing\n...\n", "{}\n"} {
		got, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(&File{}, got, unexported); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	const later = "is not supported yet by this version"
	tests := map[string]struct{ text, want string }{
		"unknown key":         {"service: todo\npath: app\n\ngatse: {}\n", `sluice.yaml:4:1: unknown key "gatse" (did you mean "gates"?)`},
		"unknown inner key":   {"gates:\n  lnit: {}\n", `sluice.yaml:2:3: unknown key "lnit" (did you mean "lint"?)`},
		"unlike any key":      {"targets: {pigeon: {}}\n", `sluice.yaml:1:11: unknown key "pigeon" (known: local)`},
		"upper case":          {"Service: todo\n", `sluice.yaml:1:1: unknown key "Service" (did you mean "service"?)`},
		"long unknown key":    {strings.Repeat("k", 200) + ": 1\n", `sluice.yaml:1:1: unknown key "` + strings.Repeat("k", 60) + `…" (known: build, env, exceptions, gates, path, secrets, service, targets, test, trivydb and vulndb)`},
		"planned stages":      {"stages: {contract: {run: make}}\n", `sluice.yaml:1:1: "stages" ` + later},
		"a secret's value":    {"secrets: {A: 's3cret, value'}\n", `sluice.yaml:1:14: "A" must be a name of at most 255 letters, digits, underscores and hyphens: the name of a secret, never its value`},
		"a secret's variable": {"secrets: {A-B: b}\n", `sluice.yaml:1:11: a key of "secrets" must be a name of letters, digits and underscores, not "A-B"`},
		"reserved secret":     {"secrets: {HOST: b}\n", `sluice.yaml:1:11: "HOST" is set by the target and cannot be set here`},
		"secret and setting":  {"env: {A: b}\nsecrets: {A: b}\n", `sluice.yaml:2:10: "A" is in "env" too: remove it from one of them`},
		"planned version":     {"sluice: v0.3.0\n", `sluice.yaml:1:1: "sluice" ` + later},
		"unknown service":     {"test: {services: [oracle]}\n", `sluice.yaml:1:19: an entry of "services" must be mysql, not "oracle"`},
		"planned target":      {"targets:\n  staging: {cloudrun: {}}\n", `sluice.yaml:2:3: "staging" ` + later},
		"planned adapter":     {"targets: {local: {cloudrun: {}}}\n", `sluice.yaml:1:19: "cloudrun" ` + later},
		"planned gate":        {"gates: {sbom: {fail: never}}\n", `sluice.yaml:1:9: "sbom" ` + later},
		"unknown licence":     {"gates:\n  licenses:\n    allow: [MIT,  Apache-2]\n", `sluice.yaml:3:19: an entry of "allow": "Apache-2" is no identifier of the SPDX list (did you mean "Apache-2.0"?)`},
		"no expression":       {"gates: {licenses: {deny: [MIT, 'MIT OR']}}\n", `sluice.yaml:1:32: an entry of "deny": a licence is missing`},
		"duplicate":           {"path: a\nservice: b\npath: c\n", `sluice.yaml:3:1: duplicate key "path" (first on line 1)`},
		"duplicate in a map":  {"env:\n  A: b\n  A: c\n", `sluice.yaml:3:3: duplicate key "A" (first on line 2)`},
		"no mapping":          {"- service\n", `sluice.yaml:1:1: the file must be a mapping of keys to values, not a list`},
		"a word":              {"service\n", `sluice.yaml:1:1: the file must be a mapping of keys to values, not "service"`},
		"number for text":     {"env: {DEBUG: 1}\n", `sluice.yaml:1:14: "DEBUG" must be a string, not 1: put it in quotes`},
		"bool for text":       {"env: {DEBUG: true}\n", `sluice.yaml:1:14: "DEBUG" must be a string, not true: put it in quotes`},
		"date for text":       {"env: {DAY: 2027-01-31}\n", `sluice.yaml:1:12: "DAY" must be a string, not 2027-01-31: put it in quotes`},
		"list for text":       {"env: {DEBUG: [a]}\n", `sluice.yaml:1:14: "DEBUG" must be a string, not a list`},
		"no value in a map":   {"env: {DEBUG: }\n", `sluice.yaml:1:14: "DEBUG" has no value: give it one or remove it`},
		"list for map":        {"env: [A=b]\n", `sluice.yaml:1:6: "env" must be a mapping of names to strings, not a list`},
		"bad variable":        {"env: {MY-VAR: a}\n", `sluice.yaml:1:7: a key of "env" must be a name of letters, digits and underscores, not "MY-VAR"`},
		"reserved variable":   {"env: {PORT: '80'}\n", `sluice.yaml:1:7: "PORT" is set by the target and cannot be set here`},
		"text for mapping":    {"gates: strict\n", `sluice.yaml:1:8: "gates" must be a mapping of keys to values, not "strict"`},
		"no value":            {"gates:\nservice: a\n", `sluice.yaml:1:7: "gates" has no value: give it one or remove the key`},
		"text for list":       {"gates: {lint: {ignore: SA1019}}\n", `sluice.yaml:1:24: "ignore" must be a list, not "SA1019"`},
		"bad entry":           {"gates: {lint: {ignore: [SA1019, 'no such']}}\n", `sluice.yaml:1:33: an entry of "ignore" must be a rule's name, as SA1019, not "no such"`},
		"empty entry":         {"gates:\n  lint:\n    ignore:\n      - SA1019\n      -\n", `sluice.yaml:5:8: an entry of "ignore" has no value: give it one or remove it`},
		"bad choice":          {"gates: {lint: {fail: hihg}}\n", `sluice.yaml:1:22: "fail" must be low, medium, high, critical or never, not "hihg"`},
		"choice of another":   {"gates: {secrets: {fail: high}}\n", `sluice.yaml:1:25: "fail" must be any or never, not "high"`},
		"deps":                {"gates: {deps: {fail: high}}\n", `sluice.yaml:1:22: "fail" must be reachable, imported, required or never, not "high"`},
		"duration":            {"test: {timeout: 5 minutes}\n", `sluice.yaml:1:17: "timeout" must be a whole number and a unit, as 30s, 5m, 12h or 7d, not "5 minutes"`},
		"duration as number":  {"test: {timeout: 300}\n", `sluice.yaml:1:17: "timeout" must be a whole number and a unit, as 30s, 5m, 12h or 7d, not 300`},
		"zero duration":       {"gates: {deps: {max_age: 0d}}\n", `sluice.yaml:1:25: "max_age" must be a whole number and a unit, as 30s, 5m, 12h or 7d, not "0d"`},
		"coverage":            {"test: {coverage: 101}\n", `sluice.yaml:1:18: "coverage" must be a whole number from 0 to 100, not 101`},
		"coverage as text":    {"test: {coverage: '70'}\n", `sluice.yaml:1:18: "coverage" must be a whole number from 0 to 100, not "70"`},
		"coverage as percent": {"test: {coverage: 70%}\n", `sluice.yaml:1:18: "coverage" must be a whole number from 0 to 100, not "70%"`},
		"octal":               {"targets: {local: {port: 0o17}}\n", `sluice.yaml:1:25: "port" must be a whole number from 1 to 65535, not 0o17`},
		"leading zero":        {"targets: {local: {port: 0077}}\n", `sluice.yaml:1:25: "port" must be a whole number from 1 to 65535, not 0077`},
		"negative port":       {"targets: {local: {port: -1}}\n", `sluice.yaml:1:25: "port" must be a whole number from 1 to 65535, not -1`},
		"huge port":           {"targets: {local: {port: 99999999999999999999}}\n", `sluice.yaml:1:25: "port" must be a whole number from 1 to 65535, not 99999999999999999999`},
		"service name":        {"service: My_App\n", `sluice.yaml:1:10: "service" must be a name of lower-case letters, digits and hyphens that starts with a letter, ends with no hyphen and has at most 49 characters, not "My_App"`},
		"path upwards":        {"path: ../other\n", `sluice.yaml:1:7: "path" must be a relative path with slashes and without "..", not "../other"`},
		"anchor and alias":    {"env: &e {A: b}\nbuild: *e\n", "sluice.yaml:1:6: anchors (&e) are not supported: write the value out where it is used\nsluice.yaml:2:8: aliases (*e) are not supported: write the value out"},
		"merge key":           {"test:\n  <<: {coverage: 1}\n", "sluice.yaml:2:3: merge keys (<<) are not supported: write the keys out"},
		"tag":                 {"service: !!str todo\n", "sluice.yaml:1:10: tags (!!str) are not supported"},
		"own tag":             {"service: !env todo\n", "sluice.yaml:1:10: tags (!env) are not supported"},
		"mapping as key":      {"{{a: b}: c}\n", "sluice.yaml:1:2: a key must be a word, not a mapping"},
		"second document":     {"service: a\n---\nservice: b\n", "sluice.yaml:2:1: a second document starts here, and only one is read"},
		"tab":                 {"gates:\n\tlint: {}\n", "sluice.yaml:2:1: a tab in the indentation: use spaces"},
		"tab after spaces":    {"gates:\n  \tlint: {}\n", "sluice.yaml:2:3: a tab in the indentation: use spaces"},
		"no text":             {"service: \xff\xfe\n", "sluice.yaml:1:1: this is no UTF-8 text"},
		"zero byte":           {"service: a\nenv: {A: \x00}\n", "sluice.yaml:2:10: a control character (U+0000)"},
		"carriage return":     {"service: a\rpath: b\r\n", "sluice.yaml:1:11: a control character (U+000D)"},
		"line separator":      {"service: ä\u2028", "sluice.yaml:1:11: a control character (U+2028)"},
		"unclosed":            {"service: [a\n", "sluice.yaml:1:1: did not find expected ',' or ']'"},
		"not YAML":            {"service: a: b\n", "sluice.yaml:1:1: mapping values are not allowed in this context"},
		"deep":                {"env: " + strings.Repeat("[", 30) + strings.Repeat("]", 30) + "\n", "sluice.yaml:1:6: \"env\" must be a mapping of names to strings, not a list\nsluice.yaml:1:25: nested more than 20 deep"},
		"several, in order":   {"gates: {sast: {fail: x}}\nservice: A\nnope: 1\nenv: {B: 1}\n", "sluice.yaml:1:22: \"fail\" must be low, medium, high, critical or never, not \"x\"\nsluice.yaml:2:10: \"service\" must be a name of lower-case letters, digits and hyphens that starts with a letter, ends with no hyphen and has at most 49 characters, not \"A\"\nsluice.yaml:3:1: unknown key \"nope\" (known: build, env, exceptions, gates, path, secrets, service, targets, test, trivydb and vulndb)\nsluice.yaml:4:10: \"B\" must be a string, not 1: put it in quotes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := Parse([]byte(test.text))
			if err == nil {
				t.Fatalf("no error, got %+v", f)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Error(diff)
			}
			var errs Errors
			if !errors.As(err, &errs) || hint.Remedy(err) == "" {
				t.Errorf("%T without a remedy, or no Errors", err)
			}
		})
	}
}

func TestServiceNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"a": true, "todo": true, "a-1": true, strings.Repeat("a", 49): true,
		"''": false, "1a": false, "-a": false, "a-": false, "a.b": false, "ä": false, strings.Repeat("a", 50): false, "\"a\\n\"": false,
	} {
		if _, err := Parse([]byte("service: " + name + "\n")); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"app": true, ".": true, "./app": true, "a/b/": true, ".hidden": true, "..a": true, "a..b/c": true, "ä b": true, "...": true,
		"..": false, "a/..": false, "a/../b": false, "/a": false, "a//b": false, `a\b`: false, "C:/a": false, "''": false, "\"a\\nb\"": false,
	} {
		if _, err := Parse([]byte("path: " + path + "\n")); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "k%d: 1\n", i)
	}
	_, err := Parse([]byte(text.String()))
	var errs Errors
	if !errors.As(err, &errs) || len(errs) != maxErrors+1 {
		t.Fatalf("got %d errors", len(errs))
	}
	want := Error{File: Name, Line: 21, Column: 1, Message: "4980 more errors from here on"}
	if diff := cmp.Diff(want, errs[maxErrors]); diff != "" {
		t.Error(diff)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if f, err := Load(dir); f != nil || err != nil {
		t.Fatalf("no file: got %v, %v", f, err)
	}
	write(t, dir, Name, whole)
	write(t, dir, "app/go.mod", "module m\n")
	f, err := Load(dir)
	if err != nil || f.Service != "todo" {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestLoadFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "file", "")
	write(t, dir, "app/go.mod", "module m\n")
	link(t, t.TempDir(), filepath.Join(dir, "out"))
	link(t, "loop", filepath.Join(dir, "loop"))
	link(t, "app", filepath.Join(dir, "within"))
	for text, want := range map[string]string{
		"path: app":                          "",
		"path: within":                       "",
		"path: nowhere":                      `1:7: "path" names the folder "nowhere", which does not exist`,
		"path: file":                         `1:7: "path" must be a folder, and "file" is a file`,
		"path: out":                          `1:7: "path" leads out of the repository by a symbolic link: "out"`,
		"path: loop":                         `1:7: "path" cannot be read: stat ` + dir + `/loop: too many levels of symbolic links`,
		"vulndb: app":                        "",
		"vulndb: " + dir:                     "",
		"vulndb: file://" + dir:              "",
		"vulndb: http://127.0.0.1:8080/v1":   "",
		"vulndb: https://vuln.go.dev":        "",
		"vulndb: nowhere":                    `1:9: "vulndb" names the folder "` + dir + `/nowhere", which does not exist`,
		"vulndb: file":                       `1:9: "vulndb" must be a URL or a folder, and "` + dir + `/file" is a file`,
		"vulndb: http://vuln.go.dev":         `1:9: "vulndb" must be an https URL, a file URL with an absolute path, or a folder, not "http://vuln.go.dev"`,
		"vulndb: ftp://vuln.go.dev":          `1:9: "vulndb" must be an https URL, a file URL with an absolute path, or a folder, not "ftp://vuln.go.dev"`,
		"vulndb: file:///no/such/folder":     `1:9: "vulndb" names the folder "/no/such/folder", which does not exist`,
		"vulndb: https://u:p@vuln.go.dev":    `1:9: "vulndb" must not contain a user name or password`,
		"trivydb: ghcr.io/a/trivy-db:2":      "",
		"trivydb: ./app":                     "",
		"trivydb: ./nowhere":                 `1:10: "trivydb" names the folder "` + dir + `/nowhere", which does not exist`,
		"vulndb: 'https://[::1'":             `1:9: "vulndb" is no URL: "https://[::1"`,
		"vulndb: app\npath: nowhere\nx: 1\n": `2:7: "path" names the folder "nowhere", which does not exist` + "\nsluice.yaml:3:1: unknown key \"x\" (known: build, env, exceptions, gates, path, secrets, service, targets, test, trivydb and vulndb)",
	} {
		write(t, dir, Name, text)
		_, err := Load(dir)
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), "sluice.yaml:")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestLoadRefusesWhatIsNoFile(t *testing.T) {
	t.Parallel()
	t.Run("folder", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, Name+"/x", "")
		loadFails(t, dir, "it is no regular file")
	})
	t.Run("link", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "other.yaml", "service: todo\n")
		link(t, "other.yaml", filepath.Join(dir, Name))
		loadFails(t, dir, "it is no regular file")
	})
	t.Run("large", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, Name, strings.Repeat("# a comment\n", maxFile/12+1))
		loadFails(t, dir, "it is larger than 1048576 bytes")
	})
	t.Run("pipe", func(t *testing.T) {
		dir := t.TempDir()
		makePipe(t, filepath.Join(dir, Name))
		loadFails(t, dir, "it is no regular file")
	})
}

func loadFails(t *testing.T, dir, want string) {
	t.Helper()
	_, err := Load(dir)
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), filepath.Join(dir, Name)) || hint.Remedy(err) == "" {
		t.Errorf("got %v (remedy %q), want one that says %q", err, hint.Remedy(err), want)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func asErrors(err error) (Errors, bool) {
	var errs Errors
	ok := errors.As(err, &errs)
	return errs, ok
}
