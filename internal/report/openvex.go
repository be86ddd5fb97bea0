package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// The part of OpenVEX v0.2.0 that is written.
//
// https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md
type (
	vexDocument struct {
		Context    string         `json:"@context"`
		ID         string         `json:"@id"`
		Author     string         `json:"author"`
		Timestamp  time.Time      `json:"timestamp"`
		Version    int            `json:"version"`
		Tooling    string         `json:"tooling"`
		Statements []vexStatement `json:"statements"`
	}
	vexStatement struct {
		Vulnerability   vexVulnerability `json:"vulnerability"`
		Products        []vexProduct     `json:"products"`
		Status          string           `json:"status"`
		Justification   string           `json:"justification,omitempty"`
		ImpactStatement string           `json:"impact_statement,omitempty"`
		ActionStatement string           `json:"action_statement,omitempty"`
	}
	vexVulnerability struct {
		Name    string   `json:"name"`
		Aliases []string `json:"aliases,omitempty"`
	}
	vexProduct struct {
		ID            string         `json:"@id"`
		Subcomponents []vexComponent `json:"subcomponents,omitempty"`
	}
	vexComponent struct {
		ID string `json:"@id"`
	}
)

const vexContext = "https://openvex.dev/ns/v0.2.0"

// OpenVEX writes what a run says of known vulnerabilities in its product, named
// by the digest of its image where it has one: those that an exception lets be
// and those whose code is not called are "not_affected", with why; the others
// are "affected", with what to do.
func OpenVEX(w io.Writer, rec pipeline.Record, digest string, findings []sarif.Finding) error {
	doc := vexDocument{
		Context: vexContext, ID: "https://github.com/sluice-ci/sluice/vex/" + url.PathEscape(rec.Service) + "/" + url.PathEscape(rec.ID),
		Author: rec.Service, Timestamp: rec.Started.UTC(), Version: 1, Tooling: "sluice " + rec.Sluice, Statements: []vexStatement{},
	}
	for _, f := range findings {
		if f.Module != "" {
			doc.Statements = append(doc.Statements, vexOf(f, productID(rec.Service, digest)))
		}
	}
	slices.SortStableFunc(doc.Statements, func(a, b vexStatement) int { return cmp.Compare(a.Vulnerability.Name, b.Vulnerability.Name) })
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		return fmt.Errorf("writing OpenVEX: %w", err)
	}
	return nil
}

func vexOf(f sarif.Finding, product string) vexStatement {
	s := vexStatement{
		Vulnerability: vexVulnerability{Name: f.Rule, Aliases: f.Aliases},
		Products:      []vexProduct{{ID: product, Subcomponents: []vexComponent{{ID: moduleID(f.Module)}}}},
	}
	switch {
	case f.Suppression != nil:
		s.Status, s.ImpactStatement = "not_affected", f.Suppression.String()
	case f.Reach == sarif.Imported || f.Reach == sarif.Required:
		s.Status, s.Justification = "not_affected", "vulnerable_code_not_in_execute_path"
	default:
		s.Status, s.ActionStatement = "affected", cmp.Or(f.Fix, "No fix is known.")
	}
	return s
}

// productID is the package URL of what is delivered.
func productID(service, digest string) string {
	if digest == "" {
		return "pkg:generic/" + url.PathEscape(service)
	}
	return "pkg:oci/" + url.PathEscape(service) + "@" + url.QueryEscape(digest)
}

// moduleID is the package URL of a Go module.
func moduleID(module string) string {
	path, version, _ := strings.Cut(module, "@")
	id := "pkg:golang/" + (&url.URL{Path: path}).EscapedPath()
	if version != "" {
		id += "@" + url.PathEscape(version)
	}
	return id
}
