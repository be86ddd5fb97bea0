package gocode

import (
	"crypto/rand"
	"slices"
	"strings"
)

// plant is a defect that a tool must find, in a file of its own. NAME stands for
// a name that is made afresh, MODULE for the module's, and "// here" marks the
// line at which it is to be found.
type plant struct{ stage, tool, rule, code string }

// plants are several for each tool, so that a tool of which one rule is switched
// off is still tested. They need different things of it: syntax, types, the SSA
// form, what is known of an imported package of the module's and of another. That
// one imports nothing in turn, so that next to nothing has to be compiled.
func plants() []plant {
	return []plant{
		{lintStage, gofmtTool, gofmtTool, "func  NAME() {} // here\n"},
		{lintStage, vetTool, "stringintconv", "func NAME(n int) string { return string(n) } // here\n"},
		{lintStage, vetTool, "structtag", "type NAME struct {\n\tA int `json:\"a` // here\n}\n"},
		{lintStage, vetTool, "unreachable", "func NAME() int {\n\treturn 1\n\treturn 2 // here\n}\n"},
		{lintStage, staticcheckTool, "SA4000", "func NAME(n int) bool {\n\treturn n == n // here\n}\n"},
		{lintStage, staticcheckTool, "SA4006", "func NAME(f func() int) int {\n\tn := f() // here\n\tn = f()\n\treturn n\n}\n"},
		{lintStage, staticcheckTool, "SA1019", "import \"MODULE/old\"\n\nfunc NAME() { old.NAME() } // here\n"},
		{lintStage, staticcheckTool, "SA4017", "import \"unicode/utf8\"\n\nfunc NAME(r rune) { utf8.RuneLen(r) } // here\n"},
		{sastStage, gosecTool, "G103", "import \"unsafe\"\n\nfunc NAME(p *int) uintptr { return uintptr(unsafe.Pointer(p)) } // here\n"},
		{sastStage, gosecTool, "G115", "//line elsewhere.go:1\nfunc NAME(n int) int8 { return int8(n) } // here\n"},
	}
}

// file is the path of the plant in its module.
func (p plant) file() string { return "planted/" + strings.ToLower(p.rule) + ".go" }

// line is where the defect is.
func (p plant) line() int {
	before, _, _ := strings.Cut(p.text("", ""), "// here")
	return 1 + strings.Count(before, "\n")
}

func (p plant) text(module, name string) string {
	return "package planted\n\n" + strings.NewReplacer("MODULE", module, "NAME", name).Replace(p.code)
}

// sow gives the files of a module with the plants, by their paths.
func sow(plants []plant, goVersion string) map[string]string {
	name := func() string { return "Planted" + rand.Text() }
	module, shared := "planted.invalid/"+strings.ToLower(name()), name()
	files := map[string]string{
		"go.mod":     "module " + module + "\n",
		"old/old.go": "package old\n\n// " + shared + " does nothing.\n//\n// Deprecated: it does nothing.\nfunc " + shared + "() {}\n",
	}
	if goVersion != "" {
		files["go.mod"] += "\ngo " + goVersion + "\n"
	}
	for _, p := range plants {
		own := name()
		text := p.text(module, own)
		files[p.file()] = strings.ReplaceAll(text, "old."+own, "old."+shared)
	}
	return files
}

// untested are the tools of a stage of which nothing is planted.
func untested(stage string, planted []plant) (names []string) {
	has := func(p plant) bool {
		return slices.ContainsFunc(planted, func(q plant) bool { return p.tool == q.tool })
	}
	for _, p := range plants() {
		if p.stage == stage && !has(p) && !slices.Contains(names, p.tool) {
			names = append(names, p.tool)
		}
	}
	return names
}
