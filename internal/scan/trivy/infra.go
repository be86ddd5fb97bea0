package trivy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// kind is what an infrastructure file is for.
type kind string

// The kinds.
const (
	terraformKind  kind = "Terraform"
	dockerfileKind kind = "Dockerfile"
	kubernetesKind kind = "Kubernetes"
	composeKind    kind = "Compose"
)

// listKind is a list of Kubernetes' objects, which no scanner looks into.
const listKind kind = "List"

var errList = errors.New("a list of objects, which Trivy does not look into: write each as a document of its own")

// files is what a census calls files of a kind.
func (k kind) files() string {
	if k == dockerfileKind {
		return "Dockerfiles"
	}
	return string(k) + " files"
}

// kinds are all of them, in the order in which they are counted.
func kinds() []kind { return []kind{terraformKind, dockerfileKind, kubernetesKind, composeKind} }

// file is an infrastructure file.
type file struct {
	name string // relative to the tree's top, with slashes
	kind kind
	text []byte
}

// Bounds on a tree.
const (
	maxEntries  = 1_000_000
	maxFileSize = 8 << 20   // bytes
	maxText     = 128 << 20 // of all infrastructure files together, bytes
)

// tree is what there is of infrastructure below a folder, by Sluice's own count.
type tree struct {
	top    string // absolute
	root   *os.Root
	files  []file
	charts []chart
	partly map[string]string // files of charts that were not looked at as Helm uses them, and why
	locks  []string          // files with the checksums of Terraform's providers
	broken []string          // why a file cannot be understood, with its name and line
	large  []string          // files that were not read, and may be manifests
	coded  []string          // files in another encoding than UTF-8 that may be
	inner  bool              // there is something that is named terraformFolder
	hidden []string          // files of the repository in such folders
	walked int               // files that there are
	sorted int               // those of which it was decided what they are
	size   int
}

// terraformFolder is where Terraform has what it fetches, and lockFile where it
// notes the checksums of providers.
const (
	terraformFolder = ".terraform"
	lockFile        = ".terraform.lock.hcl"
)

// look counts the infrastructure files below top, without those that git is
// told to ignore. Symbolic links to files are followed as long as they lead to
// something below top, those to folders are not.
func look(ctx context.Context, top string, ignored ignorer) (*tree, error) {
	root, err := os.OpenRoot(top)
	if err != nil {
		return nil, fmt.Errorf("opening the work tree: %w", err)
	}
	defer root.Close()
	t := &tree{top: top, root: root, partly: map[string]string{}}
	names, nested, err := t.walk(ctx)
	if err != nil {
		return nil, err
	}
	t.walked = len(names)
	t.findCharts(names)
	left, err := ignored(ctx, top, slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !t.asked(name) || below(name, nested) }))
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return left[name] })
	t.findCharts(names)
	for _, name := range names {
		if err := errors.Join(t.take(name), t.takeForCharts(name)); err != nil {
			return nil, err
		}
		t.sorted++
	}
	t.sorted += t.walked - len(names)
	return t, nil
}

// asked tells whether it matters if a file is part of the repository.
func (t *tree) asked(name string) bool {
	return candidate(name) || path.Base(name) == lockFile || slices.ContainsFunc(t.charts, func(c chart) bool { return c.part(name) != "" })
}

// walk lists all files, and the folders that are repositories of their own.
func (t *tree) walk(ctx context.Context) (names, nested []string, err error) {
	seen := 0
	err = fs.WalkDir(t.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch seen++; {
		case err != nil:
			return fmt.Errorf("listing files: %w", err)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case seen > maxEntries:
			return fmt.Errorf("listing files: there are more than %d", maxEntries)
		case d.Name() == ".git":
			if dir := path.Dir(name); dir != "." {
				nested = append(nested, dir)
			}
		}
		switch d.Name() {
		case ".git", ".sluice", terraformFolder:
			t.inner = t.inner || d.Name() == terraformFolder
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() || d.Type() == fs.ModeSymlink {
			names = append(names, name)
		}
		return nil
	})
	return names, nested, err
}

func below(name string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasPrefix(name, dir+"/") })
}

// candidate tells whether a file may be infrastructure by its name.
func candidate(name string) bool { return byName(name) != "" || byContent(name) }

