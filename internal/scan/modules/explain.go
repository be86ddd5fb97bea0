package modules

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/hint"
)

// cause is a reason why modules cannot be had, as the go command words it.
type cause struct {
	says   *regexp.Regexp
	what   string // "" where the go command's own words do
	remedy string
	// absent is set where the reason is the way there, and not the module: then
	// all that the module cache lacks is named.
	absent bool
}

// causes, the gravest first: a download that was tampered with must not hide
// behind a failed one.
var causes = []cause{
	{says: regexp.MustCompile(`checksum mismatch|SECURITY ERROR`), what: "a download is not what go.sum recorded, which can be tampering",
		remedy: "find out why the content changed before anything else; only if the new content is right, remove the lines from go.sum and run go mod tidy"},
	{says: regexp.MustCompile(`no space left on device|disk quota exceeded`), what: "the disk is full",
		remedy: "free some disk space, or set GOMODCACHE to a folder on a larger disk"},
	{says: regexp.MustCompile(`could not read (Username|Password)|terminal prompts disabled|Permission denied \(|Authentication failed|Host key verification failed|40[13] (Unauthorized|Forbidden)|refusing to pass credentials|no protocol found for repository`),
		what:   "access was refused: it is private, or does not exist",
		remedy: "set GOPRIVATE to its path, and give git or ~/.netrc credentials for its host"},
	{says: regexp.MustCompile(`module lookup disabled by GOPROXY=off`), what: "GOPROXY=off forbids fetching",
		remedy: "set GOPROXY to a module proxy, or fill the module cache with go mod download", absent: true},
	{says: regexp.MustCompile(`dial tcp|dial unix|no such host|[Cc]ould not resolve host|connection re(fused|set)|i/o timeout|network is unreachable|TLS handshake|x509:|proxyconnect|deadline exceeded|\b50[0-9] |EOF`),
		what:   "the module proxy cannot be reached",
		remedy: "check the network, and GOPROXY and HTTPS_PROXY; without a network, fill the module cache with go mod download beforehand", absent: true},
	{says: regexp.MustCompile(`requires go >=|toolchain not available`), remedy: "install the Go version that is asked for, from https://go.dev/dl, or use an older version of the module"},
	{says: regexp.MustCompile(`missing go\.sum entry|updates to go\.(mod|sum|work) needed|go: updates to`), remedy: "run go mod tidy and commit go.mod and go.sum"},
	{says: regexp.MustCompile(`no required module provides|cannot find module providing|to add it:`), remedy: "run go get for the missing package, then go mod tidy, and commit go.mod and go.sum"},
	{says: regexp.MustCompile(`unknown revision|invalid version|404 Not Found|410 Gone|no such file or directory|[Nn]ot [Ff]ound|no matching versions`), what: "there is no such version",
		remedy: "correct the version in go.mod; if the module is private, set GOPRIVATE to its path"},
	{says: regexp.MustCompile(`does not contain (main module|modules listed in go\.work)|not in a module listed in go\.work|not one of the workspace modules`), remedy: "run go work use with the service's folder, and commit go.work"},
}

// explain makes one error of what the go command said, with the remedy for the
// gravest part.
func (f *fetcher) explain(problems []string) error {
	for _, c := range causes {
		i := slices.IndexFunc(problems, c.says.MatchString)
		if i < 0 {
			continue
		}
		text := gist(problems[i], c.says)
		if c.what != "" {
			text = c.what + ": " + text
		}
		if missing := f.missing(); c.absent && len(missing) > 0 {
			text += "; the module cache lacks " + some(missing)
		} else if also := others(problems, i); len(also) > 0 {
			text += "; and " + some(also)
		}
		return hint.With(fmt.Errorf("resolving the modules: %s", text), c.remedy)
	}
	return hint.With(errors.New("resolving the modules: "+gist(problems[0], nil)), "run go mod tidy, and see what go list -deps ./... says")
}

// ownFolder is where git was started, which tells the user nothing.
var ownFolder = regexp.MustCompile(` in \S*[/\\]cache[/\\]vcs[/\\][0-9a-f]+`)

// gist is a message's first line, and the line that gives the reason where
// that is another.
func gist(message string, reason *regexp.Regexp) string {
	lines := strings.Split(strings.TrimSpace(ownFolder.ReplaceAllString(message, "")), "\n")
	lines[0] = strings.TrimSuffix(lines[0], "; to add:") // the remedy says what, and the command that follows is one of two
	first := strings.TrimPrefix(strings.TrimSpace(lines[0]), "go: ")
	if reason == nil || reason.MatchString(first) {
		return clip(first)
	}
	for _, line := range lines[1:] {
		if reason.MatchString(line) {
			return clip(strings.TrimSuffix(first, ":") + ": " + strings.TrimSpace(line))
		}
	}
	return clip(first)
}

// clip bounds a text for a message.
func clip(text string) string {
	const most = 600
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// moduleAt finds what a message is about.
var moduleAt = regexp.MustCompile(`^(?:go: )?([^\s:]+@v[^\s:]+)`)

// others names the modules of the messages other than the one at i.
func others(problems []string, i int) (list []string) {
	named := moduleAt.FindString(problems[i])
	for _, p := range problems {
		if m := moduleAt.FindStringSubmatch(p); m != nil && m[1] != named && !slices.Contains(list, m[1]) {
			list = append(list, m[1])
		}
	}
	return list
}

// some names the first of a list.
func some(list []string) string {
	const most = 8
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}
