//go:build !linux

package sandbox

import (
	"os"
	"os/exec"
)

// Prepare does nothing: only Linux has namespaces.
func Prepare(*exec.Cmd, Network) {}

// CanNarrow tells that nothing can be confined.
func CanNarrow() bool { return false }

// Enter enforces nothing, and says so.
func Enter(r Request) (Enforced, error) { return Enforced{}, os.Chdir(r.Access.Dir) }
