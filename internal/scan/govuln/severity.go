package govuln

import (
	"math"
	"strings"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// criticalScore is the base score from which a vulnerability is critical:
// CVSS v3.1, section 5.
const criticalScore = 9.0

// severity follows from the reach. Only an advisory that says so itself is
// critical; those of the Go project do not rate, those of other databases may.
func (d database) severity(id string, reach sarif.Reach) (sarif.Severity, error) {
	switch reach {
	case sarif.Required:
		return sarif.Low, nil
	case sarif.Imported:
		return sarif.Medium, nil
	}
	critical, err := d.critical(id)
	if critical {
		return sarif.Critical, err
	}
	return sarif.High, err
}

// critical reads what an advisory says of itself, of which govulncheck passes
// nothing on: OSV's "severity" and, as GitHub writes it, "database_specific".
func (d database) critical(id string) (bool, error) {
	e, err := d.entry(id)
	if err != nil {
		return false, err
	}
	if strings.EqualFold(e.DatabaseSpecific.Severity, "critical") {
		return true, nil
	}
	for _, s := range e.Severity {
		if score, ok := baseScore(s.Score); ok && score >= criticalScore {
			return true, nil
		}
	}
	return false, nil
}

// weights are those of CVSS v3.1, section 7.4. Privileges weigh more when the
// scope changes: then "PRC" stands for "PR".
var weights = map[string]map[string]float64{
	"AV":  {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
	"AC":  {"L": 0.77, "H": 0.44},
	"PR":  {"N": 0.85, "L": 0.62, "H": 0.27},
	"PRC": {"N": 0.85, "L": 0.68, "H": 0.5},
	"UI":  {"N": 0.85, "R": 0.62},
	"C":   {"H": 0.56, "L": 0.22, "N": 0},
	"I":   {"H": 0.56, "L": 0.22, "N": 0},
	"A":   {"H": 0.56, "L": 0.22, "N": 0},
}

// baseScore is the base score of a CVSS v3 vector, as section 7.1 of the
// specification has it; false when the text is no such vector.
func baseScore(vector string) (float64, bool) {
	metrics := strings.Split(vector, "/")
	if metrics[0] != "CVSS:3.0" && metrics[0] != "CVSS:3.1" {
		return 0, false
	}
	given := map[string]string{}
	for _, m := range metrics[1:] {
		name, value, _ := strings.Cut(m, ":")
		given[name] = value
	}
	changed := given["S"] == "C"
	w := map[string]float64{}
	for _, name := range []string{"AV", "AC", "PR", "UI", "C", "I", "A"} {
		table := weights[name]
		if name == "PR" && changed {
			table = weights["PRC"]
		}
		weight, ok := table[given[name]]
		if !ok {
			return 0, false
		}
		w[name] = weight
	}
	impact := 1 - (1-w["C"])*(1-w["I"])*(1-w["A"])
	exploitability := 8.22 * w["AV"] * w["AC"] * w["PR"] * w["UI"]
	return combine(impact, exploitability, changed), changed || given["S"] == "U"
}

func combine(base, exploitability float64, changed bool) float64 {
	impact, factor := 6.42*base, 1.0
	if changed {
		impact, factor = 7.52*(base-0.029)-3.25*math.Pow(base-0.02, 15), 1.08
	}
	if impact <= 0 {
		return 0
	}
	return roundUp(math.Min(factor*(impact+exploitability), 10))
}

// roundUp is that of CVSS v3.1, appendix A.
func roundUp(score float64) float64 {
	n := int(math.Round(score * 100_000))
	if n%10_000 == 0 {
		return float64(n) / 100_000
	}
	return float64(n/10_000+1) / 10
}
