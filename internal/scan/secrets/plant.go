package secrets

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// errBlind is what a scan ends with that did not find what was planted.
var errBlind = errors.New("the self-test's secrets were not found, so that nothing else was proves nothing")

// planted is a secret that was never used anywhere, made for one run, and the
// file that it is in: a scan that does not find it does not work.
type planted struct {
	rule, path string
	line       int    // 0 where the file as a whole is the secret
	secret     string // "" likewise
	text       string
}

// inCommit is added to the rules of what is planted in the history.
const inCommit = " in a commit"

// newPlants makes a secret for each of the ways in which the rules are run: on
// small pieces, on large ones, near assignments, on what is decoded, on names.
func newPlants() []planted {
	key, token, password, private := plantedKey(), "ghp_"+string(shuffled(alphanumeric)[:36]), plantedPassword(), plantedPrivateKey()
	encoded := base64.StdEncoding.EncodeToString([]byte("token = " + token + "\n"))
	return []planted{
		{rule: "aws-access-token", path: "planted/settings.env", line: 2, secret: key, text: "# settings\n" + key + "\n"},
		{rule: "private-key", path: "planted/server.key", line: 1, secret: private, text: private + "\n"},
		{rule: genericRule, path: "planted/settings.py", line: 3, secret: password, text: "import os\n\ndb_password = '" + password + "'\n"},
		{rule: "github-pat", path: "planted/values.yaml", line: 2, secret: token, text: "data:\n  value: " + encoded + "\n"},
		{rule: "pkcs12-file", path: "planted/server.p12", text: "0"},
	}
}

const (
	letters      = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits       = "0123456789"
	alphanumeric = letters + "abcdefghijklmnopqrstuvwxyz" + digits
)

// plantedKey is like those of AWS. Its letters all differ, for rules pass over
// keys of little entropy.
func plantedKey() string { return "AKIA" + string(shuffled(letters + "234567")[:16]) }

// plantedPassword has no two letters side by side, for the rule passes over
// what holds a word.
func plantedPassword() string {
	var b strings.Builder
	word := shuffled(strings.ToLower(letters))
	for i, digit := range shuffled(digits) {
		b.WriteByte(word[i])
		b.WriteByte(digit)
	}
	return b.String()
}

// plantedPrivateKey is random, in the form of a key.
func plantedPrivateKey() string {
	der := make([]byte, 600)
	rand.Read(der) // never fails
	return strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

// shuffled are characters in an order of chance.
func shuffled(characters string) []byte {
	random := make([]byte, len(characters))
	rand.Read(random) // never fails
	order := make([]int, len(characters))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(random[a]) - int(random[b]) })
	out := make([]byte, 0, len(order))
	for _, i := range order {
		out = append(out, characters[i])
	}
	return out
}

// selfTest proves that the rules, as this run uses them, find secrets in a
// folder of files. The history's own proof is a commit planted in it.
func (s *search) selfTest(ctx context.Context) error {
	dir := filepath.Join(s.task.Out, "planted")
	if err := write(dir, s.plants); err != nil {
		return fmt.Errorf("planting the self-test's files: %w", err)
	}
	p := search{task: s.task, engine: s.engine, leaks: map[leakKey]leak{}, cleanFiles: &cleanList{new: map[digest]struct{}{}}}
	p.top, p.task.Progress = dir, func(string) {}
	_, err := p.scanTree(ctx)
	// The folder is no output of the stage.
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		return fmt.Errorf("scanning the self-test's files: %w", err)
	}
	s.plant("")
	s.catch("", p.all())
	return s.blind()
}

func write(dir string, plants []planted) error {
	for _, p := range plants {
		path := filepath.Join(dir, filepath.FromSlash(p.path))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(p.text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// catch notes which of the planted secrets are among leaks. where is added to
// their rules.
func (s *search) catch(where string, leaks []leak) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.plants {
		if slices.ContainsFunc(leaks, p.is) {
			s.test.Caught = append(s.test.Caught, p.rule+where)
		}
	}
}

// plant notes what is to be caught.
func (s *search) plant(where string) {
	for _, p := range s.plants {
		s.test.Planted = append(s.test.Planted, p.rule+where)
	}
}

// blind is an error when something that was planted was not found.
func (s *search) blind() error {
	if s.test.Passed() {
		return nil
	}
	missed := slices.DeleteFunc(slices.Clone(s.test.Planted), func(rule string) bool { return slices.Contains(s.test.Caught, rule) })
	return fmt.Errorf("%w: %s", errBlind, strings.Join(missed, ", "))
}

func (p planted) is(l leak) bool {
	return l.rule == p.rule && l.secret == p.secret && l.path == p.path && l.line == p.line
}
