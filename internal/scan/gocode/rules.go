package gocode

import (
	"strings"

	"honnef.co/go/tools/analysis/lint"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// maxWhy bounds a rule's explanation, bytes.
const maxWhy = 400

// allRules explains every rule of the tools, by its name.
func allRules() map[string]sarif.Rule {
	rules := map[string]sarif.Rule{}
	add := func(r sarif.Rule) { rules[r.ID] = r }
	for id, text := range ownTexts {
		add(sarif.Rule{ID: id, Tool: text.tool, Name: text.name, Why: text.why, Fix: text.fix, URI: text.uri})
	}
	for _, a := range vetAnalyzers() {
		text := vetTexts[a.Name]
		add(sarif.Rule{ID: a.Name, Tool: vetTool, Name: a.Name, Why: text.why, Fix: text.fix, URI: a.URL})
	}
	for _, a := range staticcheckAnalyzers() {
		add(staticcheckRule(a))
	}
	for id, text := range gosecTexts {
		add(sarif.Rule{ID: id, Tool: gosecTool, Name: id, Why: text.why, Fix: text.fix, URI: "https://github.com/securego/gosec#available-rules", CWE: secCWE(id)})
	}
	return rules
}

// staticcheckRule takes a rule's texts from its documentation.
func staticcheckRule(a *lint.Analyzer) sarif.Rule {
	doc := a.Doc.Compile()
	why := sentence(doc.Title)
	if text := firstParagraph(doc.Text); text != "" {
		why += " " + sentence(text)
	}
	if len(why) > maxWhy {
		why = sentence(doc.Title)
	}
	name := a.Analyzer.Name
	return sarif.Rule{ID: name, Tool: staticcheckTool, Name: name, Why: why, Fix: staticcheckFix(name, doc), URI: a.Analyzer.URL}
}

// staticcheckFix is the documentation's example, or what to do about a rule of
// its family.
func staticcheckFix(name string, doc *lint.Documentation) string {
	if doc.Before != "" && !strings.Contains(doc.Before+doc.After, "\n") && doc.After != "" {
		return "Write " + doc.After + " instead of " + doc.Before + "."
	}
	for _, f := range staticcheckFamilies {
		if strings.HasPrefix(name, f.prefix) {
			return f.fix
		}
	}
	return "Change the code as the rule's page says."
}

// staticcheckFamilies are what staticcheck groups its rules by; see
// https://staticcheck.dev/docs/checks.
var staticcheckFamilies = []struct{ prefix, fix string }{
	{"SA1019", "Use what its documentation names instead."},
	{"SA1", "Call it as its documentation says."},
	{"SA2", "Order the steps so that no goroutine can run into the other."},
	{"SA3", "Change the test so that it can fail, and its failure is seen."},
	{"SA4", "Remove the code that has no effect, or write what was meant."},
	{"SA5", "Change the code so that it cannot go wrong at run time."},
	{"SA6", "Do the work once, or in the cheaper way that the message names."},
	{"SA9", "Write what was meant so that it can be seen."},
	{"S1", "Write it in the shorter way that the message names."},
	{"ST1", "Write it in the usual way that the message names."},
	{"QF1", "Take the shorter form that the message names, if it reads better."},
}

func firstParagraph(s string) string {
	s, _, _ = strings.Cut(s, "\n\n")
	return strings.Join(strings.Fields(s), " ")
}

// sentence ends a text with a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, ":") {
		return strings.TrimSuffix(s, ":")
	}
	return s + "."
}
