// Command sluice takes a web service from a commit to a running, verified
// deployment through a gate at every stage.
package main

import (
	"os"

	"github.com/sluice-ci/sluice/internal/cli"
)

func main() {
	os.Exit(cli.Main(cli.Process{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}))
}
