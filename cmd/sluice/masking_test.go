package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newKey is a key in the form of AWS's that nobody was ever issued.
func newKey() string {
	return "AKIA" + strings.NewReplacer("0", "Q", "1", "Q", "8", "Q", "9", "Q").Replace(rand.Text())[:16]
}

// printer is a failing test that prints what is in a file in many ways.
const printer = `package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
)

type settings struct{ Key, Other string }

func TestPrint(t *testing.T) {
	text, err := os.ReadFile("settings.ini")
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSpace(strings.SplitN(string(text), "= ", 2)[1])
	for before := range 3 {
		fmt.Println(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("<", before) + key + ">")))
	}
	fmt.Printf("%s %q %v %+v %X\n", key, settings{key, "b"}, []byte(key), settings{"<" + key, "&"}, key)
	t.Run(key, func(t *testing.T) { t.Error(hex.EncodeToString([]byte(key))) })
	t.Errorf("%q", settings{key, "c"})
}
`

// leak plants a key: in a file that the secrets stage reads, in the name of one,
// where a linter repeats it, and in a test that prints it.
func (s *service) leak() (key string) {
	s.t.Helper()
	key = newKey()
	s.write("settings.ini", "aws_access_key_id = "+key+"\n")
	s.write("name_"+key+".txt", "a file\n")
	s.write("bad_"+key+".go", "package main\n\nimport \"regexp\"\n\nfunc bad() *regexp.Regexp { return regexp.MustCompile(\""+key+"(\") }\n")
	s.write("print_test.go", printer)
	return key
}

// hidden sees that a text is in none of the outputs, in no form, and in no file
// below the folders, nor in a name. What Go compiled has the program's constants,
// and is left out.
func hidden(t *testing.T, secret string, outputs []byte, dirs ...string) {
	t.Helper()
	shows := func(text []byte) bool {
		forms := []string{secret, hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
			strings.Trim(fmt.Sprintf("%v", []byte(secret)), "[]"), url.QueryEscape(secret)}
		for before := range 3 {
			all := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("<", before) + secret))
			forms = append(forms, all[4:len(all)-4])
		}
		for _, f := range forms {
			if bytes.Contains(text, []byte(f)) {
				return true
			}
		}
		return false
	}
	if shows(outputs) {
		t.Errorf("the output has it:\n%s", outputs)
	}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && strings.HasPrefix(d.Name(), "go-build") {
				return fs.SkipDir
			}
			if shows([]byte(strings.TrimPrefix(path, dir))) {
				t.Errorf("a name has it: %s", path)
			}
			if !d.Type().IsRegular() {
				return nil
			}
			text, err := os.ReadFile(path)
			if shows(text) {
				t.Errorf("%s has it", path)
			}
			return err
		})
		must(t, err)
	}
}

// outputs is all that a command prints.
func (s *service) outputs(status int, args ...string) []byte {
	s.t.Helper()
	cmd := s.command(s.t.Context(), args...)
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != status {
		s.t.Fatalf("sluice %v: exit status %d, want %d\n%s", args, code, status, out)
	}
	return out
}

func (s *service) folder(name string) string { return filepath.Join(filepath.Dir(s.dir), name) }

