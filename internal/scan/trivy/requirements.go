package trivy

import (
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/sluice-ci/sluice/internal/pydist"
)

// A requirement as pip reads it (PEP 508), what refers to something in place of
// an index, and the options that pip knows in such a file.
//
// https://pip.pypa.io/en/stable/reference/requirements-file-format/
var (
	named     = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*\(?((?:\s*(?:===|[<>=!~]=|[<>])\s*[^\s;,()\[\]<>=!~]+\s*,?)*)\s*\)?\s*(?:;[\s(]*(?:python_|os_name|sys_platform|platform_|implementation_|extra|dependency_groups|os\.|sys\.|platform\.|["']).*)?$`)
	exactly   = regexp.MustCompile(`^\s*===?\s*([vV]?[0-9][0-9A-Za-z.!+_-]*)\s*$`)
	reference = regexp.MustCompile(`^([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*@|^[A-Za-z][A-Za-z0-9+.-]*:|^[^\s;]*/|^\.+\s*(?:\[[^\]]*\]\s*)?(?:;.*)?$|^[^\s;]+\.(?:whl|zip|tar\.[a-z0-9]+|tgz|egg)(?:\s|$|\[|#|;)`)
	editable  = regexp.MustCompile(`^(?:-e\s*|--editable(?:\s+|=))` + oneValue + `(?:\s*;.*|\s+--config-settings?(?:\s+|=)` + oneValue + `)?$`)
	option    = regexp.MustCompile(`^(?:-[rc]\s*|--(?:requirement|constraint)(?:\s+|=))` + oneValue + `$`)
	settings  = regexp.MustCompile(`^(?:(?:(?:-[if]\s*|--` + valued + `(?:\s+|=))` + oneValue + `|--(?:no-index|prefer-binary|require-hashes|pre))(?:\s+|$))+$`)
	doubtful  = regexp.MustCompile(`^(?:-[rceif]\s*\S|--(?:requirement|constraint|editable|no-index|prefer-binary|require-hashes|pre|` + valued + `)(?:\s|=))`)
	inline    = regexp.MustCompile(`\s(--?[A-Za-z].*)$`) // of one requirement
	ofOne     = regexp.MustCompile(`^(?:(?:--hash|--global-option|--config-settings?|--install-option)(?:=|\s+)\s*(?:"[^"]*"|'[^']*'|\S+)\s*)+$`)
	archive   = regexp.MustCompile(`\.(?:whl|zip|tar\.[a-z0-9]+|tgz|egg)$`)
	comment   = regexp.MustCompile(`(?:^|\s)#.*$`) // at the start of a line or after a space
)

// What follows an option: one value, as a shell takes it. What is quoted otherwise
// is not understood.
const (
	oneValue = `("[^"\\]*"|'[^']*'|[^\s\pZ\x1f"'\\=-][^\s\pZ\x1f"'\\]*)`
	valued   = `(?:index-url|extra-index-url|pypi-url|find-links|no-binary|only-binary|trusted-host|use-feature)`
)

// kindOfLine is what a line is to pip.
type kindOfLine int

const (
	unknownLine kindOfLine = iota
	emptyLine
	settingLine
	includeLine
	pinnedLine
	unpinnedLine
	localLine     // something in a folder, which is examined itself
	elsewhereLine // something in place of an index
	doubtfulLine  // an option of pip's, with more than is understood
)

// understandLine says what a line without its comment is, and the name and the
// version of its package, or the file that it includes.
func understandLine(line string) (kind kindOfLine, name, version string) {
	if line == "" {
		return emptyLine, "", ""
	}
	if o := option.FindStringSubmatch(line); o != nil {
		return includeLine, strings.Trim(o[1], `"'`), ""
	}
	if settings.MatchString(line) {
		return settingLine, "", ""
	}
	if m := inline.FindStringSubmatchIndex(line); m != nil && line[0] != '-' {
		if !ofOne.MatchString(line[m[2]:]) {
			return unknownLine, "", ""
		}
		line = strings.TrimSpace(line[:m[0]])
	}
	if e := editable.FindStringSubmatch(line); e != nil {
		if line = strings.Trim(e[1], `"'`); !strings.Contains(line, ":") {
			return folderLine(line), "", ""
		}
	}
	if n := named.FindStringSubmatch(line); n != nil && !archive.MatchString(line) {
		if v := exactly.FindStringSubmatch(n[2]); v != nil {
			return pinnedLine, n[1], v[1]
		}
		return unpinnedLine, n[1], ""
	}
	r := reference.FindStringSubmatch(line)
	switch {
	case doubtful.MatchString(line):
		return doubtfulLine, "", ""
	case line[0] == '-' || r == nil:
		return unknownLine, "", ""
	case r[1] == "" && !strings.Contains(line, ":"):
		return folderLine(line), "", ""
	}
	return elsewhereLine, r[1], ""
}

// folderLine is what a path is: a folder of the service's is examined itself,
// with what it requires.
func folderLine(name string) kindOfLine {
	name, _, _ = strings.Cut(name, ";")
	name, _, _ = strings.Cut(strings.TrimSpace(name), "[")
	if !filepath.IsLocal(name) || strings.Contains(name, "${") || archive.MatchString(name) {
		return elsewhereLine
	}
	return localLine
}

// ends are what ends a line for Python, and for nobody else; and coding is the
// comment that says how a text is encoded (PEP 263).
const ends = "\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029"

var (
	coding   = regexp.MustCompile(`^(?:[^\n]*\n)??#[^\n]*?coding[:=][ \t]*([-\w.]+)`)
	utf8Name = regexp.MustCompile(`(?i)^utf[-_]?8$`)
)

// plain is the content of a file that says the same to Python as to who reads it.
func (m *manifests) plain(name string) (string, error) {
	content, err := m.text(name, maxManifest)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(content) {
		return "", fault(name, 1, "it is not UTF-8")
	}
	text := strings.ReplaceAll(string(content), "\r\n", "\n")
	if c := coding.FindStringSubmatch(text); c != nil && !utf8Name.MatchString(c[1]) {
		return "", fault(name, 1, "a comment says that it is encoded as %q, not as UTF-8", c[1])
	}
	if at := strings.IndexAny(text, ends); at >= 0 {
		end, _ := utf8.DecodeRuneInString(text[at:])
		return "", fault(name, 1+strings.Count(text[:at], "\n"), "the character %U ends a line for Python", end)
	}
	return text, nil
}

// isRequirements tells by its content whether pip is to be given a text.
func isRequirements(text string) (is bool) {
	if !utf8.ValidString(text) {
		return false
	}
	text = strings.Map(func(c rune) rune {
		if strings.ContainsRune(ends, c) {
			return '\n'
		}
		return c
	}, strings.ReplaceAll(text, "\r\n", "\n"))
	for _, line := range continued(text) {
		switch kind, _, _ := understandLine(line); kind {
		case unknownLine:
			return false
		case pinnedLine, includeLine:
			is = true
		}
	}
	return is
}

// requirements reads a file of pip's. What pins nothing is kept apart: it cannot
// be looked up. A line that pip would not read either is an error.
func (m *manifests) requirements(f *manifest) error {
	text, err := m.plain(f.name)
	if err != nil {
		return err
	}
	for n, line := range continued(text) {
		if err := m.line(f, n+1, line); err != nil {
			return err
		}
	}
	return nil
}

// line adds what a line of pip's says.
func (m *manifests) line(f *manifest, n int, line string) error {
	kind, name, version := understandLine(line)
	r := requirement{name: pydist.Normalise(name), text: line, file: f.name, line: n, aside: f.aside}
	switch kind {
	case unknownLine, doubtfulLine:
		return fault(f.name, n, "%q is nothing that pip is known to read", line)
	case includeLine:
		return m.include(f, n, name)
	case pinnedLine:
		f.pin(name, version)
	case unpinnedLine:
		m.unpinned = append(m.unpinned, r)
	case elsewhereLine:
		m.elsewhere = append(m.elsewhere, r)
	}
	return nil
}

// continued are the lines of a text, without comments. One that ends in a
// backslash goes on in the next, which is then empty, so that each has its number.
func continued(text string) (lines []string) {
	var begun strings.Builder
	joined := 0
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		// A line of comment does not go on, and ends what went on before it (pip's join_lines).
		before, more := strings.CutSuffix(line, "\\")
		if more && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			begun.WriteString(before + " ")
			joined++
			continue
		}
		begun.WriteString(line)
		lines = append(lines, strings.TrimSpace(comment.ReplaceAllString(begun.String(), "")))
		lines = append(lines, make([]string, joined)...)
		begun.Reset()
		joined = 0
	}
	if joined > 0 {
		lines = append(lines, strings.TrimSpace(comment.ReplaceAllString(begun.String(), "")))
	}
	return lines
}

// include reads a file that another one includes; it must be below the
// service's folder, and be named in full.
func (m *manifests) include(by *manifest, line int, name string) error {
	if path.IsAbs(name) || strings.Contains(name, "${") {
		return fault(by.name, line, "it is not known which file %q is where the service is installed", name)
	}
	if strings.Contains(name, ":") {
		m.elsewhere = append(m.elsewhere, requirement{text: name, file: by.name, line: line, aside: by.aside})
		return nil
	}
	name = path.Join(path.Dir(by.name), name)
	if toolsReader(name) != nil {
		return fault(by.name, line, "%q is a file of another tool than pip", name)
	}
	by.includes = append(by.includes, name)
	if err := m.add(name, (*manifests).requirements); err != nil {
		return fault(by.name, line, "%v", err)
	}
	return nil
}
