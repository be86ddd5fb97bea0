//go:build unix && !linux

package cloudrunlocal

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/sluice-ci/sluice/internal/sandbox"
)

// The local target runs Linux images as processes of this machine, so there is
// nothing to run elsewhere: Client.Deploy refuses before any of this is called.
var errNotLinux = errors.New("the local target needs Linux")

type instance struct {
	cmd      *exec.Cmd
	port     int
	confined sandbox.Enforced
	ended    chan struct{}
	how      string
}

func instanceMain() int                                   { return 1 }
func startInstance(program, io.Writer) (*instance, error) { return nil, errNotLinux }
func (i *instance) stop(time.Duration)                    {}
func (i *instance) listens() bool                         { return false }
func listeners(int) map[string]bool                       { return nil }
func portOwner(int) string                                { return "" }
func processStart(int) string                             { return "" }
func awaitExit(int, string, time.Duration) error          { return nil }
func sweep(state)                                         {}
func detach(*exec.Cmd) error                              { return errNotLinux }
func owner(*os.Root, string) (user, error)                { return user{}, errNotLinux }
func giveOne(*os.Root, string, user, user) error          { return errNotLinux }
func withSocket(dir state, do func(string) error) error {
	return do(filepath.Join(dir.control(), socketFile))
}
