package trivy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pydist"
)

// maxDepth bounds how deep tables and lists are in each other.
const maxDepth = 1000

// decode reads a TOML file.
func (m *manifests) decode(f *manifest, into any) (text string, err error) {
	content, err := m.text(f.name, maxManifest)
	if err != nil {
		return "", err
	}
	depth := 0
	for _, c := range content { // brackets in texts count too, which is no matter
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		if depth > maxDepth {
			return "", fault(f.name, 1, "it is more than %d levels deep", maxDepth)
		}
	}
	_, err = toml.Decode(string(content), into)
	var syntax toml.ParseError
	switch {
	case errors.As(err, &syntax):
		return "", fault(f.name, syntax.Position.Line, "%s", syntax.Message)
	case err != nil:
		return "", fault(f.name, 1, "%v", err)
	}
	var all map[string]any
	if _, err := toml.Decode(string(content), &all); err != nil {
		return "", fault(f.name, 1, "%v", err)
	}
	if key := misspelt(reflect.TypeOf(into), all); key != "" {
		return "", fault(f.name, lineOfText(string(content), key), "the key %q is in letters of another case than what reads the file knows", key)
	}
	return string(content), nil
}

// misspelt is a key that was taken for a field although its letters are of another
// case: to what reads the file it is another key. The value is what was decoded.
func misspelt(t reflect.Type, value any) (found string) {
	switch t.Kind() {
	case reflect.Pointer:
		return misspelt(t.Elem(), value)
	case reflect.Slice:
		items := reflect.ValueOf(value)
		for i := 0; items.Kind() == reflect.Slice && i < items.Len() && found == ""; i++ {
			found = misspelt(t.Elem(), items.Index(i).Interface())
		}
	case reflect.Map, reflect.Struct:
		table, _ := value.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(table)) {
			of, ok := member(t, key)
			if !ok {
				return key
			}
			if found = misspelt(of, table[key]); found != "" {
				return found
			}
		}
	}
	return found
}

// member is the type of what a table has by a key, and whether that is written as
// the decoder's field is.
func member(t reflect.Type, key string) (of reflect.Type, exact bool) {
	if t.Kind() == reflect.Map {
		return t.Elem(), true
	}
	for _, f := range reflect.VisibleFields(t) {
		if name := cmp.Or(f.Tag.Get("toml"), strings.ToLower(f.Name)); strings.EqualFold(name, key) {
			return f.Type, name == key
		}
	}
	return reflect.TypeFor[any](), true // which is not read
}

// tomlLock reads a lock of Poetry, uv, PDM, or as PEP 751 has it.
func (m *manifests) tomlLock(f *manifest) error {
	var all struct{ Package, Packages []map[string]any }
	_, err := m.decode(f, &all)
	f.lock = true
	for _, p := range slices.Concat(all.Package, all.Packages) {
		name, _ := p["name"].(string)
		m.locked(f, name, p)
	}
	return err
}

// origin is where a package of a lock is from: pinnedLine is an index. Each tool
// says it by keys of its own: for what is at an address, and for folders.
func origin(file string, p map[string]any) kindOfLine {
	source, _ := p["source"].(map[string]any)
	var remote, folders []string
	switch path.Base(file) {
	case "uv.lock":
		if p, remote = source, []string{"git", "url", "path"}; source["registry"] == nil {
			folders = []string{"editable", "virtual", "directory"}
		}
	case "poetry.lock":
		switch p = source; source["type"] {
		case nil, "legacy":
		case "directory":
			folders = []string{"url"}
		default:
			remote = []string{"type"}
		}
	case "pdm.lock":
		remote, folders = []string{"git", "url"}, []string{"path"}
	case "Pipfile.lock":
		remote, folders = []string{"git", "hg", "svn", "bzr", "file", "url"}, []string{"path"}
	default: // PEP 751
		if remote, folders = []string{"vcs", "archive"}, []string{"path"}; p["vcs"] == nil && p["archive"] == nil {
			p, _ = p["directory"].(map[string]any)
		}
	}
	has := func(key string) bool { return p[key] != nil }
	if slices.ContainsFunc(remote, has) {
		return elsewhereLine
	}
	if i := slices.IndexFunc(folders, has); i >= 0 {
		folder, _ := p[folders[i]].(string)
		if !path.IsAbs(folder) {
			folder = path.Join(path.Dir(file), folder)
		}
		return folderLine(folder)
	}
	return pinnedLine
}

// pipfileLock reads a lock of Pipenv: groups of packages, besides "_meta".
func (m *manifests) pipfileLock(f *manifest) error {
	text, err := m.text(f.name, maxManifest)
	if err != nil {
		return err
	}
	var groups map[string]json.RawMessage
	if err := json.Unmarshal(text, &groups); err != nil {
		return fault(f.name, lineAt(text, err), "%v", err)
	}
	f.lock = true
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		var packages map[string]map[string]any // not a struct: its fields would be found in letters of any case
		if group == "_meta" {
			continue
		}
		if err := json.Unmarshal(groups[group], &packages); err != nil {
			return fault(f.name, 1, "%s: %v", group, err)
		}
		for _, name := range slices.Sorted(maps.Keys(packages)) {
			m.locked(f, name, packages[name])
		}
	}
	return nil
}

