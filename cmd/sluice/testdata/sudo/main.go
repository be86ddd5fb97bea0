// Command sudo is sudo(8) as far as Sluice uses it: with its set-user-id bit set
// it executes what comes after its flags as root.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

func main() {
	args := os.Args[1:]
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		args = args[1:]
	}
	path, err := exec.LookPath(args[0])
	if err == nil {
		err = syscall.Setgroups([]int{0})
	}
	if err == nil {
		err = syscall.Setresgid(0, 0, 0)
	}
	if err == nil {
		err = syscall.Setresuid(0, 0, 0)
	}
	if err == nil {
		err = syscall.Exec(path, args, append(os.Environ(), "SUDO_UID=1", "PATH=/usr/bin:/bin", "HOME=/"))
	}
	fmt.Fprintln(os.Stderr, "sudo:", err)
	os.Exit(1)
}
