package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/policy"
)

// BaselineName is the name of the file beside sluice.yaml that has what was
// found when a project began to use Sluice.
const BaselineName = "sluice.baseline.json"

// maxBaseline bounds that file, bytes.
const maxBaseline = 64 << 20

// Baseline is that file: findings that do not shut a gate until a day, and who
// answers for it.
type Baseline struct {
	Schema  int                       `json:"schema"` // 1
	Owner   string                    `json:"owner"`
	Expires string                    `json:"expires"` // the last day, as 2027-01-31, within a year
	Commit  string                    `json:"commit,omitempty"`
	Stages  map[string][]policy.Known `json:"stages"`
}

// LoadBaseline reads the baseline in the folder of a sluice.yaml. It returns
// nil and no error when there is none.
func LoadBaseline(root string) (*policy.Baseline, error) {
	text, err := readFile(filepath.Join(root, BaselineName), maxBaseline)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return ParseBaseline(text, time.Now())
}

// ParseBaseline reads the text of a baseline. One that lasts for longer than a
// year from now, or that nobody answers for, is an error.
func ParseBaseline(text []byte, now time.Time) (*policy.Baseline, error) {
	var b Baseline
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return nil, badBaseline("%v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, badBaseline("something follows it")
	}
	expires, err := time.Parse(time.DateOnly, b.Expires)
	switch {
	case b.Schema != 1:
		return nil, badBaseline("its form is version %d, and this program knows 1", b.Schema)
	case b.Owner == "":
		return nil, badBaseline("it has no owner")
	case err != nil:
		return nil, badBaseline("%q is no day on which it expires", b.Expires)
	case expires.After(lastDay(now)):
		return nil, badBaseline("it expires on %s, more than a year away", b.Expires)
	}
	if err := b.checkStages(); err != nil {
		return nil, err
	}
	return &policy.Baseline{Name: BaselineName, Expires: expires, Stages: b.Stages}, nil
}

var fingerprint = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (b Baseline) checkStages() error {
	for stage, known := range b.Stages {
		if !policy.Comparable(stage) {
			return badBaseline("the stage %q has no baseline", stage)
		}
		for _, k := range known {
			if !fingerprint.MatchString(k.Fingerprint) {
				return badBaseline("%q is no fingerprint", k.Fingerprint)
			}
		}
	}
	return nil
}

func badBaseline(format string, args ...any) error {
	return hint.With(fmt.Errorf(BaselineName+": "+format, args...), "write it again with sluice baseline, or remove it")
}

// Text is the text of the file, with a line for each finding.
func (b Baseline) Text() ([]byte, error) {
	head, err := json.MarshalIndent(Baseline{Schema: 1, Owner: b.Owner, Expires: b.Expires, Commit: b.Commit}, "", "  ")
	if err != nil {
		return nil, err
	}
	text := bytes.NewBuffer(bytes.TrimSuffix(head, []byte("null\n}")))
	text.WriteString("{")
	for i, stage := range slices.Sorted(maps.Keys(b.Stages)) {
		fmt.Fprintf(text, "%s\n    %q: [", comma(i), stage)
		for j, known := range b.Stages[stage] {
			line, err := json.Marshal(known)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(text, "%s\n      %s", comma(j), line)
		}
		text.WriteString("\n    ]")
	}
	text.WriteString("\n  }\n}\n")
	return text.Bytes(), nil
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}
