package workflow

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sluice-ci/sluice/internal/sarif"
)

var (
	// executed matches a download in the arguments of a shell.
	executed = lazily("(?m)(?:^|[\\s;&|(])(?:(?:ba|z|da|k)?sh|source|\\.|eval)\\s(?:-\\S+\\s+)*[\"']?(?:<\\(|\\$\\(|`)\\s*(?:curl|wget)\\b[^\\n]*")
	// powershell matches a download that PowerShell executes.
	powershell = lazily(`(?im)(?:\b(?:iwr|irm|invoke-webrequest|invoke-restmethod)\b|downloadstring)[^\n]*\|\s*(?:iex|invoke-expression)\b|\b(?:iex|invoke-expression)\b[^\n|]*(?:\b(?:iwr|irm|invoke-webrequest|invoke-restmethod)\b|downloadstring)`)
)

// remoteScripts tells of scripts that are downloaded and executed unseen.
func (c *checker) remoteScripts(w where) {
	r := w.run()
	if r == nil {
		return
	}
	all := w.commands
	for i, cmd := range all {
		if words := cmd.meant; first(words) == "curl" || first(words) == "wget" {
			if by := interpreter(all[i:]); by != "" {
				c.remote(w, r, cmd.offset, strings.Join(cmd.words, " ")+" | "+by)
			}
		}
	}
	for _, pattern := range []*regexp.Regexp{executed(), powershell()} {
		for _, m := range pattern.FindAllStringIndex(r.Run.Value, -1) {
			what := strings.TrimLeft(r.Run.Value[m[0]:m[1]], " \t\n;&|(")
			c.remote(w, r, m[1]-len(what), strings.TrimSpace(what))
		}
	}
}

func (c *checker) remote(w where, r *actionlint.ExecRun, offset int, what string) {
	c.tell(found{remoteScript, sarif.Medium, c.within(r.Run, offset), w, what}, "what is downloaded is executed unseen, and may be other code tomorrow (%s)", clip(what))
}

// interpreter is what executes what the first of piped commands prints; "" when
// nothing does.
func interpreter(all []command) string {
	for i := 0; i+1 < len(all) && all[i].next == "|"; i++ {
		words := all[i+1].meant
		switch name := first(words); {
		case slices.Contains([]string{"sh", "bash", "zsh", "dash", "ksh"}, name) && !slices.Contains(words, "-c"):
			return name
		case slices.Contains([]string{"python", "python3", "node", "perl", "ruby", "php"}, name) && (len(words) == 1 || words[1] == "-"):
			return name
		}
	}
	return ""
}
