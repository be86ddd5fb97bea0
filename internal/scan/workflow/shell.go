package workflow

import (
	"strings"
)

// command is one of a script, as far as it can be told without a shell.
type command struct {
	words  []string // without quotes
	meant  []string // the words that are left without what is before the program
	offset int      // in the script, bytes
	next   string   // what follows it: "|", "||", "&&", ";", "&", "(", ")" or "\n"; "" at the end
}

// commands takes a script apart into simple commands. Expressions are part of a
// word, what is in $(…) outside of quotes is a command of its own, and texts for
// other programs (<<END) are left out.
func commands(script string) []command {
	p := &shell{text: script}
	for p.at < len(p.text) {
		p.step()
	}
	p.operator("", 0)
	return p.all
}

// shell is a script that is being taken apart.
type shell struct {
	text  string
	at    int
	all   []command
	now   command
	word  strings.Builder
	open  bool     // a word has begun
	heres []string // the ends of texts that begin after this line
}

// here matches the beginning of a text for another program.
var here = lazily(`^<<-?\s*["']?([A-Za-z_][A-Za-z0-9_]*)["']?`)

func (p *shell) step() {
	rest := p.text[p.at:]
	c := rest[0]
	switch {
	case strings.HasPrefix(rest, "${{"):
		p.take(through(rest, "}}"))
	case strings.HasPrefix(rest, "\\\n"):
		p.at += 2
	case c == '\\' && len(rest) > 1:
		p.at++
		p.take(1)
	case c == '\'':
		p.quoted(1 + through(rest[1:], "'"))
	case c == '"':
		p.quoted(doubleQuoted(rest))
	case c == '#' && !p.open:
		p.at += through(rest, "\n") - strings.Count(rest[:through(rest, "\n")], "\n")
	case strings.HasPrefix(rest, "<<<"):
		p.take(3)
	case strings.HasPrefix(rest, "<<") && here().MatchString(rest):
		m := here().FindStringSubmatch(rest)
		p.heres = append(p.heres, m[1])
		p.at += len(m[0])
	case strings.HasPrefix(rest, "$("), strings.HasPrefix(rest, "||"), strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "|&"):
		p.operator(map[string]string{"$(": "(", "||": "||", "&&": "&&", "|&": "|"}[rest[:2]], 2)
	case strings.HasPrefix(rest, ">&"), strings.HasPrefix(rest, "&>"):
		p.take(2)
	case c == '\n':
		p.operator("\n", 1)
		p.texts()
	case strings.IndexByte("|;&()`", c) >= 0:
		p.operator(string(c), 1)
	case c == ' ' || c == '\t' || c == '\r':
		p.endWord()
		p.at++
	default:
		p.take(1)
	}
}

// through is how long a text is up to and with a mark; all of it without one.
func through(text, mark string) int {
	if i := strings.Index(text, mark); i >= 0 {
		return i + len(mark)
	}
	return len(text)
}

// doubleQuoted is how long the text in double quotes is that begins here. One
// within $(…) has quotes of its own.
func doubleQuoted(text string) int {
	depth := 0
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case strings.HasPrefix(text[i:], "$(") || depth > 0 && text[i] == '(':
			depth++
			i += strings.Count(text[i:i+1], "$")
		case depth > 0 && text[i] == ')':
			depth--
		case text[i] == '"' && depth == 0:
			return i + 1
		}
	}
	return len(text)
}

// take adds bytes to the word.
func (p *shell) take(n int) {
	p.begin()
	p.word.WriteString(p.text[p.at : p.at+n])
	p.at += n
}

func (p *shell) begin() {
	if !p.open && len(p.now.words) == 0 {
		p.now.offset = p.at
	}
	p.open = true
}

// quoted adds what is between quotes, which are the first and last of n bytes.
func (p *shell) quoted(n int) {
	p.begin()
	text := p.text[p.at : p.at+n]
	p.word.WriteString(strings.TrimSuffix(text[1:], text[:1]))
	p.at += n
}

func (p *shell) endWord() {
	if p.open {
		p.now.words = append(p.now.words, p.word.String())
		p.word.Reset()
		p.open = false
	}
}

// operator ends a command.
func (p *shell) operator(op string, n int) {
	p.endWord()
	p.at += n
	if len(p.now.words) > 0 {
		p.now.next, p.now.meant = op, meant(p.now.words)
		p.all = append(p.all, p.now)
	} else if op == "||" || op == "|" { // after (…)
		p.all = append(p.all, command{offset: p.at, next: op})
	}
	p.now = command{}
}

// texts leaves out the texts that the line before has announced.
func (p *shell) texts() {
	for _, end := range p.heres {
		for p.at < len(p.text) {
			line := p.text[p.at : p.at+through(p.text[p.at:], "\n")]
			p.at += len(line)
			if strings.TrimSpace(line) == end {
				break
			}
		}
	}
	p.heres = nil
}

// assignment matches a variable that is set before a command.
var assignment = lazily(`^[A-Za-z_][A-Za-z0-9_]*=`)

// wrappers are words before the command that is meant.
var wrappers = map[string]bool{
	"sudo": true, "env": true, "time": true, "exec": true, "command": true, "nohup": true, "if": true, "while": true, "until": true, "then": true,
	"else": true, "elif": true, "do": true, "!": true, "{": true, "npx": true, "uvx": true, "pipx": true, "xvfb-run": true, "-m": true,
}

// pairs are first words of two of which the second is followed by the command.
var pairs = map[string]string{
	"uv": "run", "poetry": "run", "pipenv": "run", "pdm": "run", "hatch": "run", "pnpm": "exec", "bundle": "exec", "go": "tool", "python": "-m", "python3": "-m",
}

// meant are the words of a command without what is before it: "pytest -q" of
// "A=b sudo python -m pytest -q". The first is without its folder.
func meant(words []string) []string {
	for len(words) > 0 {
		first := words[0]
		switch {
		case len(words) > 1 && pairs[first] == words[1] && pairs[first] != "":
			words = words[2:]
		case wrappers[first] || assignment().MatchString(first):
			words = words[1:]
			for len(words) > 0 && (first == "sudo" || first == "env") && strings.HasPrefix(words[0], "-") {
				words = words[1:]
			}
		default:
			name := first[strings.LastIndex(first, "/")+1:]
			return append([]string{name}, words[1:]...)
		}
	}
	return nil
}

// option is the value of an option, written "--name value" or "--name=value".
func option(words []string, names ...string) (value string, ok bool) {
	for i, w := range words {
		for _, name := range names {
			if v, cut := strings.CutPrefix(w, name+"="); cut {
				return v, true
			}
			if w == name {
				if i+1 < len(words) {
					return words[i+1], true
				}
				return "", true
			}
		}
	}
	return "", false
}
