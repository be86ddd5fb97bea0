package govuln

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"golang.org/x/vuln/scan"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// maxOutput bounds what govulncheck may say in one run, bytes.
const maxOutput = 256 << 20

// The ways in which govulncheck looks.
const (
	sourceMode = "source"
	binaryMode = "binary"
)

// How closely it looks. Following calls takes a hundred times as long as
// looking at imports.
const (
	packageLevel = "package"
	symbolLevel  = "symbol"
)

// query is one run of govulncheck, in this process.
type query struct {
	mode  string // sourceMode or binaryMode
	level string // packageLevel or symbolLevel
	db    database
	env   []string
	// dir is the folder in which patterns name the packages that are looked at,
	// in sourceMode, and goVersion the toolchain's, by which the standard
	// library is judged.
	dir, goVersion string
	patterns       []string
	file           string // the program, in binaryMode
}

// The messages of govulncheck -format=json, protocol version 1:
// https://pkg.go.dev/golang.org/x/vuln/internal/govulncheck#Message.
type message struct {
	Config  *config   `json:"config"`
	SBOM    *bill     `json:"SBOM"`
	OSV     *advisory `json:"osv"`
	Finding *sighting `json:"finding"`
}

type config struct {
	ProtocolVersion string     `json:"protocol_version"`
	DB              string     `json:"db"`
	DBLastModified  *time.Time `json:"db_last_modified"`
	GoVersion       string     `json:"go_version"`
	ScanLevel       string     `json:"scan_level"`
	ScanMode        string     `json:"scan_mode"`
}

// bill is what govulncheck says that it looked at.
type bill struct {
	GoVersion string       `json:"go_version"`
	Modules   []billModule `json:"modules"`
	Roots     []string     `json:"roots"`
}

type billModule struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// advisory is the part of an OSV entry that is shown.
type advisory struct {
	ID               string   `json:"id"`
	Aliases          []string `json:"aliases"`
	Summary          string   `json:"summary"`
	Details          string   `json:"details"`
	DatabaseSpecific struct {
		URL      string `json:"url"`
		Severity string `json:"severity"` // as GitHub writes it
	} `json:"database_specific"`
}

// sighting is one thing that govulncheck saw of an advisory: the same one is
// seen as a module, as a package and as a function, each time anew.
type sighting struct {
	OSV          string  `json:"osv"`
	FixedVersion string  `json:"fixed_version"`
	Trace        []frame `json:"trace"` // the vulnerable function first, the entry point last
}

type frame struct {
	Module   string    `json:"module"`
	Version  string    `json:"version"`
	Package  string    `json:"package"`
	Function string    `json:"function"`
	Receiver string    `json:"receiver"`
	Position *position `json:"position"`
}

