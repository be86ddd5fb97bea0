package gotest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// dissected is the output of a test that failed, or of a package beside its
// tests, taken apart.
type dissected struct {
	said    []string // what is neither of the following
	races   []raced
	crash   *crash
	timeout bool
	running []string // tests that a timeout names
}

// crash is a panic, or a fatal error of the runtime, with the stack of the
// goroutine that it was in.
type crash struct {
	text  string
	stack []frame
}

// raced is what the race detector reports: the stacks of two accesses, and of
// where the goroutines were started.
type raced struct {
	stacks [][]frame
	titles []string // of the stacks: "Read at 0x00c0 by goroutine 8:"
}

// frame is a call in a stack.
type frame struct {
	function string
	at       place
}

var (
	raceRule   = "=================="
	goroutine  = regexp.MustCompile(`^goroutine \d+.* \[`)
	crashed    = regexp.MustCompile(`^(panic|fatal error): (.*)`)
	frameFile  = regexp.MustCompile(`^\s+(.+\.go):(\d+)(?: \+0x[0-9a-f]+)?$`)
	tooLong    = regexp.MustCompile(`^(panic: test timed out after |\*\*\* Test killed.*: ran too long)`)
	runningNow = regexp.MustCompile(`^\t\t(.+) \([0-9.hms]+\)$`)
)

func dissect(output string) dissected {
	var d dissected
	lines := strings.Split(output, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case line == raceRule && i+1 < len(lines) && lines[i+1] == "WARNING: DATA RACE":
			end := i + 2
			for end < len(lines) && lines[end] != raceRule {
				end++
			}
			d.races = append(d.races, readRace(lines[i+2:min(end, len(lines))]))
			i = end
		case tooLong.MatchString(line):
			d.timeout = true
			d.running = readRunning(lines[i+1:])
			return d // the rest is the stacks of all goroutines
		case crashed.MatchString(line) && isCrash(lines[i+1:]):
			d.crash = readCrash(lines[i:])
			return d
		default:
			d.said = append(d.said, line)
		}
	}
	return d
}

// readRunning reads the list of tests that follows a timeout's message,
// without those of which a part is listed.
func readRunning(lines []string) (names []string) {
	for _, line := range lines {
		if m := runningNow.FindStringSubmatch(line); m != nil {
			names = append(names, m[1])
		} else if line == "" {
			break
		}
	}
	return leaves(names)
}

// leaves drops the tests of which a part is in the list as well.
func leaves(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		return slices.ContainsFunc(names, func(other string) bool { return strings.HasPrefix(other, n+"/") })
	})
}

// isCrash tells whether the lines after "panic: " are those of the runtime, and
// not something that a test printed.
func isCrash(lines []string) bool {
	return slices.ContainsFunc(lines[:min(len(lines), 50)], goroutine.MatchString)
}

func readCrash(lines []string) *crash {
	m := crashed.FindStringSubmatch(lines[0])
	text := m[2]
	if m[1] != "panic" {
		text = lines[0]
	}
	i := slices.IndexFunc(lines, goroutine.MatchString)
	c := &crash{text: strings.TrimSuffix(strings.TrimSuffix(text, ", repanicked]"), " [recovered")}
	c.stack = readStack(lines[i+1:])
	for j, f := range slices.Backward(c.stack) { // what a deferred function did comes before
		if strings.HasPrefix(f.function, "panic(") {
			c.stack = c.stack[j+1:]
			break
		}
	}
	return c
}

// readStack reads pairs of lines, a function and where it is, up to an empty
// line.
func readStack(lines []string) (stack []frame) {
	function := ""
	for _, line := range lines {
		if strings.TrimSpace(line) == "" {
			break
		}
		m := frameFile.FindStringSubmatch(line)
		if m == nil {
			function = strings.TrimPrefix(strings.TrimSpace(line), "created by ")
			continue
		}
		n, err := strconv.Atoi(m[2])
		if err != nil {
			continue
		}
		stack = append(stack, frame{function, place{m[1], n}})
	}
	return stack
}

func readRace(lines []string) (r raced) {
	for len(lines) > 0 {
		end := slices.Index(lines, "")
		if end < 0 {
			end = len(lines)
		}
		if end > 1 {
			r.titles = append(r.titles, strings.TrimSuffix(lines[0], ":"))
			r.stacks = append(r.stacks, readStack(lines[1:end]))
		}
		lines = lines[min(end+1, len(lines)):]
	}
	return r
}

// firstLines gives the first lines of a text that are not empty, within what a
// message may hold.
func firstLines(text string, n int) string {
	const most = 500
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && len(list) < n {
			list = append(list, line)
		}
	}
	text = strings.Join(list, "\n")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
