// Package attest has the statements that are made about an image: in-toto
// Statements v1 (in-toto/attestation, spec/v1). They are not signed yet, so
// they say what was found, and not who says so.
package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// StatementType is the "_type" of a statement (spec/v1/statement.md).
const StatementType = "https://in-toto.io/Statement/v1"

// Types of predicates.
const (
	VerificationType = "https://in-toto.io/attestation/svr/v0.1"
	TestResultType   = "https://in-toto.io/attestation/test-result/v0.1"
	ProvenanceType   = "https://slsa.dev/provenance/v1"
)

// Statement binds a predicate to its subjects (spec/v1/statement.md, "Fields").
type Statement struct {
	Type          string       `json:"_type"`
	Subject       []Descriptor `json:"subject"` // each has a digest
	PredicateType string       `json:"predicateType"`
	Predicate     any          `json:"predicate"`
}

// Descriptor names something, by its digest where it has one
// (spec/v1/resource_descriptor.md).
type Descriptor struct {
	Name   string `json:"name,omitempty"`
	URI    string `json:"uri,omitempty"`
	Digest Digest `json:"digest,omitempty"`
}

// Digest is a set of digests by algorithm, in small hexadecimal digits:
// "sha256", "gitCommit" (spec/v1/digest_set.md).
type Digest map[string]string

// SHA256 is the set of a digest that is written "sha256:…".
func SHA256(digest string) Digest {
	return Digest{"sha256": strings.TrimPrefix(digest, "sha256:")}
}

// Verification is a Simple Verification Result: properties that a verifier has
// found an artifact to have (spec/predicates/svr.md, "Fields").
type Verification struct {
	Verifier   Verifier  `json:"verifier"`
	Created    time.Time `json:"timeCreated"`
	Properties []string  `json:"properties"` // those that hold
}

// Verifier is who verified. Policy is the extension that the specification
// gives as its example of one.
type Verifier struct {
	ID     string      `json:"id"` // a URI, with the version of what is verified
	Policy *Descriptor `json:"policy,omitempty"`
}

// TestResult is how tests ended (spec/predicates/test-result.md, "Fields").
type TestResult struct {
	Result        string       `json:"result"`        // PASSED, WARNED or FAILED
	Configuration []Descriptor `json:"configuration"` // what they were run with
}

// Provenance is how an artifact was made (slsa.dev/spec/v1.0/provenance,
// "Schema").
type Provenance struct {
	Build BuildDefinition `json:"buildDefinition"`
	Run   RunDetails      `json:"runDetails"`
}

// BuildDefinition is what was to be built, and of what ("BuildDefinition").
type BuildDefinition struct {
	BuildType    string            `json:"buildType"`          // a URI that says what the parameters mean
	External     map[string]string `json:"externalParameters"` // whoever asked for the build chose them
	Internal     map[string]string `json:"internalParameters,omitempty"`
	Dependencies []Descriptor      `json:"resolvedDependencies,omitempty"`
}

// RunDetails is who built it, and when ("RunDetails").
type RunDetails struct {
	Builder    Builder      `json:"builder"`
	Metadata   Metadata     `json:"metadata"`
	Byproducts []Descriptor `json:"byproducts,omitempty"`
}

// Builder is what is trusted to have built as it says ("Builder").
type Builder struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version,omitempty"`
}

// Metadata is about this build ("BuildMetadata").
type Metadata struct {
	InvocationID string    `json:"invocationId,omitempty"`
	StartedOn    time.Time `json:"startedOn,omitzero"`
}

// New makes a statement.
func New(predicateType string, predicate any, subject ...Descriptor) Statement {
	return Statement{Type: StatementType, Subject: subject, PredicateType: predicateType, Predicate: predicate}
}

// Text is the statement as it is kept.
func (s Statement) Text() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return nil, fmt.Errorf("writing a statement: %w", err)
	}
	return b.Bytes(), nil
}

// maxStatement bounds a statement that is read, bytes.
const maxStatement = 16 << 20

// Check sees that a text is a statement of this type about the artifact with a
// digest, "sha256:…". Fields that it does not know are no error
// (spec/v1/README.md, "Parsing rules").
func Check(text []byte, predicateType, digest string) error {
	var s Statement
	if len(text) > maxStatement {
		return fmt.Errorf("a statement of %d bytes, more than %d", len(text), maxStatement)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&s); err != nil {
		return fmt.Errorf("reading a statement: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("reading a statement: something follows it")
	}
	switch {
	case s.Type != StatementType:
		return fmt.Errorf("it is no in-toto statement, but %q", s.Type)
	case s.PredicateType != predicateType:
		return fmt.Errorf("it is a %q, and no %q", s.PredicateType, predicateType)
	case s.Predicate == nil:
		return errors.New("it states nothing")
	}
	for _, subject := range s.Subject {
		if subject.Digest["sha256"] == SHA256(digest)["sha256"] {
			return nil
		}
	}
	return fmt.Errorf("it is not about %s", digest)
}
