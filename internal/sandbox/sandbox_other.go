//go:build !linux

package sandbox

import (
	"errors"
	"os"
	"os/exec"
)

// Prepare does nothing: only Linux has namespaces.
func Prepare(*exec.Cmd, Network) {}

// Granted tells that nothing was granted.
func Granted() bool { return false }

// Grant grants nothing.
func Grant(int, int, string, []string, []string) error {
	return errors.New("only Linux has namespaces")
}

// Withhold does nothing.
func Withhold() error { return nil }

// CanNarrow tells that nothing can be confined.
func CanNarrow() bool { return false }

// Enter enforces nothing, and says so.
func Enter(r Request) (Enforced, error) { return Enforced{}, os.Chdir(r.Access.Dir) }

// Overseer oversees nothing: only Linux lets it.
type Overseer struct{}

// Oversee does nothing.
func Oversee(*exec.Cmd, *Request) (*Overseer, error) { return &Overseer{}, nil }

// Run does nothing.
func (*Overseer) Run() error { return nil }

// Close does nothing.
func (*Overseer) Close() error { return nil }

// Memory is unknown.
func Memory() uint64 { return 0 }

// Group bounds nothing: only Linux has groups.
type Group struct{ Why error }

// NewGroup makes a group without effect.
func NewGroup(Limits) *Group { return &Group{errors.New("only Linux has groups of processes")} }

// Level is none.
func (*Group) Level() Level { return None }

// Add does nothing.
func (*Group) Add(int) error { return nil }

// Close does nothing.
func (*Group) Close() error { return nil }