type position struct {
	Filename string `json:"filename"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
}

// outcome is all that govulncheck said in one run.
type outcome struct {
	config     *config
	bill       *bill
	advisories map[string]advisory
	sightings  []sighting

	proof    pipeline.SelfTest // that this can be believed
	examined []pipeline.Count
}

// run looks, and makes sure that govulncheck looked as it was told to. An
// error means that nothing is known, whatever it said before.
func (q query) run(ctx context.Context) (*outcome, error) {
	o, err := q.listen(ctx)
	if err != nil {
		return nil, explain(err)
	}
	if err := q.check(o); err != nil {
		return nil, fmt.Errorf("govulncheck: %w", err)
	}
	return o, nil
}

// listen runs govulncheck and reads what it says.
//
// It is not given ctx: when that ends in the wrong moment, govulncheck's
// goroutine panics. It is left behind instead, and ends at its next word.
func (q query) listen(ctx context.Context) (*outcome, error) {
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) }) // always nil
	defer stop()
	cmd := scan.Command(context.WithoutCancel(ctx), q.args()...)
	cmd.Env = append(append([]string{}, q.env...), "GOVERSION="+q.goVersion, "GOPACKAGESDRIVER=off")
	// Usage errors are all that it writes to Stderr; they are in the error, too.
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(nil), w, io.Discard
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = w.CloseWithError(cmd.Wait()) }() // the first error reaches the reader
	o, err := parse(&io.LimitedReader{R: r, N: maxOutput})
	_ = r.Close() // always nil
	return o, err
}

func (q query) args() []string {
	args := []string{"-mode=" + q.mode, "-scan=" + q.level, "-format=json", "-db=" + q.db.url()}
	if q.mode == binaryMode {
		return append(args, q.file)
	}
	return append(append(args, "-C="+q.dir), q.patterns...)
}

// parse reads a stream of messages up to its end, which must come before the limit.
func parse(r *io.LimitedReader) (*outcome, error) {
	o := &outcome{advisories: map[string]advisory{}}
	limit := r.N
	for dec := json.NewDecoder(r); ; {
		var m message
		err := dec.Decode(&m)
		if r.N <= 0 {
			return nil, fmt.Errorf("it said %d bytes, and more", limit)
		}
		if errors.Is(err, io.EOF) {
			return o, nil
		}
		if err != nil {
			return nil, err
		}
		o.add(m)
	}
}

func (o *outcome) add(m message) {
	switch {
	case m.Config != nil:
		o.config = m.Config
	case m.SBOM != nil:
		o.bill = m.SBOM
	case m.OSV != nil:
		o.advisories[m.OSV.ID] = *m.OSV
	case m.Finding != nil:
		o.sightings = append(o.sightings, *m.Finding)
	}
}

// check holds what govulncheck says of itself against what was asked: silence
// counts only when it looked as closely as it was told to, with this database.
func (q query) check(o *outcome) error {
	c := o.config
	switch {
	case c == nil || o.bill == nil:
		return errors.New("it ended without saying what it looked at")
	case !strings.HasPrefix(c.ProtocolVersion, "v1."):
		return fmt.Errorf("it speaks version %q of its protocol, and not 1", c.ProtocolVersion)
	case c.ScanMode != q.mode || c.ScanLevel != q.level:
		return fmt.Errorf("it looked at %ss of a %s, and not at %ss of a %s", c.ScanLevel, c.ScanMode, q.level, q.mode)
	case c.DB != q.db.url() || c.DBLastModified == nil || !c.DBLastModified.Equal(q.db.modified):
		return fmt.Errorf("it used the database %s of %v, and not %s of %v", c.DB, c.DBLastModified, q.db.url(), q.db.modified)
	case q.mode == sourceMode && (c.GoVersion != q.goVersion || o.bill.GoVersion != q.goVersion):
		return fmt.Errorf("it judged the standard library by %q, and not by %q", o.bill.GoVersion, q.goVersion)
	case len(o.advisories) == 0:
		return errors.New("it knows of no advisory, not even about the standard library")
	}
	return o.known()
}

// known makes sure that each sighting is of something.
func (o *outcome) known() error {
	for _, s := range o.sightings {
		if _, ok := o.advisories[s.OSV]; !ok || len(s.Trace) == 0 || s.Trace[0].Module == "" {
			return fmt.Errorf("it saw the advisory %.80q, and did not say what or where that is", s.OSV)
		}
	}
	return nil
}

// reasons are for what govulncheck says when it cannot look; the first that
// fits is used.
var reasons = []struct{ says, remedy string }{
	{"go.mod file", "put the go command in PATH, and unset GO111MODULE"},
	{"mismatch between the Go version", "use a release of Sluice that is as new as the service's Go"},
	{"errors with the provided package patterns", "make the code compile: go build ./... says the same"},
	{"no space left on device", "free some disk space"},
}

// explain makes one line of govulncheck's error, and tells what to do.
func explain(err error) error {
	told := fmt.Errorf("govulncheck: %w", &brief{err})
	for _, r := range reasons {
		if strings.Contains(err.Error(), r.says) {
			return hint.With(told, r.remedy)
		}
	}
	return told
}

// brief shows the lines of an error that say something, and not all.
type brief struct{ error }

func (b *brief) Unwrap() error { return b.error }

func (b *brief) Error() string {
	var lines []string
	for line := range strings.Lines(b.error.Error()) {
		line = clean(line, 300)
		if line == "" || strings.HasPrefix(line, "For details") || strings.HasSuffix(line, "package patterns:") {
			continue
		}
		if lines = append(lines, line); len(lines) == 5 {
			break
		}
	}
	return strings.TrimPrefix(strings.Join(lines, "; "), "govulncheck: ")
}

// database is the folder with vulnerability data that the run uses.
type database struct {
	path     string
	modified time.Time // when the newest of it was changed
	digest   string    // of its files
}

func (d database) url() string {
	return (&url.URL{Scheme: "file", Path: d.path}).String()
}
