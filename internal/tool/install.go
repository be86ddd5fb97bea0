package tool

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/hint"
)

// PyPI is where packages of Python come from by default.
const PyPI = "https://pypi.org/simple"

// Installer puts tools into a box. What it runs gets nothing of this process's
// surroundings but what Env names, and works in folders of its own.
type Installer struct {
	Box
	Env   []string     // "NAME=value": PATH, proxies, credentials for a module proxy
	Index string       // of Python packages: an address, or an absolute folder of wheels
	Build bool         // a Go tool is built from source, also where its project publishes it
	Say   func(string) // tells the user what is being done, a few words
	HTTP  *http.Client // fetches published programs
}

// ErrUnpinned is in the error for a tool of which the lock pins no version.
var ErrUnpinned = errors.New("the lock of tools pins no version of it")

// Install installs the tool that the lock names, unless it is there and whole. It is
// there whole or not at all, also when ctx ends or the machine does. Where
// another process is installing it, this one waits.
func (i Installer) Install(ctx context.Context, name string) (Found, error) {
	lock, err := embedded()
	if err != nil {
		return Found{}, err
	}
	return i.install(ctx, lock, name)
}

func (i Installer) install(ctx context.Context, lock Lock, name string) (Found, error) {
	e, err := lock.entry(name)
	if err != nil {
		return Found{}, err
	}
	if e.Version == "" {
		return Found{}, hint.With(fmt.Errorf("%s: %w", name, ErrUnpinned), e.install())
	}
	if err := os.MkdirAll(i.Dir, 0o755); err != nil {
		return Found{}, fmt.Errorf("installing %s: %w", name, err)
	}
	unlock, err := i.alone(ctx, e)
	if err != nil {
		return Found{}, fmt.Errorf("installing %s: %w", name, err)
	}
	defer unlock()
	if f, ok, err := i.installed(e); err == nil && ok && f.verify(e) == nil {
		i.Say(fmt.Sprintf("%s %s is installed", e.Name, e.Version))
		return f, nil
	}
	if err := i.anew(ctx, lock, e); err != nil {
		return Found{}, fmt.Errorf("installing %s %s: %w", e.Name, e.Version, err)
	}
	f, ok, err := i.installed(e)
	if err == nil && !ok {
		err = e.missing()
	}
	return f, err
}

// alone waits until no other process installs the tool, and clears away what those
// left that were killed.
func (i Installer) alone(ctx context.Context, e Entry) (unlock func(), err error) {
	unlock, err = hold(ctx, filepath.Join(i.Dir, e.Name+".lock"), func() {
		i.Say("waiting for another process, which is installing " + e.Name)
	})
	if err != nil {
		return nil, err
	}
	left, _ := filepath.Glob(filepath.Join(i.Dir, "."+e.Name+"-*")) // the pattern is well-formed
	for _, dir := range left {
		if err := atomicfile.RemoveAll(dir); err != nil {
			unlock()
			return nil, err
		}
	}
	return unlock, nil
}

// maxInstall is how long making a tool may take.
const maxInstall = 2 * time.Hour

// anew makes a tool aside, tries it, and puts it in the place of what was there.
func (i Installer) anew(ctx context.Context, lock Lock, e Entry) (err error) {
	ctx, cancel := context.WithTimeout(ctx, maxInstall)
	defer cancel()
	work, err := os.MkdirTemp(i.Dir, "."+e.Name+"-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, atomicfile.RemoveAll(work)) }()
	m := maker{Installer: i, Entry: e, lock: lock, work: work, dir: filepath.Join(work, "tool"), tmp: filepath.Join(work, "tmp")}
	if err := errors.Join(os.MkdirAll(filepath.Join(m.dir, "bin"), 0o755), os.Mkdir(m.tmp, 0o700)); err != nil {
		return err
	}
	made, err := m.make(ctx)
	if err != nil {
		return err
	}
	if err := m.try(ctx); err != nil {
		return err
	}
	made.Schema, made.Name, made.Version, made.Lock = 1, e.Name, e.Version, e.id
	if made.Files, err = list(m.dir, true); err != nil {
		return err
	}
	if err := made.write(m.dir); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	return m.place()
}

// maker makes one tool in a folder aside.
type maker struct {
	Installer
	Entry
	lock Lock
	work string // holds all that is made, and goes in the end
	dir  string // becomes the tool's folder
	tmp  string // for temporary files, and the home of what is run
}

func (m maker) make(ctx context.Context) (manifest, error) {
	if m.Kind == Go {
		return m.makeGo(ctx)
	}
	return m.makePython(ctx)
}

// try starts the tool: what cannot say its version, or says another, is not
// installed.
func (m maker) try(ctx context.Context) error {
	f := Found{Name: m.Name, Path: filepath.Join(m.dir, "bin", m.Name)}
	version, err := f.ask(ctx, m.env())
	if err == nil && version != m.Version {
		err = fmt.Errorf("it says that it is version %s", version)
	}
	return err
}

// place moves the tool to where it is looked for.
func (m maker) place() error {
	final := m.folder(m.Entry)
	if err := os.Rename(final, filepath.Join(m.work, "before")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(m.dir, final); err != nil {
		return err
	}
	return syncPath(m.Dir)
}

func syncPath(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// env is the environment of what is run: a home and a folder for temporary files
// of its own, and those variables of Env that are named.
func (m maker) env(names ...string) []string {
	env := []string{"HOME=" + m.tmp, "TMPDIR=" + m.tmp, "LANG=C.UTF-8"}
	names = append(names, "PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")
	for _, v := range m.Env {
		if name, _, _ := strings.Cut(v, "="); slices.Contains(names, name) {
			env = append(env, v)
		}
	}
	return env
}
