package secrets

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"

	"github.com/h2non/filetype"
	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/regexp"
	"github.com/zricethezav/gitleaks/v8/report"
)

// gitleaksVersion is the version in go.mod; a test compares them.
const gitleaksVersion = "v8.30.1"

// decodeDepth is how often text is decoded that was encoded (base64, hex,
// percent) more than once; it is the default of the gitleaks command.
const decodeDepth = 5

// maxFile bounds the size of a file or blob that is scanned, bytes.
const maxFile = 32 << 20

// ownConfig is the path rule by which gitleaks passes over its configuration
// file, and with it over every path that contains that name: the repository
// could name its files so.
const ownConfig = `gitleaks\.toml`

// engine runs gitleaks' rules on texts. It is safe for concurrent use.
type engine struct {
	detector *detect.Detector  // all rules
	decoder  *detect.Detector  // all rules, also on what is encoded
	quick    *detect.Detector  // all rules but the generic one
	rules    map[string]string // description by rule
	key      string            // digest of all that decides what it finds
}

// sharedEngine is made once a process: it takes 45 ms, and the library parses
// its rules through a global of its own.
var sharedEngine = sync.OnceValues(newEngine)

func newEngine() (*engine, error) {
	d, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		return nil, fmt.Errorf("reading gitleaks' rules: %w", err)
	}
	d.IgnoreGitleaksAllow = true
	if d.Config.Allowlists, err = withoutOwnConfig(d.Config.Allowlists); err != nil {
		return nil, fmt.Errorf("reading gitleaks' rules: %w", err)
	}
	decoder := detect.NewDetector(d.Config)
	decoder.IgnoreGitleaksAllow, decoder.MaxDecodeDepth = true, decodeDepth
	quick := detect.NewDetector(without(d.Config, genericRule))
	quick.IgnoreGitleaksAllow = true
	e := &engine{detector: d, decoder: decoder, quick: quick, rules: map[string]string{}}
	for id, r := range d.Config.Rules {
		e.rules[id] = r.Description
	}
	sum := sha256.Sum256([]byte(gitleaksVersion + "\x00" + config.DefaultConfig))
	e.key = hex.EncodeToString(sum[:])
	return e, nil
}

// without copies a configuration without one of its rules.
func without(c config.Config, rule string) config.Config {
	c.Rules = maps.Clone(c.Rules)
	delete(c.Rules, rule)
	return c
}

