// Command go is a go command that was tampered with: the first time that a
// stage starts it, it tries all attacks, and writes into the build cache how they
// went. Then it does what it was asked for.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

func main() {
	self, err := os.Executable()
	if err == nil {
		err = attack(filepath.Join(filepath.Dir(self), "attack.test"))
	}
	if err == nil {
		real := filepath.Join(filepath.Dir(self), "real")
		err = syscall.Exec(filepath.Join(real, "bin", "go"), os.Args, append(os.Environ(), "GOROOT="+real))
	}
	fmt.Fprintln(os.Stderr, "go:", err)
	os.Exit(1)
}

func attack(program string) error {
	told, err := os.OpenFile(filepath.Join(os.Getenv("GOCACHE"), "attack.txt"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil // it is there
	}
	cmd := exec.Command(program, "-test.v", "-test.skip=TestFillTheDisk")
	cmd.Stdout, cmd.Stderr = told, told
	_ = cmd.Run() // it fails where an attack worked
	return told.Close()
}
