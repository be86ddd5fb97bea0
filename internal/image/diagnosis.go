package image

import (
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// Bounds of what is kept of what the compiler says.
const (
	maxFindings = 200
	maxMessage  = 2000    // bytes
	maxLine     = 1 << 20 // bytes
	maxFailures = 1 << 20 // bytes of text
)

// compileRule explains findings of the compiler.
var compileRule = sarif.Rule{
	ID: "compile", Tool: "go", Name: "Code that does not compile",
	Why: "What does not compile cannot be tested, scanned or delivered.",
	Fix: "Correct the code at the place that the compiler names.",
	URI: "https://go.dev/ref/spec",
}

// event is a line of go build -json ("go help buildjson").
type event struct {
	ImportPath string
	Action     string
	Output     string
}

// failure is what the go command said of a package.
type failure struct{ pkg, text string }

// eventWriter takes the output of go build -json -v.
type eventWriter struct {
	progress func(string)
	log      io.Writer
	partial  []byte
	size     int
	said     []event
	failed   map[string]bool
}

func (w *eventWriter) Write(p []byte) (int, error) {
	w.partial = append(w.partial, p...)
	for {
		line, rest, whole := bytes.Cut(w.partial, []byte("\n"))
		if !whole {
			break
		}
		w.partial = rest
		if err := w.line(line); err != nil {
			return 0, err
		}
	}
	if len(w.partial) > maxLine {
		w.partial = nil // no event is so long; what remains of it is no event either
	}
	return len(p), nil
}

func (w *eventWriter) line(line []byte) error {
	var e event
	if json.Unmarshal(line, &e) != nil {
		e = event{Action: "build-output", Output: string(line) + "\n"}
	}
	if e.Action == "build-fail" {
		if w.failed == nil {
			w.failed = map[string]bool{}
		}
		w.failed[e.ImportPath] = true
		return nil
	}
	if e.Output == e.ImportPath+"\n" { // -v: a package is begun
		w.progress("compiling " + e.ImportPath)
		return nil
	}
	if w.size += len(e.Output); w.size <= maxFailures {
		w.said = append(w.said, e)
	}
	_, err := io.WriteString(w.log, e.Output)
	return err
}

// failures is what was said of the packages that did not build, in order.
func (w *eventWriter) failures() []failure {
	var all []failure
	at := map[string]int{}
	for _, e := range w.said {
		if !w.failed[e.ImportPath] || strings.HasPrefix(e.Output, "# ") {
			continue
		}
		i, ok := at[e.ImportPath]
		if !ok {
			i = len(all)
			at[e.ImportPath] = i
			all = append(all, failure{pkg: e.ImportPath})
		}
		all[i].text += e.Output
	}
	return all
}

// diagnosis turns what the compiler said into findings. Its folders have no
// symbolic links in them, as the go command sees them.
type diagnosis struct {
	root, dir, main, modCache string
	plain                     *strings.Replacer // takes this machine's folders out of messages
	findings                  []sarif.Finding
}

func newDiagnosis(r Recipe, tool gotool.Toolchain) *diagnosis {
	d := &diagnosis{root: resolve(r.Root), dir: resolve(r.Dir), main: r.Main, modCache: resolve(tool.ModCache)}
	d.plain = strings.NewReplacer(d.modCache+"/", "", resolve(tool.Root)+"/", "", d.root+"/", "")
	return d
}

// resolve follows symbolic links where there is something.
func resolve(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	return dir
}

var position = regexp.MustCompile(`^(.+?\.[A-Za-z]+):(\d+):(?:(\d+):)? (.*)$`)

// add makes a finding of every message that has a place, and one of the
// package when none has (the linker's have none).
func (d *diagnosis) add(f failure) {
	before := len(d.findings)
	for line := range strings.Lines(f.text) {
		line = strings.TrimRight(line, "\n")
		if m := position.FindStringSubmatch(line); m != nil {
			d.found(m)
		} else if n := len(d.findings); strings.HasPrefix(line, "\t") && n > before {
			d.findings[n-1].Message = clean(d.findings[n-1].Message + " " + strings.TrimSpace(line))
		}
	}
	if len(d.findings) == before && strings.TrimSpace(f.text) != "" {
		where := d.relative(filepath.Join(d.dir, d.main))
		d.append(sarif.Location{Path: where}, f.pkg+": "+f.text)
	}
}

func (d *diagnosis) found(m []string) {
	if m[4] == "too many errors" {
		return
	}
	line, _ := strconv.Atoi(m[2]) // digits; one that is too large is no place
	column, _ := strconv.Atoi(m[3])
	name := m[1]
	if !filepath.IsAbs(name) {
		name = filepath.Join(d.dir, name)
	}
	if inside(d.root, name) && !inside(d.modCache, name) {
		d.append(sarif.Location{Path: d.relative(name), Line: line, Column: column}, m[4])
		return
	}
	// In a dependency: what the repository has of it is go.mod.
	d.append(sarif.Location{Path: d.relative(filepath.Join(d.dir, "go.mod"))}, name+":"+m[2]+":"+m[3]+": "+m[4])
}

func (d *diagnosis) append(at sarif.Location, message string) {
	if len(d.findings) >= maxFindings {
		return
	}
	message = clean(d.plain.Replace(message))
	d.findings = append(d.findings, sarif.Finding{
		Rule: compileRule.ID, Tool: compileRule.Tool, Stage: stage, Message: message,
		Severity: sarif.High, Location: at, Class: compileRule.ID, Identity: message,
	})
}

func (d *diagnosis) relative(name string) string {
	rel, err := filepath.Rel(d.root, name)
	if err != nil {
		return filepath.ToSlash(name)
	}
	return filepath.ToSlash(rel)
}

func inside(dir, name string) bool {
	rel, err := filepath.Rel(dir, name)
	return err == nil && filepath.IsLocal(rel)
}

// clean makes a message one line of plain text of a bounded length.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "…"
	}
	return s
}