// byName is the kind of a file that its name tells; "" when it does not. The
// names are those by which Terraform, Docker and Podman know their files.
func byName(name string) kind {
	base := path.Base(name)
	ext := path.Ext(base)
	stem := strings.TrimSuffix(base, ext)
	isDocker := func(s string) bool { return s == "Dockerfile" || s == "Containerfile" }
	switch {
	case strings.HasSuffix(base, ".tf") || strings.HasSuffix(base, ".tf.json"):
		return terraformKind
	case ext != ".dockerignore" && isDocker(stem), strings.EqualFold(ext, ".dockerfile"), strings.EqualFold(ext, ".containerfile"), isDocker(base):
		return dockerfileKind
	}
	return ""
}

// byContent tells whether what a file is for is to be read in it.
func byContent(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yaml" || ext == ".yml" || ext == ".json"
}

// take reads a file, if it may be infrastructure, and adds it to what it is.
func (t *tree) take(name string) error {
	if path.Base(name) == lockFile {
		t.locks = append(t.locks, name)
	}
	if !candidate(name) {
		return nil
	}
	f := file{name: name, kind: byName(name)}
	text, err := t.read(name)
	switch {
	case errors.Is(err, errNoFile) && f.kind == "": // a link to a folder, or to nothing
		return nil
	case errors.Is(err, errLarge) && f.kind == "":
		return t.takeLarge(name)
	case err != nil:
		t.fault(name, 0, err)
		return nil
	}
	f.text = text
	if f.kind == "" && bytes.IndexByte(text, 0) >= 0 {
		if mayBeEither(text) {
			t.coded = append(t.coded, name)
		}
		return nil
	}
	if f.kind == terraformKind && strings.HasSuffix(name, ".json") {
		if err := jsonSyntax(text); err != nil {
			t.fault(name, lineAt(text, err), err)
			return nil
		}
	}
	if f.kind == "" {
		f.kind = t.understand(name, text)
	}
	switch {
	case f.kind == "":
		return nil
	case strings.ContainsFunc(name, unicode.IsControl) || !utf8.ValidString(name):
		t.fault(name, 0, errors.New("its name cannot be passed on to a scanner"))
		return nil
	}
	if t.size += len(text); t.size > maxText {
		return errText
	}
	t.files = append(t.files, f)
	return nil
}

// takeLarge notes a file that is too large to be read, unless it is seen not to be
// a manifest.
func (t *tree) takeLarge(name string) error {
	f, err := t.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	may, err := mayBeManifest(f)
	if may {
		t.large = append(t.large, name)
	}
	return err
}

// mayBeManifest tells whether a text has what every manifest or Compose file has.
func mayBeManifest(r io.Reader) (bool, error) {
	const overlap = 64 // bytes, longer than what is looked for in any encoding
	b := make([]byte, overlap+1<<20)
	for {
		n, err := io.ReadFull(r, b[overlap:])
		switch {
		case mayBeEither(b[:overlap+n]):
			return true, nil
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return false, nil
		case err != nil:
			return false, err
		}
		copy(b, b[n:])
	}
}

var (
	errLarge  = fmt.Errorf("it has more than %d MiB", maxFileSize>>20)
	errNoFile = errors.New("it is no file of the repository")
)

// read is the content of a regular file that is really below the top.
func (t *tree) read(name string) ([]byte, error) {
	info, err := t.root.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil, errNoFile
	}
	f, err := t.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err == nil && len(text) > maxFileSize {
		err = errLarge
	}
	return text, err
}

// fault notes why a file cannot be understood; a line of 0 is none.
func (t *tree) fault(name string, line int, err error) {
	at := fmt.Sprintf("%q", name)
	if at == `"`+name+`"` {
		at = name
	}
	if line > 0 {
		at += fmt.Sprintf(":%d", line)
	}
	t.broken = append(t.broken, clean(at+": "+err.Error(), maxReason))
}

// mayBeEither tells whether a text has in it what every manifest or Compose file
// has, or escapes that could hide it: the others need not be parsed. YAML may be
// in UTF-16 (YAML 1.2, 5.2), which is ASCII with a NUL for each character.
func mayBeEither(text []byte) bool {
	if bytes.IndexByte(text, 0) >= 0 {
		text = bytes.ReplaceAll(text, []byte{0}, nil)
	}
	return slices.ContainsFunc([]string{"apiVersion", "services", `\x`, `\u`, `\U`, "\\\n", "\\\r"}, func(s string) bool { return bytes.Contains(text, []byte(s)) })
}

