package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/sarif"
)

func (a *app) exceptCommand() *cobra.Command {
	var x config.Exception
	var expires string
	c := &cobra.Command{
		Use:   "except ID",
		Short: "Let a finding of the last run be for a while, in sluice.yaml",
		Long: `Except writes an exception into sluice.yaml for a finding of the last run: one
finding by its id, an advisory by any of its names, or a rule. The gate lets be
what it covers up to and including its last day, at most a year away.`,
		Example: `  sluice except 3f2a91bc --reason "the path is a constant" --owner platform-team --expires 2027-01-31
  sluice except GO-2026-0001 --package example.com/m --reason "only in the admin tool" --owner me --expires 2027-01-31
  sluice except G104 --path internal/tools --reason "tools only print" --owner me --expires 2027-01-31`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			x.ID = args[0]
			return a.except(x, expires)
		},
	}
	f := c.Flags()
	f.StringVar(&x.Reason, "reason", "", "why it does no harm")
	f.StringVar(&x.Owner, "owner", "", "who answers for it")
	f.StringVar(&expires, "expires", "", "the last day on which it holds, as 2027-01-31")
	f.StringVar(&x.Path, "path", "", "the file, or the folder and all below, that it holds for")
	f.StringVar(&x.Package, "package", "", "the module that it holds for")
	return c
}

func (a *app) except(x config.Exception, expires string) error {
	for name, value := range map[string]string{"reason": x.Reason, "owner": x.Owner, "expires": expires} {
		if value == "" {
			return usage(hint.With(fmt.Errorf("an exception has a reason, an owner and a last day: --%s is missing", name), "sluice except --help has examples"))
		}
	}
	at, err := time.Parse(time.DateOnly, expires)
	if err != nil {
		return usage(hint.With(fmt.Errorf("--expires: %q is no day", expires), "write it as 2027-01-31"))
	}
	x.Expires = at
	covered, err := nameFinding(&x)
	if err != nil {
		return err
	}
	file, err := writeException(x)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"file": file, "id": x.ID, "expires": expires, "findings": covered})
	}
	fmt.Fprintf(a.Stdout, "%s: %s is let be until %s, which covers %d of the last run's findings\n", shorten(file), x.ID, expires, covered)
	return nil
}

// nameFinding replaces the short id of a finding by its whole fingerprint and the
// file that it is in, so that the same elsewhere is not covered, and counts what
// of the last run the exception covers: one that covers nothing is a mistake.
func nameFinding(x *config.Exception) (covered int, err error) {
	_, log, _, err := lastRun(".")
	if err != nil {
		return 0, err
	}
	ids := fingerprints(log.Findings, x.ID)
	if len(ids) > 1 {
		return 0, usage(hint.With(fmt.Errorf("%q begins the ids of %d findings", x.ID, len(ids)), "write more of the id; sluice findings --json has it whole"))
	}
	if len(ids) == 1 {
		x.ID = ids[0]
		if at := pathOf(log.Findings, x.ID); x.Path == "" && x.Package == "" {
			x.Path = at
		}
	}
	policy := x.Policy()
	for _, f := range log.Findings {
		if policy.Covers(f) {
			covered++
		}
	}
	if covered == 0 {
		return 0, usage(hint.With(fmt.Errorf("the last run has no finding that an exception for %q would cover", x.ID), "sluice findings lists them"))
	}
	return covered, nil
}

// fingerprints are those, each once, that begin so.
func fingerprints(findings []sarif.Finding, short string) (ids []string) {
	for _, f := range findings {
		if id := f.Fingerprint(); len(short) >= 8 && strings.HasPrefix(id, strings.ToLower(short)) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// pathOf is the file that a fingerprint's findings are in; "" when they are in
// several, or in none of the repository.
func pathOf(findings []sarif.Finding, id string) (path string) {
	for _, f := range findings {
		if f.Fingerprint() != id {
			continue
		}
		if at := f.Location.Path; !fs.ValidPath(at) || strings.Contains(at, ":") || path != "" && at != path {
			return ""
		}
		path = f.Location.Path
	}
	return path
}

// writeException adds it to the root's sluice.yaml, which it makes when there
// is none.
func writeException(x config.Exception) (file string, err error) {
	root, err := rootOf(".")
	if err != nil {
		return "", err
	}
	file = filepath.Join(root, config.Name)
	if err := x.Check(time.Now()); err != nil {
		return "", usage(err)
	}
	mode := os.FileMode(0o644)
	text, err := config.Text(root)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = nil, nil
	} else if info, statErr := os.Stat(file); statErr == nil {
		mode = info.Mode().Perm()
	}
	if err != nil {
		return "", err
	}
	edited, err := config.AddException(text, x)
	if err != nil {
		return "", usage(err)
	}
	return file, atomicfile.Write(file, edited, mode)
}