// withoutOwnConfig copies the allowlists without the rule that spares
// gitleaks' own configuration file.
func withoutOwnConfig(lists []*config.Allowlist) ([]*config.Allowlist, error) {
	out := make([]*config.Allowlist, len(lists))
	for i, a := range lists {
		out[i] = &config.Allowlist{
			Description: a.Description, MatchCondition: a.MatchCondition, Commits: a.Commits,
			RegexTarget: a.RegexTarget, Regexes: a.Regexes, StopWords: a.StopWords,
			Paths: slices.DeleteFunc(slices.Clone(a.Paths), func(r *regexp.Regexp) bool { return r.String() == ownConfig }),
		}
		if err := out[i].Validate(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// spares tells whether gitleaks' rules pass over a path: third parties' code,
// lock files, images.
func (e *engine) spares(path string) bool {
	return slices.ContainsFunc(e.detector.Config.Allowlists, func(a *config.Allowlist) bool { return a.PathAllowed(path) })
}

// leak is a secret at a place.
type leak struct {
	rule   string
	secret string   // "" where the file as a whole is one
	hidden []string // what else must be masked: the secret as it is encoded in the file
	path   string
	commit int // index in the list of commits; inTree for the work tree

	line, column, endLine, endColumn int
}

// inTree stands for the work tree in the order of commits.
const inTree = -1

// scan finds the secrets that touch the given parts of a file's text. What is
// no text is not looked into, but its name is. With an error it returns what it
// had found until then.
func (e *engine) scan(ctx context.Context, path, text string, parts []span) ([]leak, error) {
	if binaryFile(text) {
		text, parts = "", []span{{}}
	}
	r := reachFor(text)
	near := around(text, parts, r.context)
	var leaks []leak
	seen := map[spot]bool{}
	for _, pass := range []struct {
		detector *detect.Detector
		pieces   []span
	}{
		{e.quick, pieces(text, parts, r)},
		{e.detector, pieces(text, assignments(text, near), narrow)},
		{e.decoder, pieces(text, encoded(text, near), whole)},
	} {
		for _, p := range pass.pieces {
			found, err := e.detect(ctx, pass.detector, path, text, p)
			if err != nil {
				return leaks, err
			}
			leaks = appendNew(leaks, found, seen)
			if len(leaks) > maxLeaks {
				return leaks, errTooMany
			}
		}
	}
	return leaks, nil
}

// detect runs the rules on one piece of a text.
func (e *engine) detect(ctx context.Context, d *detect.Detector, path, text string, piece span) ([]leak, error) {
	var leaks []leak
	for _, f := range d.DetectContext(ctx, detect.Fragment{FilePath: path, Raw: text[piece.from:piece.to]}) {
		leaks = append(leaks, place(text, piece, f, path))
	}
	// The library ends early without a word when the context does.
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return leaks, nil
}

// spot is what is the same of a leak that two overlapping pieces both show.
type spot struct {
	rule, secret string
	line, column int
}

// appendNew appends the leaks that were not seen yet.
func appendNew(leaks, found []leak, seen map[spot]bool) []leak {
	for _, l := range found {
		k := spot{l.rule, l.secret, l.line, l.column}
		if !seen[k] {
			seen[k] = true
			leaks = append(leaks, l)
		}
	}
	return leaks
}

// place works out where in the text a finding is. The library's own columns
// are of the match, not of the secret, and one too far after the first line.
func place(text string, piece span, f report.Finding, path string) leak {
	// Cloned, as the library's strings would keep the whole text.
	l := leak{rule: f.RuleID, secret: strings.Clone(f.Secret), path: path}
	if f.Secret == "" {
		return l // a rule about the file's name
	}
	raw := text[piece.from:piece.to]
	start := lineOffset(raw, f.StartLine)
	if i := strings.Index(raw[start:], f.Match); i >= 0 {
		i += start + max(0, strings.Index(f.Match, f.Secret))
		l.cover(text, span{piece.from + i, piece.from + i + len(f.Secret)})
		return l
	}
	// The match is of decoded text: its place is that of the encoded text,
	// which must be masked too.
	s := encodedSpan(raw, f)
	l.cover(text, span{piece.from + s.from, piece.from + s.to})
	l.hidden = strings.Fields(strings.Clone(raw[s.from:s.to]))
	return l
}

// encodedSpan turns the library's lines and columns into offsets.
func encodedSpan(raw string, f report.Finding) span {
	offset := func(line, column int) int {
		at := lineOffset(raw, line) + column
		if line > 0 {
			at-- // it counts the newline before the line
		}
		return min(max(at, 0), len(raw))
	}
	s := span{offset(f.StartLine, f.StartColumn-1), offset(f.EndLine, f.EndColumn)}
	s.to = max(s.from, s.to)
	return s
}

// lineOffset is where line n, from 0, begins.
func lineOffset(text string, n int) int {
	at := 0
	for range n {
		i := strings.IndexByte(text[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
	}
	return at
}

// cover sets the place to a span of the text: lines and columns from 1,
// columns in bytes, the end exclusive.
func (l *leak) cover(text string, s span) {
	l.line, l.column = position(text, s.from)
	l.endLine, l.endColumn = position(text, s.to)
}

func position(text string, at int) (line, column int) {
	return strings.Count(text[:at], "\n") + 1, at - strings.LastIndexByte(text[:at], '\n')
}

// binaryFile tells whether a file is of a known binary format: an archive, a
// program, an image. The magic number alone does not do, as some are letters.
func binaryFile(text string) bool {
	head := text[:min(len(text), 8000)]
	if strings.IndexByte(head, 0) < 0 {
		return false
	}
	kind, err := filetype.Match([]byte(head))
	return err == nil && kind != filetype.Unknown
}

// plain returns a file's content as the rules can read it: UTF-16, which
// some editors write, becomes UTF-8.
func plain(content []byte) string {
	var order binary.ByteOrder
	switch {
	case len(content) < 2:
		return string(content)
	case content[0] == 0xff && content[1] == 0xfe:
		order = binary.LittleEndian
	case content[0] == 0xfe && content[1] == 0xff:
		order = binary.BigEndian
	default:
		return string(content)
	}
	units := make([]uint16, 0, len(content)/2)
	for i := 2; i+1 < len(content); i += 2 {
		units = append(units, order.Uint16(content[i:]))
	}
	return string(utf16.Decode(units))
}