// Texts that tell what a file is meant to be that cannot be parsed.
var (
	looksLikeManifest = regexp.MustCompile(`(?m)^"?apiVersion"?:(?s:.*)^"?kind"?:|^"?kind"?:(?s:.*)^"?apiVersion"?:`)
	looksLikeCompose  = regexp.MustCompile(`(?m)^"?services"?:`)
)

// understand tells by its content what a YAML or JSON file is for.
func (t *tree) understand(name string, text []byte) kind {
	template := slices.ContainsFunc(t.charts, func(c chart) bool { return c.isTemplate(name) })
	if !mayBeEither(text) || path.Base(name) == chartFile {
		return ""
	}
	if template && bytes.Contains(text, []byte("{{")) && !plain(text) {
		return "" // which is looked at as Helm renders it
	}
	if strings.EqualFold(path.Ext(name), ".json") {
		return t.understandJSON(name, text)
	}
	found := kind("")
	for dec, n := yaml.NewDecoder(bytes.NewReader(text)), 0; ; n++ {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			if found != "" || looksLikeManifest.Match(text) || looksLikeCompose.Match(text) {
				t.faultAt(name, err)
			}
			return ""
		}
		k := kindOf(&doc)
		if k == listKind {
			t.fault(name, doc.Line, errList)
			return ""
		}
		if k != "" && found == "" {
			found = k
		}
	}
}

// lineOf is where yaml's errors name the line.
var lineOf = regexp.MustCompile(`line (\d+): `)

func (t *tree) faultAt(name string, err error) {
	line := 0
	if m := lineOf.FindStringSubmatch(err.Error()); m != nil {
		_, _ = fmt.Sscan(m[1], &line) // digits; too many are no line
	}
	t.fault(name, line, errors.New(strings.TrimPrefix(lineOf.ReplaceAllString(err.Error(), ""), "yaml: ")))
}

// kindOf tells what a YAML document is: an object of Kubernetes' has an API
// version, a kind and metadata, or items, a Compose file has services
// with an image or a build. What configures a tool of Kubernetes' is neither.
func kindOf(doc *yaml.Node) kind {
	var fields map[string]yaml.Node
	if doc.Decode(&fields) != nil {
		if hasKey(doc, "apiVersion") && hasKey(doc, "kind") {
			return kubernetesKind // with a key twice, of which kubectl takes the last
		}
		return ""
	}
	has := func(name string) bool { n, ok := fields[name]; return ok && n.Tag != "!!null" }
	if has("apiVersion") && has("kind") {
		switch {
		case has("items"):
			return listKind
		case has("metadata"):
			return kubernetesKind
		}
		return ""
	}
	services := fields["services"]
	var all map[string]struct {
		Image, Build, Extends yaml.Node
	}
	if !has("services") || services.Decode(&all) != nil {
		return ""
	}
	for _, s := range all {
		if !s.Image.IsZero() || !s.Build.IsZero() || !s.Extends.IsZero() {
			return composeKind
		}
	}
	return ""
}

// hasKey tells whether a YAML document has a key, which others may keep from being
// decoded.
func hasKey(doc *yaml.Node, key string) bool {
	for _, root := range doc.Content {
		for i := 0; root.Kind == yaml.MappingNode && i < len(root.Content); i += 2 {
			if root.Content[i].Value == key {
				return true
			}
		}
	}
	return false
}

// jsonSyntax is what is wrong with a text as JSON.
func jsonSyntax(text []byte) error {
	var any json.RawMessage
	return json.Unmarshal(text, &any)
}

// lineAt is the line of a syntax error in JSON; 0 for other errors.
func lineAt(text []byte, err error) int {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return 0
	}
	return 1 + bytes.Count(text[:min(len(text), int(syntax.Offset))], []byte("\n"))
}

// understandJSON tells what a JSON file is for. Names of fields are as they are
// written: see readNode.
func (t *tree) understandJSON(name string, text []byte) kind {
	var fields map[string]json.RawMessage
	err := json.Unmarshal(text, &fields)
	switch {
	case lineAt(text, err) > 0 && looksLikeManifest.Match(text):
		t.fault(name, lineAt(text, err), err)
	case err != nil || fields["apiVersion"] == nil || fields["kind"] == nil:
	case fields["items"] != nil:
		t.fault(name, 1, errList)
	case fields["metadata"] != nil:
		return kubernetesKind
	}
	return ""
}

// named are the names of the files of a kind.
func (t *tree) named(k kind) (names []string) {
	for _, f := range t.files {
		if f.kind == k {
			names = append(names, f.name)
		}
	}
	return names
}
