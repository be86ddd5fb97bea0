package release

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/attest"
	"github.com/sluice-ci/sluice/internal/handover"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// Types of what is stated, with the version of what they mean.
const (
	verifierID = "https://github.com/sluice-ci/sluice/release/v1"
	buildType  = "https://github.com/sluice-ci/sluice/build/v1"
)

// Origin is where a release is made, as far as its machine says.
type Origin struct {
	Builder string // a URI of who builds and releases
	Source  string // a URI of the repository; "" when it has none that others know
	Sluice  string // the version of this program
}

// evidence are the statements about the image, by file name.
func (r Rules) evidence(a Accepted, o Origin) (map[string][]byte, error) {
	rules, err := json.Marshal(r.Policy)
	if err != nil {
		return nil, fmt.Errorf("writing the policy: %w", err)
	}
	e := statements{texts: map[string][]byte{}, image: attest.Descriptor{Name: r.Service, Digest: attest.SHA256(a.Image)}}
	decided := &attest.Descriptor{Name: "policy", Digest: attest.SHA256(handover.Digest(rules))}
	for _, answer := range a.Answers {
		v := attest.Verification{Verifier: attest.Verifier{ID: verifierID, Policy: decided}, Created: r.Now, Properties: []string{answer.property()}}
		e.add(gateFile(answer.Stage), attest.New(attest.VerificationType, v, e.image))
		if answer.Claim && answer.Outcome == pipeline.Passed {
			// Tests are of a commit; the image is named besides, to be found by it.
			source := attest.Descriptor{Name: "source", Digest: attest.Digest{"gitCommit": r.Commit}}
			t := attest.TestResult{Result: "PASSED", Configuration: []attest.Descriptor{*decided}}
			e.add(path.Join("evidence", answer.Stage+"-result.json"), attest.New(attest.TestResultType, t, source, e.image))
		}
	}
	e.add(provenanceFile, attest.New(attest.ProvenanceType, r.provenance(a, o), e.image))
	return e.texts, e.err
}

// property is what was verified of an answer: a claim is only that.
func (a Answer) property() string {
	name := "SLUICE_" + strings.ToUpper(strings.ReplaceAll(a.Stage, "-", "_"))
	if a.Claim {
		name += "_CLAIMED"
	}
	return name + "_" + strings.ToUpper(string(a.Outcome))
}

func (r Rules) provenance(a Accepted, o Origin) attest.Provenance {
	p := attest.Provenance{
		Build: attest.BuildDefinition{
			BuildType: buildType, External: map[string]string{"service": r.Service, "path": r.Dir},
			Internal:     map[string]string{"run": a.From.Run},
			Dependencies: []attest.Descriptor{{Name: "source", URI: o.Source, Digest: attest.Digest{"gitCommit": r.Commit}}},
		},
		Run: attest.RunDetails{
			Builder:  attest.Builder{ID: o.Builder, Version: map[string]string{"sluice": a.From.Sluice}},
			Metadata: attest.Metadata{InvocationID: a.From.Run, StartedOn: started(a.From.Run)},
		},
	}
	for _, f := range a.Handed {
		p.Run.Byproducts = append(p.Run.Byproducts, attest.Descriptor{Name: "hand-over of run " + f.Run, Digest: attest.SHA256(f.Digest)})
	}
	return p
}

// started is when a run began, by its id; zero when that does not say.
func started(run string) time.Time {
	day, _, _ := strings.Cut(run, "-")
	at, err := time.Parse("20060102T150405Z", day)
	if err != nil {
		return time.Time{}
	}
	return at
}

const provenanceFile = "evidence/provenance.json"

func gateFile(stage string) string { return path.Join("evidence", "gate-"+stage+".json") }

// statements collects statements as texts.
type statements struct {
	texts map[string][]byte
	image attest.Descriptor
	err   error
}

func (e *statements) add(file string, s attest.Statement) {
	text, err := s.Text()
	if err != nil && e.err == nil {
		e.err = err
	}
	e.texts[file] = text
}