// A key that the secrets stage finds is in no output of a run, whatever printed
// it, and however early.
func TestFoundSecretIsNowhere(t *testing.T) {
	t.Parallel()
	s := newService(t)
	key := s.leak()
	must(t, commitAll(s.dir, "about "+key))
	state, out := filepath.Join(s.dir, ".sluice"), s.folder("out")
	text := s.outputs(1, "run", "--until", "image-scan", "--out", out)
	hidden(t, key, text, state, s.folder("cache"), out)
	for _, want := range []string{"lint         failed", "test         failed", "secrets      failed"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	for _, name := range []string{"logs/test.log", "junit.xml", "verdict.json", "results.sarif"} {
		text, err := os.ReadFile(filepath.Join(state, "latest", name))
		if err != nil || !bytes.Contains(text, []byte("***")) {
			t.Errorf("%s shows that nothing is masked in it (%v):\n%.2000s", name, err, text)
		}
	}
	for _, args := range [][]string{{"run", "--json", "--until", "image-scan"}, {"findings"}, {"replay"}, {"report", "--format", "sarif"}, {"run", "--since", "HEAD~1", "--until", "image-scan"}} {
		status := 1
		if args[0] == "findings" || args[0] == "report" {
			status = 0
		}
		hidden(t, key, s.outputs(status, args...), state, s.folder("cache"))
	}
	// A run without the stage does not know the key. The next one with it removes
	// from the cache what that one put there.
	s.outputs(1, "run", "--only", "lint,test")
	s.outputs(1, "run", "--until", "image-scan")
	hidden(t, key, nil, s.folder("cache"))
}

// A run that is killed has shown nothing, and what it had not masked yet goes
// with the next run.
func TestKilledRunShowsNoSecret(t *testing.T) {
	t.Parallel()
	s := newService(t)
	key := s.leak()
	s.write("wait_test.go", "package main\n\nimport (\n\t\"os\"\n\t\"os/exec\"\n\t\"testing\"\n)\n\nfunc TestWait(t *testing.T) {\n\tif file, err := os.ReadFile(\"wait\"); err == nil {\n\t\t_ = exec.Command(\"tail\", \"-f\", string(file)).Run()\n\t}\n}\n")
	s.write("wait", filepath.Join(s.dir, "wait"))
	cmd := s.command(context.Background(), "run", "--until", "image-scan")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	must(t, cmd.Start())
	awaitPID(t, "tail", "-f", filepath.Join(s.dir, "wait")) // TestPrint comes before TestWait: it has printed
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	hidden(t, key, out.Bytes(), filepath.Join(s.dir, ".sluice"), s.folder("cache/results"), s.folder("cache/jobs"))
	must(t, os.Remove(filepath.Join(s.dir, "wait")))
	text := s.outputs(1, "run", "--until", "image-scan")
	hidden(t, key, text, filepath.Join(s.dir, ".sluice"), s.folder("cache"))
}

// A declared secret is given to the deployed service, from the environment or a
// file, and to nothing else; it is in no output, not even the service's own log.
func TestDeclaredSecretIsNowhere(t *testing.T) {
	t.Parallel()
	s := newService(t)
	config := s.folder("config")
	s.env = append(s.env, "XDG_CONFIG_HOME="+config)
	s.write("sluice.yaml", "service: guestbook\nsecrets: {DB_PASS: db-pass}\n")
	s.write("secret.go", "package main\n\nimport (\n\t\"encoding/base64\"\n\t\"fmt\"\n\t\"os\"\n)\n\nfunc init() {\n\tpass := os.Getenv(\"DB_PASS\")\n\tfmt.Println(\"started with\", len(pass), pass, base64.StdEncoding.EncodeToString([]byte(\"x\"+pass)))\n}\n")
	s.write("secret_test.go", "package main\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestSecret(t *testing.T) {\n\tif os.Getenv(\"DB_PASS\") != \"\" {\n\t\tt.Error(\"a test has the secret\")\n\t}\n}\n")
	must(t, commitAll(s.dir, "a secret is declared"))

	text := s.outputs(3, "run")
	for _, want := range []string{"deploy       not run", "the secret DB_PASS of guestbook has no value", "sluice/secrets/guestbook/db-pass"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	state := s.variable("XDG_STATE_HOME")
	everywhere := []string{filepath.Join(s.dir, ".sluice"), s.folder("cache"), filepath.Join(state, "sluice")}
	check := func(pass string, text []byte) {
		t.Helper()
		kept := removeKept(t, state, pass)
		hidden(t, pass, text, everywhere...)
		for path, content := range kept { // the supervisor needs them
			must(t, os.WriteFile(path, content, 0o600))
		}
		logs := s.outputs(0, "logs")
		hidden(t, pass, logs)
		if want := fmt.Sprintf("started with %d ***", len(pass)); !bytes.Contains(logs, []byte(want)) {
			t.Errorf("%q is not in the service's log:\n%s", want, logs)
		}
	}

	one, two := rand.Text(), rand.Text()+"x"
	s.env = append(s.env, "DB_PASS="+one)
	check(one, s.outputs(0, "run"))

	// Another value is another revision, though nothing else has changed.
	s.env = s.env[:len(s.env)-1]
	file := filepath.Join(config, "sluice", "secrets", "guestbook", "db-pass")
	must(t, os.MkdirAll(filepath.Dir(file), 0o700))
	must(t, os.WriteFile(file, []byte(two+"\n"), 0o600))
	check(two, s.outputs(0, "run", "--json"))

	// What others may read, or have put there, is not used.
	must(t, os.Chmod(file, 0o640))
	if text := s.outputs(3, "run"); !bytes.Contains(text, []byte("may be read by others")) {
		t.Errorf("a file that others may read:\n%s", text)
	}
	must(t, os.Rename(file, file+".to"))
	must(t, os.Symlink(file+".to", file))
	if text := s.outputs(3, "run"); !bytes.Contains(text, []byte("is a symbolic link")) {
		t.Errorf("a link:\n%s", text)
	}
}

// variable is what the service's commands have in their environment.
func (s *service) variable(name string) (value string) {
	for _, kv := range s.env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

// removeKept takes the files away in which values are kept for the supervisor,
// and sees that nobody else can read them.
func removeKept(t *testing.T, state, secret string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(state, "sluice", "local", "*", "control", "secrets", "*.json"))
	must(t, err)
	kept, has := map[string][]byte{}, false
	for _, path := range files {
		text, err := os.ReadFile(path)
		must(t, err)
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		kept[path], has = text, has || bytes.Contains(text, []byte(secret))
		must(t, os.Remove(path))
	}
	if !has {
		t.Errorf("the supervisor would not find the secret again in %v", files)
	}
	return kept
}
