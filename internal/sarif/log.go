package sarif

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// Log is a run of Sluice in SARIF: one run, of which Sluice is the driver and
// the tools that found things are its extensions.
type Log struct {
	Version   string // of Sluice
	Tools     []Component
	Rules     []Rule
	Findings  []Finding
	NotRun    []string // why parts of the analysis did not happen; none if all did
	Automated string   // automationDetails.id: "sluice/todo/"
}

// Component is a tool and its version.
type Component struct{ Name, Version string }

// The part of the 2.1.0 object model that is written and read (section 3).
type (
	document struct {
		Schema  string `json:"$schema"`
		Version string `json:"version"`
		Runs    []run  `json:"runs"`
	}
	run struct {
		Tool              tool                `json:"tool"`
		AutomationDetails *automation         `json:"automationDetails,omitempty"`
		Invocations       []invocation        `json:"invocations,omitempty"`
		BaseIDs           map[string]artifact `json:"originalUriBaseIds,omitempty"`
		Results           []result            `json:"results"`
		ColumnKind        string              `json:"columnKind,omitempty"`
	}
	automation struct {
		ID string `json:"id"`
	}
	tool struct {
		Driver     component   `json:"driver"`
		Extensions []component `json:"extensions,omitempty"`
	}
	component struct {
		Name           string       `json:"name"`
		Version        string       `json:"version,omitempty"`
		InformationURI string       `json:"informationUri,omitempty"`
		Rules          []descriptor `json:"rules,omitempty"`
	}
	descriptor struct {
		ID         string         `json:"id"`
		Name       string         `json:"name,omitempty"`
		Full       *text          `json:"fullDescription,omitempty"`
		Short      *text          `json:"shortDescription,omitempty"`
		Help       *text          `json:"help,omitempty"`
		HelpURI    string         `json:"helpUri,omitempty"`
		Properties map[string]any `json:"properties,omitempty"`
	}
	text struct {
		Text string `json:"text"`
	}
	invocation struct {
		Successful    bool           `json:"executionSuccessful"`
		Notifications []notification `json:"toolExecutionNotifications,omitempty"`
	}
	notification struct {
		Level   string `json:"level"`
		Message text   `json:"message"`
	}
	result struct {
		RuleID       string            `json:"ruleId"`
		Rule         *ruleRef          `json:"rule,omitempty"`
		Level        string            `json:"level"`
		Message      text              `json:"message"`
		Locations    []location        `json:"locations,omitempty"`
		CodeFlows    []codeFlow        `json:"codeFlows,omitempty"`
		Fingerprints map[string]string `json:"partialFingerprints,omitempty"`
		Suppressions []suppression     `json:"suppressions,omitempty"`
		Baseline     BaselineState     `json:"baselineState,omitempty"`
		Properties   *properties       `json:"properties,omitempty"`
	}
	suppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
	ruleRef struct {
		ID    string   `json:"id"`
		Index *int     `json:"index,omitempty"`
		Tool  *toolRef `json:"toolComponent,omitempty"`
	}
	toolRef struct {
		Name  string `json:"name"`
		Index int    `json:"index"`
	}
	location struct {
		Physical *physical `json:"physicalLocation,omitempty"`
		Message  *text     `json:"message,omitempty"`
	}
	physical struct {
		Artifact artifact `json:"artifactLocation"`
		Region   *region  `json:"region,omitempty"`
	}
	artifact struct {
		URI    string `json:"uri,omitempty"`
		BaseID string `json:"uriBaseId,omitempty"`
	}
	region struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndLine     int `json:"endLine,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
	codeFlow struct {
		ThreadFlows []threadFlow `json:"threadFlows"`
	}
	threadFlow struct {
		Locations []flowLocation `json:"locations"`
	}
	flowLocation struct {
		Location location `json:"location"`
	}
	// properties are what SARIF has no place for, in the bag that it has for
	// that (3.8); Read takes a finding from them.
	properties struct {
		Finding *Finding `json:"sluice"`
	}
)

const (
	schemaURI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	rootBase  = "SRCROOT"
)

// Write writes the log.
func (l Log) Write(w io.Writer) error {
	doc := document{Schema: schemaURI, Version: "2.1.0", Runs: []run{l.run()}}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		return fmt.Errorf("writing SARIF: %w", err)
	}
	return nil
}

func (l Log) run() run {
	r := run{Tool: tool{Driver: component{Name: "Sluice", Version: l.Version, InformationURI: "https://github.com/sluice-ci/sluice"}},
		BaseIDs: map[string]artifact{rootBase: {}}, Results: []result{}, ColumnKind: "unicodeCodePoints"}
	if l.Automated != "" {
		r.AutomationDetails = &automation{l.Automated}
	}
	inv := invocation{Successful: len(l.NotRun) == 0}
	for _, why := range l.NotRun {
		inv.Notifications = append(inv.Notifications, notification{Level: "error", Message: text{why}})
	}
	r.Invocations = []invocation{inv}
	index := l.extensions(&r)
	for _, f := range l.Findings {
		r.Results = append(r.Results, f.result(index))
	}
	return r
}

// extensions adds the tools with their rules to a run, and returns where each
// rule is, by tool and id.
func (l Log) extensions(r *run) map[[2]string]*ruleRef {
	severities := map[[2]string]Severity{}
	for _, f := range l.Findings {
		severities[[2]string{f.Tool, f.Rule}] = max(severities[[2]string{f.Tool, f.Rule}], f.Severity)
	}
	tools := slices.Clone(l.Tools)
	for _, f := range l.Findings {
		if !slices.ContainsFunc(tools, func(c Component) bool { return c.Name == f.Tool }) {
			tools = append(tools, Component{Name: f.Tool})
		}
	}
	slices.SortFunc(tools, func(a, b Component) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	tools = slices.CompactFunc(tools, func(a, b Component) bool { return a.Name == b.Name })
	refs := map[[2]string]*ruleRef{}
	for i, c := range tools {
		ext := component{Name: c.Name, Version: c.Version}
		for _, rule := range l.Rules {
			key := [2]string{rule.Tool, rule.ID}
			if rule.Tool != c.Name || refs[key] != nil {
				continue
			}
			at := len(ext.Rules)
			refs[key] = &ruleRef{ID: rule.ID, Index: &at, Tool: &toolRef{Name: c.Name, Index: i}}
			ext.Rules = append(ext.Rules, rule.descriptor(severities[key]))
		}
		r.Tool.Extensions = append(r.Tool.Extensions, ext)
	}
	return refs
}

// securitySeverity are the scores by which GitHub code scanning sorts alerts.
var securitySeverity = map[Severity]string{Low: "3.0", Medium: "5.5", High: "8.0", Critical: "9.5"}

func (r Rule) descriptor(s Severity) descriptor {
	d := descriptor{ID: r.ID, Name: r.Name, HelpURI: r.URI}
	if r.Why != "" {
		d.Short, d.Full = &text{r.Why}, &text{r.Why}
	}
	if r.Fix != "" {
		d.Help = &text{r.Fix}
	}
	tags := []string{}
	for _, n := range r.CWE {
		tags = append(tags, fmt.Sprintf("external/cwe/cwe-%03d", n))
	}
	if len(tags) > 0 {
		d.Properties = map[string]any{"tags": append(tags, "security"), "security-severity": securitySeverity[s]}
	}
	return d
}

var levels = map[Severity]string{Low: "note", Medium: "warning", High: "error", Critical: "error"}

func (f Finding) result(refs map[[2]string]*ruleRef) result {
	r := result{RuleID: f.Rule, Level: cmp.Or(levels[f.Severity], "warning"), Message: text{cmp.Or(f.Message, f.Rule)},
		Baseline: f.Baseline, Fingerprints: map[string]string{"sluice/v1": f.Fingerprint()}, Properties: &properties{Finding: &f}}
	r.Rule = refs[[2]string{f.Tool, f.Rule}]
	if f.Location.Path != "" {
		r.Locations = []location{f.Location.sarif()}
	}
	if f.Suppression != nil {
		r.Suppressions = []suppression{f.Suppression.sarif()}
	}
	if len(f.Trace) > 0 {
		var flow threadFlow
		for _, l := range f.Trace {
			flow.Locations = append(flow.Locations, flowLocation{l.sarif()})
		}
		r.CodeFlows = []codeFlow{{[]threadFlow{flow}}}
	}
	return r
}

func (s Suppression) sarif() suppression {
	kind := "external"
	if s.InSource {
		kind = "inSource"
	}
	return suppression{Kind: kind, Status: "accepted", Justification: s.String()}
}

func (l Location) sarif() location {
	p := &physical{Artifact: artifact{URI: pathURI(l.Path), BaseID: rootBase}}
	if l.Line > 0 {
		p.Region = &region{StartLine: l.Line, StartColumn: l.Column, EndLine: l.EndLine, EndColumn: l.EndColumn}
	}
	out := location{Physical: p}
	if l.Note != "" {
		out.Message = &text{l.Note}
	}
	return out
}

// pathURI writes a path as a relative URI reference (RFC 3986): every byte but
// the unreserved ones and the slash is percent-encoded.
func pathURI(path string) string {
	var b []byte
	for i := range len(path) {
		c := path[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~', c == '/':
			b = append(b, c)
		default:
			b = append(b, '%')
			b = strconv.AppendUint(b, uint64(c>>4), 16)
			b = strconv.AppendUint(b, uint64(c&15), 16)
		}
	}
	return string(b)
}

// maxLog bounds a log that is read, bytes.
const maxLog = 256 << 20

// Read reads the findings and rules of a log that Write wrote.
func Read(r io.Reader) (l Log, err error) {
	var doc document
	limited := io.LimitReader(r, maxLog)
	if err := json.NewDecoder(limited).Decode(&doc); err != nil {
		return l, fmt.Errorf("reading SARIF: %w", err)
	}
	if doc.Version != "2.1.0" || len(doc.Runs) != 1 {
		return l, fmt.Errorf("reading SARIF: version %q with %d runs, want 2.1.0 with one", doc.Version, len(doc.Runs))
	}
	run := doc.Runs[0]
	l.Version = run.Tool.Driver.Version
	for _, ext := range run.Tool.Extensions {
		l.Tools = append(l.Tools, Component{ext.Name, ext.Version})
		for _, d := range ext.Rules {
			l.Rules = append(l.Rules, d.rule(ext.Name))
		}
	}
	for i, res := range run.Results {
		if res.Properties == nil || res.Properties.Finding == nil {
			return l, fmt.Errorf("reading SARIF: result %d was not written by sluice", i)
		}
		l.Findings = append(l.Findings, *res.Properties.Finding)
	}
	for _, inv := range run.Invocations {
		for _, n := range inv.Notifications {
			l.NotRun = append(l.NotRun, n.Message.Text)
		}
	}
	return l, nil
}

func (d descriptor) rule(tool string) Rule {
	r := Rule{ID: d.ID, Tool: tool, Name: d.Name, URI: d.HelpURI}
	if d.Full != nil {
		r.Why = d.Full.Text
	}
	if d.Help != nil {
		r.Fix = d.Help.Text
	}
	return r
}
