package python

import (
	"strings"

	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// rules explains those of the findings.
func rules(findings []sarif.Finding) map[string]sarif.Rule {
	all := map[string]sarif.Rule{}
	for _, f := range findings {
		r := sarif.Rule{ID: f.Rule, Tool: f.Tool, Name: f.Rule, CWE: f.CWE}
		for _, t := range texts() {
			if t.tool == f.Tool && strings.HasPrefix(f.Rule, t.prefix) {
				r.Why, r.Fix, r.URI = t.why, t.fix, t.uri
			}
		}
		all[f.Rule] = r
	}
	return all
}

// text explains the rules whose names begin alike. The longest prefix comes last.
type text struct{ tool, prefix, why, fix, uri string }

const (
	pycodestyleURI = "https://pycodestyle.pycqa.org/en/latest/intro.html#error-codes"
	pyflakesURI    = "https://flake8.pycqa.org/en/latest/user/error-codes.html"
	banditURI      = "https://bandit.readthedocs.io/en/latest/plugins/index.html"
)

func texts() []text {
	return []text{
		{flake8, "E", "The code is not written as PEP 8 has it, so that a reader stumbles over its form.", "Write it as the message says.", pycodestyleURI},
		{flake8, "E1", "Indentation that is not regular hides which statements belong together.", "Indent by four spaces, and continued lines as the message says.", pycodestyleURI},
		{flake8, "E5", "Lines this long are not read to their end, and cannot be compared side by side.", "Break the line within brackets.", pycodestyleURI},
		{flake8, "E7", "Several statements on a line, or a comparison that is not what it seems, are misread.", "Write the statement as the message says.", pycodestyleURI},
		{flake8, "E9", "The file cannot be read as Python: it does not run, and nothing else is known about it.", "Correct the error; python3 -m py_compile FILE shows it too.", pycodestyleURI},
		{flake8, "W", "White space or a form that has no meaning, or will lose it in a later Python.", "Take it out, or write what the message names.", pycodestyleURI},
		{flake8, "F4", "An import that nothing uses, or that hides what it brings, makes it unclear what the code depends on.", "Take the import out, or name what is imported.", pyflakesURI},
		{flake8, "F5", "The text and the values that are put into it do not match: it fails when it is run.", "Have each placeholder and each value belong together.", pyflakesURI},
		{flake8, "F6", "The statement does not do what it seems to.", "Write what was meant.", pyflakesURI},
		{flake8, "F7", "The statement is not allowed here: the file does not run.", "Correct the statement.", pyflakesURI},
		{flake8, "F8", "A name that is not used, or defined twice, is often a mistake for another.", "Use the name or take it out.", pyflakesURI},
		{flake8, "F82", "The name is not defined: the line fails when it is run.", "Define or import the name.", pyflakesURI},
		{bandit, "B1", "What is written here is often unsafe.", "See Bandit's page about the rule.", banditURI},
		{bandit, "B101", "Python leaves assert out when it is started with -O: then nothing is checked.", "Raise an exception.", banditURI},
		{bandit, "B104", "The program takes connections from every network that the machine is in.", "Listen on 127.0.0.1, or on an address from the configuration; in a container, say why not with # nosec B104 - reason.", banditURI},
		{bandit, "B105", "Whoever can read the code has the password, and it cannot be changed without a release.", "Read it from the environment or a secret store, and have it changed.", banditURI},
		{bandit, "B106", "Whoever can read the code has the password, and it cannot be changed without a release.", "Read it from the environment or a secret store, and have it changed.", banditURI},
		{bandit, "B107", "Whoever can read the code has the password, and it cannot be changed without a release.", "Have no default for it.", banditURI},
		{bandit, "B2", "A setting that is for development lets others run code in production.", "Switch it off, or by a variable that production does not set.", banditURI},
		{bandit, "B3", "The function is unsafe with input that somebody else has a hand in.", "Use what the message names in its place.", banditURI},
		{bandit, "B4", "The module is unsafe with input that somebody else has a hand in.", "Use another, or see that its input is the program's own.", banditURI},
		{bandit, "B5", "The connection or the key is weaker than what is safe today.", "Use the library's defaults of today: TLS 1.2 or later with certificates verified, RSA of 2048 bits or more.", banditURI},
		{bandit, "B6", "Input that gets into a command is executed.", "Call the program with a list of arguments and without a shell.", banditURI},
		{bandit, "B608", "Input that gets into SQL can read and change all of the database.", "Leave placeholders in the statement and give the values as parameters.", banditURI},
		{bandit, "B7", "Input that gets into a page is executed in the visitor's browser.", "Have the template escape it.", banditURI},
	}
}

// Rules implements scan.Catalogue.
func (Scanner) Rules() map[string][]sarif.Rule {
	stages := map[string]string{flake8: lintStage, bandit: sastStage}
	all := map[string][]sarif.Rule{}
	for _, t := range texts() {
		stage := stages[t.tool]
		all[stage] = append(all[stage], sarif.Rule{ID: t.prefix + "*", Tool: t.tool, Name: t.tool + " " + t.prefix, Why: t.why, Fix: t.fix, URI: t.uri})
	}
	return all
}

// Rules implements scan.Catalogue.
func (Tests) Rules() map[string][]sarif.Rule {
	return map[string][]sarif.Rule{testStage: scan.Sorted(testRules())}
}