// locked adds a package of a lock. What has no version is from elsewhere, and
// what is in a folder of the service's is examined itself.
func (m *manifests) locked(f *manifest, name string, p map[string]any) {
	version, _ := p["version"].(string)
	version = strings.TrimLeft(version, "=") // Pipenv's
	switch from := origin(f.name, p); {
	case from == localLine:
		f.folders = append(f.folders, pydist.Normalise(name))
		return
	case from == elsewhereLine || version == "" || named.FindString(name) == "":
		m.elsewhere = append(m.elsewhere, requirement{name: pydist.Normalise(name), text: name, file: f.name})
		return
	}
	f.pin(name, version)
}

// pyproject reads what a project requires by PEP 621 and 735, and by the tables
// of Poetry, PDM and uv. What builds it is not shipped.
func (m *manifests) pyproject(f *manifest) error {
	type list = map[string]any
	var p struct {
		Project struct {
			Dependencies []string
			Optional     map[string][]string `toml:"optional-dependencies"`
		}
		Groups map[string][]any `toml:"dependency-groups"`
		Tool   struct {
			Poetry struct {
				Dependencies list
				Dev          list `toml:"dev-dependencies"`
				Group        map[string]struct{ Dependencies list }
			}
			UV struct {
				Dev []string `toml:"dev-dependencies"`
			}
			PDM struct {
				Dev map[string][]string `toml:"dev-dependencies"`
			}
			Setuptools struct {
				Dynamic map[string]any
			}
		}
	}
	text, err := m.decode(f, &p)
	if err != nil {
		return err
	}
	lines := slices.Clone(p.Project.Dependencies)
	for _, key := range slices.Sorted(maps.Keys(p.Project.Optional)) {
		lines = append(lines, p.Project.Optional[key]...)
	}
	for _, file := range filesOf(p.Tool.Setuptools.Dynamic) {
		if err := m.include(f, lineOfText(text, file), file); err != nil {
			return err
		}
	}
	if err := m.lines(f, text, lines); err != nil {
		return err
	}
	m.table(f, text, p.Tool.Poetry.Dependencies, "")
	m.table(f, text, p.Tool.Poetry.Group["main"].Dependencies, "")
	delete(p.Tool.Poetry.Group, "main")
	f.aside = true // other groups are never part of what is published
	defer func() { f.aside = false }()
	lines = slices.Clone(p.Tool.UV.Dev)
	for _, key := range slices.Sorted(maps.Keys(p.Tool.PDM.Dev)) {
		lines = append(lines, p.Tool.PDM.Dev[key]...)
	}
	for _, key := range slices.Sorted(maps.Keys(p.Groups)) {
		for _, entry := range p.Groups[key] {
			if line, ok := entry.(string); ok { // a table includes another group
				lines = append(lines, line)
			}
		}
	}
	if err := m.lines(f, text, lines); err != nil {
		return err
	}
	m.table(f, text, p.Tool.Poetry.Dev, "")
	for _, key := range slices.Sorted(maps.Keys(p.Tool.Poetry.Group)) {
		m.table(f, text, p.Tool.Poetry.Group[key].Dependencies, "")
	}
	return nil
}

// filesOf are the files with requirements that setuptools reads: "dependencies",
// and groups of "optional-dependencies".
func filesOf(dynamic map[string]any) (files []string) {
	var visit func(v any, depth int)
	visit = func(v any, depth int) {
		table, ok := v.(map[string]any)
		if !ok || depth > 2 {
			return
		}
		for _, key := range slices.Sorted(maps.Keys(table)) {
			switch file := table[key].(type) {
			case string:
				files = append(files, file)
			case []any:
				for _, one := range file {
					files = append(files, fmt.Sprint(one))
				}
			default:
				visit(file, depth+1)
			}
		}
	}
	visit(map[string]any{"": dynamic["dependencies"], "optional": dynamic["optional-dependencies"]}, 0)
	return files
}

// lines adds requirements that are written as in a file of pip's.
func (m *manifests) lines(f *manifest, text string, lines []string) error {
	for _, line := range lines {
		if err := m.line(f, lineOfText(text, line), strings.TrimSpace(line)); err != nil {
			return err
		}
	}
	return nil
}

// lineOfText is where a text first stands in another; 1 where it is written otherwise.
func lineOfText(text, what string) int {
	before, _, found := strings.Cut(text, what)
	if !found {
		return 1
	}
	return 1 + strings.Count(before, "\n")
}

