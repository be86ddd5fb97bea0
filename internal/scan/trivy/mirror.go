package trivy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// mirror is a folder of infrastructure files for Trivy to look at in place of
// the work tree: those that Sluice counted, and nothing that would tell Trivy
// what to leave out (.trivyignore, trivy.yaml, comments). In each Terraform file
// a defect is planted, since Trivy says nothing of one without any.
type mirror struct {
	dir   string
	files int // planted in
}

// The mirror's folders. Trivy leaves out some folders at the top (dev, proc, sys).
const (
	treeFolder    = "tree"
	plantedFolder = "planted"
)

// newMirror writes those of a tree's files that are wanted below dir, which is
// empty, and what is planted.
func newMirror(dir string, t *tree, wanted func(file) bool) (*mirror, error) {
	m := &mirror{dir: dir}
	for _, f := range t.files {
		if !wanted(f) {
			continue
		}
		text, err := m.prepare(f)
		if err != nil {
			t.fault(f.name, 0, err)
			continue
		}
		if err := write(filepath.Join(dir, treeFolder, filepath.FromSlash(f.name)), text); err != nil {
			return nil, err
		}
	}
	for name, text := range plants() {
		if err := write(filepath.Join(dir, plantedFolder, name), withoutIgnores([]byte(text))); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func write(file string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// prepare is a file's text as Trivy is to see it, with the same lines.
func (m *mirror) prepare(f file) ([]byte, error) {
	text := withoutIgnores(f.text)
	switch {
	case f.kind == kubernetesKind && !strings.EqualFold(path.Ext(f.name), ".json"):
		return separated(text)
	case f.kind != terraformKind:
		return text, nil
	}
	m.files++
	if strings.HasSuffix(f.name, ".json") {
		return plantInJSON(text, m.files)
	}
	return fmt.Appendf(text, "\nresource %q \"%s%d\" {\n  plaintext_value = \"planted\"\n}\n", plantedType, plantedName, m.files), nil
}

// ignoreComment is a line in which Trivy reads that it is to leave a finding
// out: "trivy:ignore:ID", "tfsec:ws:name:ignore:ID".
var ignoreComment = regexp.MustCompile(`(?:trivy|tfsec):[^\n]*ignore:[^\n]*`)

// withoutIgnores is a text without the comments by which Trivy leaves findings
// out, and of the same length.
func withoutIgnores(text []byte) []byte {
	return ignoreComment.ReplaceAllFunc(text, func(line []byte) []byte { return bytes.ReplaceAll(line, []byte("ignore:"), []byte("ignore ")) })
}

// separator is where a YAML document begins (YAML 1.2, 9.1.4).
var separator = regexp.MustCompile(`(?m)^---(?:[ \t]+(.*))?$`)

// separated has each document begin as Trivy knows it, which splits the text at
// lines of three dashes and reads the first document of each part.
func separated(text []byte) ([]byte, error) {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	for _, m := range separator.FindAllSubmatch(text, -1) {
		if rest := bytes.TrimSpace(m[1]); len(rest) > 0 && rest[0] != '#' {
			return nil, errors.New("a document begins in the same line as ---: write a line break after it")
		}
	}
	return separator.ReplaceAll(text, []byte("---")), nil
}

// plantInJSON plants in a Terraform file that is JSON: a property may be there
// twice (HCL's JSON syntax, "Bodies").
func plantInJSON(text []byte, n int) ([]byte, error) {
	start := bytes.IndexByte(text, '{')
	if start < 0 {
		return nil, errors.New("it is no JSON object")
	}
	comma := ","
	if rest := bytes.TrimSpace(text[start+1:]); len(rest) > 0 && rest[0] == '}' {
		comma = ""
	}
	planted := fmt.Sprintf(`"resource":{%q:{"%s%d":{"plaintext_value":"planted"}}}%s`, plantedType, plantedName, n, comma)
	return append(append(append([]byte{}, text[:start+1]...), planted...), text[start+1:]...), nil
}
