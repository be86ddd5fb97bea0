package tool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/sluice-ci/sluice/internal/hint"
)

// hostVariable names the interpreter to the launcher of a tool that is hosted.
const hostVariable = "SLUICE_PYTHON"

// host has an installed tool run in the interpreter that PATH has, which has the
// service's packages. Where there is none, it runs in its environment's, which has no
// packages but the tool's.
func (b Box) host(f *Found) {
	for _, python := range b.programs("python3") {
		real, err := filepath.EvalSymlinks(python)
		if err != nil {
			continue
		}
		sum := sha256.New()
		fmt.Fprintf(sum, "%s\n%s\n%s\n", f.Manifest, python, real)
		f.Read = append(f.Read, python, real)
		f.restOn(sum, []string{prefix(python), prefix(real)})
		f.Digest = hex.EncodeToString(sum.Sum(nil))
		f.Env = append(slices.Clone(f.Env), hostVariable+"="+python)
		return
	}
}

// hosts finds out by the tool's version that the interpreter can run it.
func (f Found) hosts(ctx context.Context, e Entry, env []string) error {
	version, err := f.ask(ctx, env)
	if err == nil && version != e.Version {
		err = fmt.Errorf("%s says that it is version %s, and %s is installed", f.Path, version, e.Version)
	}
	if err != nil {
		return hint.With(err, fmt.Sprintf("have the Python with the service's packages, %s or later, be the first python3 in PATH", e.Python))
	}
	return nil
}