// pipfile reads the groups of packages of a Pipfile.
func (m *manifests) pipfile(f *manifest) error {
	var groups map[string]any
	text, err := m.decode(f, &groups)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		table, ok := groups[key].(map[string]any)
		if ok && !slices.Contains([]string{"source", "requires", "pipenv", "scripts"}, key) {
			m.table(f, text, table, "==")
		}
	}
	return nil
}

// alone is a version that stands alone, which Poetry takes for that one.
var alone = regexp.MustCompile(`^=*\s*([0-9][0-9A-Za-z.!+_-]*)$`)

// table adds the packages of a table: each with its version, or with a table in
// which that is. What pins one begins with the prefix.
func (m *manifests) table(f *manifest, text string, packages map[string]any, prefix string) {
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		version, elsewhere := "", false
		switch v := packages[name].(type) {
		case string:
			version = v
		case map[string]any:
			version, _ = v["version"].(string)
			folder, _ := v["path"].(string)
			if elsewhere = v["git"] != nil || v["url"] != nil || v["file"] != nil; !elsewhere && folder != "" && folderLine(folder) == localLine {
				continue
			}
			elsewhere = elsewhere || v["path"] != nil
		}
		r := requirement{name: pydist.Normalise(name), text: strings.TrimSpace(name + " " + version), file: f.name, line: lineOfText("\n"+text, "\n"+name), aside: f.aside}
		pinned := alone.FindStringSubmatch(version)
		switch {
		case pydist.Normalise(name) == "python":
		case elsewhere:
			m.elsewhere = append(m.elsewhere, r)
		case pinned != nil && strings.HasPrefix(version, prefix) && named.MatchString(name):
			f.pin(name, pinned[1])
		default:
			m.unpinned = append(m.unpinned, r)
		}
	}
}

// What a setup.cfg requires, in lines that are indented deeper than their key.
var (
	section  = regexp.MustCompile(`^\[([^\]]*)\]`)
	setting  = regexp.MustCompile(`^([^=:]*[^=:\s])\s*[=:]\s*(.*)$`)
	requires = regexp.MustCompile(`^(?:options (?:install_requires|tests_require)|options\.extras_require .*)$`)
)

// setupConfig reads what setup.cfg requires.
func (m *manifests) setupConfig(f *manifest) error {
	text, err := m.plain(f.name)
	if err != nil {
		return err
	}
	in, key, indent, files := "", "", 0, false
	for n, line := range strings.Split(text, "\n") {
		value := ""
		trimmed := strings.TrimSpace(line)
		deep := strings.Index(line, trimmed)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
			continue
		case key != "" && deep > indent: // as configparser has it
			value = trimmed
		case section.MatchString(trimmed):
			in, key = section.FindStringSubmatch(trimmed)[1], ""
			continue
		default:
			s := setting.FindStringSubmatch(trimmed)
			if s == nil {
				continue
			}
			key, value, indent, files = strings.ToLower(strings.ReplaceAll(s[1], "-", "_")), s[2], deep, false
		}
		if !requires.MatchString(in + " " + key) {
			continue
		}
		value, found := strings.CutPrefix(value, "file:")
		files = files || found
		add, all := m.line, apart(value)
		if files {
			add, all = m.include, strings.FieldsFunc(value, func(c rune) bool { return c == ',' })
		}
		for _, one := range all {
			if one = strings.TrimSpace(one); one == "" {
				continue
			}
			if err := add(f, n+1, one); err != nil {
				return err
			}
		}
	}
	return nil
}

// apart are requirements of one line, between which there may be semicolons
// where they are no markers.
func apart(value string) []string {
	value = strings.TrimSpace(comment.ReplaceAllString(value, ""))
	if kind, _, _ := understandLine(value); kind != unknownLine {
		return []string{value}
	}
	return strings.FieldsFunc(value, func(c rune) bool { return c == ';' })
}

// required are the arguments by which setup.py says what it requires.
var required = regexp.MustCompile(`\b(?:install_requires|extras_require|tests_require|setup_requires)\b`)

// setupProgram tells of a setup.py that requires packages: it is a program, and
// what it makes of that cannot be read.
func (m *manifests) setupProgram(f *manifest) error {
	return m.opaque(f, required, "", "what setup.py requires")
}

// channels are how a file of conda's begins that says what is installed.
var channels = regexp.MustCompile(`(?m)^dependencies:`)

// conda tells of packages of conda's, which are in no database that is asked.
func (m *manifests) conda(f *manifest) error {
	return m.opaque(f, channels, "conda's", "packages of conda's")
}

// opaque notes a file that says something which cannot be looked up.
func (m *manifests) opaque(f *manifest, says *regexp.Regexp, name, what string) error {
	text, err := m.text(f.name, maxManifest)
	if err != nil {
		return hint.With(err, "repair the file")
	}
	if at := says.FindIndex(text); at != nil {
		m.unread = append(m.unread, requirement{name: name, text: what, file: f.name, line: 1 + strings.Count(string(text[:at[0]]), "\n")})
	}
	return nil
}
