package trivy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// download gets a database into the program's cache, and does nothing else.
func (p program) download(ctx context.Context, source string) error {
	if strings.HasPrefix(source, "-") {
		return fmt.Errorf("%q is no OCI reference", source)
	}
	work := filepath.Join(p.dir, "empty")
	if err := os.MkdirAll(work, 0o700); err != nil {
		return err
	}
	return p.start(ctx, work, p.log, p.log, append(os.Environ(), p.env...), "image", "--download-db-only", "--no-progress",
		"--cache-dir", filepath.Join(p.dir, "cache"), "--disable-telemetry", "--skip-version-check", "--db-repository", source)
}

// packagesIn are what Trivy says of the packages below a folder.
type packagesIn struct {
	results  []result
	failures []string
}

// vulnerabilities has Trivy compare the packages below a folder with the
// database: how is "rootfs" for an operating system, "fs" for a project.
func (p program) vulnerabilities(ctx context.Context, how, dir string, db database) (packagesIn, error) {
	var found packagesIn
	cache := filepath.Join(p.dir, "cache")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return found, err
	}
	if err := os.Symlink(db.path, filepath.Join(cache, "db")); err != nil && !os.IsExist(err) {
		return found, err
	}
	var err error
	found.failures, err = p.run(ctx, func(r result) error {
		found.results = append(found.results, r)
		return nil
	}, how, "--scanners", "vuln", "--skip-db-update", "--skip-java-db-update", "--offline-scan", "--list-all-pkgs", "--no-progress", dir)
	return found, err
}

// vulnerable tells whether a result of a class or of a type has a vulnerability.
func (p packagesIn) vulnerable(what string) bool {
	return slices.ContainsFunc(p.results, func(r result) bool { return r.is(what) && len(r.Vulnerabilities) > 0 })
}

// of are the packages of a class or of a type that Trivy examined.
func (p packagesIn) of(what string) (all []noted) {
	for _, r := range p.results {
		for _, pkg := range r.Packages {
			if r.is(what) {
				all = append(all, noted{"/" + pkg.FilePath, pkg.Name, pkg.Version})
			}
		}
	}
	return all
}

// finding is a vulnerability as Sluice tells it. One that nobody has mended yet
// does not shut a gate: there is nothing to do but to wait, or to do without.
func (v vulnerability) finding(stage, at string) sarif.Finding {
	f := sarif.Finding{
		Rule: clean(v.VulnerabilityID, 100), Tool: toolName, Stage: stage, Severity: severity(v.Severity),
		Module: clean(v.PkgName, 200) + "@" + clean(v.InstalledVersion, 100), Location: sarif.Location{Path: at},
		Unfixed: v.FixedVersion == "", CWE: v.weaknesses(),
	}
	f.Message = f.Module + ": " + clean(v.Title, maxMessage)
	f.Fix = "Update " + clean(v.PkgName, 200) + " to " + clean(v.FixedVersion, 200) + "."
	if f.Unfixed {
		f.Message += " (there is no fixed version yet)"
		f.Fix = "There is no fixed version yet: do without the package, or wait for one."
	}
	return f
}

// weaknesses are the numbers of "CWE-79".
func (v vulnerability) weaknesses() (all []int) {
	for _, id := range v.CweIDs {
		if n, err := strconv.Atoi(strings.TrimPrefix(id, "CWE-")); err == nil {
			all = append(all, n)
		}
	}
	return all
}

func (v vulnerability) rule() sarif.Rule {
	return sarif.Rule{
		ID: clean(v.VulnerabilityID, 100), Tool: toolName, Name: clean(v.Title, maxMessage), Why: clean(v.Description, maxMessage),
		Fix: "Update the package.", URI: clean(v.PrimaryURL, maxMessage), CWE: v.weaknesses(),
	}
}

// date says in a report what data it rests on.
func (d database) date(r *pipeline.Report) {
	r.Values = map[string]string{databaseModified: d.modified.UTC().Format("2006-01-02T15:04:05Z"), databaseDigest: d.digest}
}
