package vulndb

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/gotool"
)

// modulePath is the repository that the database is made from. Any module
// proxy has it, checksummed like any module.
const modulePath = "golang.org/x/vulndb"

// The version that is used where no newer one can be had, with the checksums
// that it must have.
const (
	pinnedVersion = "v0.0.0-20260813214354-9de686e1fb00"
	pinnedSum     = "h1:rhahS0SijEJkwAg1oh9E+uTE0bjOipBJX4jw2ooU8tg="
	pinnedModSum  = "h1:1sPgfxLHr2PzwIclQpCHjTUQaBCTmdABAaCVArN1vlg="
)

const (
	resolveLimit = 30 * time.Second
	maxZip       = 256 << 20
	maxAnswer    = 1 << 20
)

// modules gets the database's module through the go command, so that proxies,
// credentials and the checksum database are what they are for every module.
type modules struct {
	tool gotool.Toolchain
	dir  string // a scratch module, with a module cache of its own
	env  []string
}

// newModules makes a scratch module below dir. The caller removes it.
func newModules(dir string, env []string) (*modules, error) {
	tool, err := gotool.Find()
	if err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp(dir, "module-")
	if err != nil {
		return nil, err
	}
	m := &modules{tool: tool, dir: scratch}
	if env == nil {
		env = os.Environ()
	}
	m.env = append(slices.Clone(env), "GOTOOLCHAIN=local", "GO111MODULE=on", "GOWORK=off", "GOFLAGS=-mod=mod -modcacherw", "GOMODCACHE="+filepath.Join(scratch, "cache"), "GOCACHE="+filepath.Join(scratch, "build"))
	return m, errors.Join(m.writeFile("go.mod", "module scratch\n"), m.writeFile("go.sum", pins()))
}

// pins are lines of a go.sum: the go command itself refuses another content.
func pins() string {
	return fmt.Sprintf("%[1]s %[2]s %[3]s\n%[1]s %[2]s/go.mod %[4]s\n", modulePath, pinnedVersion, pinnedSum, pinnedModSum)
}

func (m *modules) writeFile(name, text string) error {
	return os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o600)
}

func (m *modules) close() error { return os.RemoveAll(m.dir) }

// versions are those to try, newest first.
func (m *modules) versions(ctx context.Context) ([]string, []error) {
	versions := []string{pinnedVersion}
	var errs []error
	for _, query := range []string{"latest", "master"} {
		v, err := m.resolve(ctx, query)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		versions = append(versions, v)
		break
	}
	semver.Sort(versions)
	slices.Reverse(versions)
	return slices.Compact(versions), errs
}

// resolve asks which version a query stands for.
func (m *modules) resolve(ctx context.Context, query string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, resolveLimit, fmt.Errorf("no answer within %v", resolveLimit))
	defer cancel()
	var answer struct{ Version string }
	if err := m.ask(ctx, &answer, "list", "-m", "-json", modulePath+"@"+query); err != nil {
		return "", fmt.Errorf("looking up %s@%s: %w", modulePath, query, err)
	}
	if !semver.IsValid(answer.Version) {
		return "", fmt.Errorf("looking up %s@%s: the answer is %.80q", modulePath, query, answer.Version)
	}
	return answer.Version, nil
}

// ask runs the go command and reads its answer, which is JSON. It asks again
// where the network failed in passing.
func (m *modules) ask(ctx context.Context, answer any, args ...string) (err error) {
	gotool.Retry(ctx, func() bool {
		err = m.askOnce(ctx, answer, args...)
		return err != nil && gotool.Passing(err.Error())
	})
	return err
}

func (m *modules) askOnce(ctx context.Context, answer any, args ...string) error {
	out, err := command.Output(ctx, command.Spec{Path: m.tool.Go, Args: args, Dir: m.dir, Env: m.env, MaxOutput: maxAnswer})
	var exit *command.ExitError
	if errors.As(err, &exit) {
		return errors.New(reason(out, exit))
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, answer); err != nil {
		return fmt.Errorf("reading the answer of go %s: %w", args[0], err)
	}
	return nil
}

// reason is the first line of what the go command says of a failure, which is
// in its answer or on standard error.
func reason(out []byte, exit *command.ExitError) string {
	var failure struct{ Error string }
	text := exit.Stderr
	if json.Unmarshal(out, &failure) == nil && failure.Error != "" {
		text = failure.Error
	}
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if line == "" {
		return exit.State
	}
	return strings.TrimPrefix(line, "go: ")
}

// fetch gets one version. The whole of it is checksummed by the go command.
func (m *modules) fetch(ctx context.Context, version string) (*data, error) {
	var answer struct{ Zip, Sum string }
	if err := m.ask(ctx, &answer, "mod", "download", "-json", modulePath+"@"+version); err != nil {
		return nil, fmt.Errorf("getting %s@%s: %w", modulePath, version, err)
	}
	if version == pinnedVersion && answer.Sum != pinnedSum {
		return nil, fmt.Errorf("getting %s@%s: its checksum is %s, and not %s", modulePath, version, answer.Sum, pinnedSum)
	}
	d, err := readModule(answer.Zip, version)
	if err != nil {
		return nil, fmt.Errorf("reading %s@%s: %w", modulePath, version, err)
	}
	return d, nil
}

// readModule reads the advisories in a module's zip file.
func readModule(path, version string) (_ *data, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxZip {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxZip)
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	tree, err := fs.Sub(z, modulePath+"@"+version)
	if err != nil {
		return nil, err
	}
	asOf, err := module.PseudoVersionTime(version)
	if err != nil {
		return nil, err
	}
	return read(tree, asOf)
}
