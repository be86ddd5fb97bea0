package cloudrunlocal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/hint"
)

// Root is the folder that the services' states are kept below: in
// XDG_STATE_HOME (XDG Base Directory Specification 0.8) when that is set; for
// root in /var/lib, because services that run as another user cannot enter
// root's home; else in ~/.local/state.
func Root(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "sluice", "local"), nil
	}
	if os.Geteuid() == 0 {
		return "/var/lib/sluice/local", nil
	}
	home := getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", hint.With(errors.New("finding the folder for local services: HOME is not set"), "set XDG_STATE_HOME or HOME")
	}
	return filepath.Join(home, ".local", "state", "sluice", "local"), nil
}

// StateDir is the folder of one service's state: services of the same name in
// two folders are two services.
func StateDir(root, service, dir string) string {
	sum := sha256.Sum256([]byte(filepath.Clean(dir)))
	return filepath.Join(root, service+"-"+hex.EncodeToString(sum[:4]))
}

// state is a service's folder. Others than the user may pass through it, which
// a process of another user needs in order to be started, but see only the
// unpacked revisions.
type state string

func (s state) path(elem ...string) string {
	return filepath.Join(append([]string{string(s)}, elem...)...)
}
func (s state) control() string           { return s.path("control") }
func (s state) data() string              { return s.path("data") }
func (s state) logs() string              { return s.path("logs") }
func (s state) incoming() string          { return s.path("incoming") }
func (s state) revisions() string         { return s.path("revisions") }
func (s state) revision(n string) string  { return s.path("revisions", n) }
func (s state) log(name string) string    { return s.path("logs", name+".log") }
func (s state) secrets() string           { return s.path("control", "secrets") }
func (s state) secretsOf(n string) string { return s.path("control", "secrets", n+".json") }
func (s state) service() string           { return s.path("control", "service.json") }
func (s state) supervisor() string        { return s.path("control", "supervisor.json") }
func (s state) deployLock() string        { return s.path("control", "deploy.lock") }
func (s state) supervisorLock() string    { return s.path("control", "supervisor.lock") }
func (s state) recordOf(n string) string  { return s.path("revisions", n, "revision.json") }
func (s state) exists() bool              { _, err := os.Stat(s.control()); return err == nil }
func (s state) crashLog() string          { return s.path("logs", "crash.log") }
func (s state) temporary(n string) string { return s.path("revisions", n, "tmp") }

// make creates the folders. Their modes do not depend on the umask.
func (s state) make() error {
	folders := []struct {
		path string
		mode fs.FileMode
	}{
		{string(s), 0o711}, {s.control(), 0o700}, {s.secrets(), 0o700}, {s.logs(), 0o700}, {s.incoming(), 0o700}, {s.revisions(), 0o711}, {s.data(), 0o700},
	}
	if err := os.MkdirAll(filepath.Dir(string(s)), 0o755); err != nil { // #nosec G301 -- other users run services below it
		return fmt.Errorf("making the folder for local services: %w", err)
	}
	for _, f := range folders {
		if err := makeFolder(f.path, f.mode); err != nil {
			return err
		}
	}
	return nil
}

func makeFolder(path string, mode fs.FileMode) error {
	if err := os.Mkdir(path, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return full(fmt.Errorf("making %s: %w", path, err))
	}
	if err := os.Chmod(path, mode); err != nil {
		return fmt.Errorf("making %s: %w", path, err)
	}
	return nil
}

// serviceFile is control/service.json: what the supervisor knows, and alone writes.
type serviceFile struct {
	Name       string    `json:"name"`
	Directory  string    `json:"directory"`
	Port       int       `json:"port"`       // that it had last
	Generation int       `json:"generation"` // the number of the newest revision
	Serving    string    `json:"serving,omitempty"`
	Image      string    `json:"image,omitempty"` // of Serving
	Previous   string    `json:"previous,omitempty"`
	Since      time.Time `json:"since,omitzero"`
}

// supervisorFile is control/supervisor.json: who the supervisor is.
type supervisorFile struct {
	PID      int    `json:"pid"`
	Start    string `json:"start"` // tells it from a later process with its number
	Socket   string `json:"socket"`
	Port     int    `json:"port"`
	Protocol int    `json:"protocol"`
}

// maxJSON bounds what is read back, bytes.
const maxJSON = 1 << 20

func readJSON(path string, v any) error {
	f, err := openOwn(path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if len(data) > maxJSON {
		return fmt.Errorf("reading %s: it has more than %d bytes", path, maxJSON)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return hint.With(fmt.Errorf("reading %s: %w", path, err), "remove that file and deploy again")
	}
	return nil
}

func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return full(atomicfile.Write(path, append(data, '\n'), 0o600))
}

// removeTree removes an unpacked image, folders without a right to write
// included. It stays below dir, whatever a process puts there meanwhile.
func removeTree(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return ignoreMissing(err)
	}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = root.Chmod(name, 0o700)
		}
		return ignoreMissing(err)
	})
	return errors.Join(err, root.Close(), os.RemoveAll(dir))
}

// openOwn opens a file of a state.
func openOwn(path string, flags int) (*os.File, error) {
	return os.OpenFile(path, flags, 0o600) // #nosec G304 -- below the user's own folder
}

// full adds the remedy to an error of a full disk.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return hint.With(err, "free some disk space, or set XDG_STATE_HOME to a folder on a larger disk")
	}
	return err
}
