//go:build !linux

package sandbox

import (
	"os"
	"os/exec"
)

// Prepare does nothing: only Linux has namespaces.
func Prepare(*exec.Cmd, Network) {}

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
