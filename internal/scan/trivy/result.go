package trivy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// result is what Trivy says of one file, or of one kind of packages (its JSON
// format, schema version 2).
type result struct {
	Target            string
	Class             string // "config", "os-pkgs", "lang-pkgs"
	Type              string // "terraform", "debian", "pip"
	Misconfigurations []misconfiguration
	Packages          []struct{ Name, Version, FilePath string }
	Vulnerabilities   []vulnerability
}

// is tells whether a result is of a class or of a type.
func (r result) is(what string) bool { return r.Class == what || r.Type == what }

// misconfiguration is one thing that a rule says of a file.
type misconfiguration struct {
	target string

	ID, Title, Description, Message, Resolution string
	Severity, PrimaryURL                        string
	Status                                      string // "PASS", "FAIL"
	Cause                                       cause  `json:"CauseMetadata"`
}

// cause is where it is.
type cause struct {
	Resource           string
	StartLine, EndLine int
	Occurrences        []struct {
		Resource, Filename string
		Location           struct{ StartLine, EndLine int }
	}
}

// rule is the rule's ID as it has been since Trivy 0.68: "KSV-0017", once "AVD-KSV-0017".
func (m misconfiguration) rule() string { return strings.TrimPrefix(m.ID, "AVD-") }

// resource is the one that has the defect; "" for files that have none. In a
// module that others call the cause names the call, and the first occurrence
// the resource.
func (m misconfiguration) resource() string {
	if o := m.Cause.Occurrences; len(o) > 0 {
		return o[0].Resource
	}
	return m.Cause.Resource
}

// schemaVersion is the one of Trivy's formats that is read here.
const schemaVersion = 2

// readReport reads a report of Trivy's, one result after the other: all of them
// at once may be a hundred megabytes. It is an error if the report is not whole.
func readReport(r io.Reader, each func(result) error) error {
	dec := json.NewDecoder(r)
	if err := want(dec, json.Delim('{')); err != nil {
		return err
	}
	version := 0
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return fmt.Errorf("reading Trivy's report: %w", err)
		}
		switch key {
		case "SchemaVersion":
			err = dec.Decode(&version)
		case "Results":
			err = readResults(dec, each)
		default:
			var skipped json.RawMessage
			err = dec.Decode(&skipped)
		}
		if err != nil {
			return fmt.Errorf("reading Trivy's report: %w", err)
		}
	}
	if err := want(dec, json.Delim('}')); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("reading Trivy's report: there is something after it")
	}
	if version != schemaVersion {
		return fmt.Errorf("reading Trivy's report: its schema version is %d, want %d", version, schemaVersion)
	}
	return nil
}

func readResults(dec *json.Decoder, each func(result) error) error {
	if err := want(dec, json.Delim('[')); err != nil {
		return err
	}
	for dec.More() {
		var r result
		if err := dec.Decode(&r); err != nil {
			return err
		}
		for i := range r.Misconfigurations {
			r.Misconfigurations[i].target = r.Target
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return want(dec, json.Delim(']'))
}

func want(dec *json.Decoder, delim json.Delim) error {
	token, err := dec.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("reading Trivy's report: %w", err)
	}
	if token != delim {
		return fmt.Errorf("reading Trivy's report: %.40v in place of %v", token, delim)
	}
	return nil
}

// vulnerability is a known one in a package.
type vulnerability struct {
	VulnerabilityID, PkgName, InstalledVersion, FixedVersion string
	Status                                                   string // "fixed", "affected", "will_not_fix"
	Title, Description, Severity, PrimaryURL                 string
	CweIDs                                                   []string
}
