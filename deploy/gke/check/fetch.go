package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// module is a Go module that carries schemas. It is fetched as data: as a
// dependency it would bring everything that it needs itself.
type module struct{ path, version, sum string }

const fetchLimit = 10 * time.Minute // for 20 MB

// fetch returns the folder of the module, from the module cache or a proxy.
func (m module) fetch() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchLimit)
	defer cancel()
	command := exec.CommandContext(ctx, "go", "mod", "download", "-json", m.path+"@"+m.version) // #nosec G204 -- of the table below
	command.Dir = os.TempDir()                                                                  // in no module
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	failed := command.Run()
	var answer struct{ Dir, Sum, Error string }
	if err := errors.Join(json.Unmarshal(stdout.Bytes(), &answer), failed); err != nil {
		return "", fmt.Errorf("fetching %s: %w: %s%s", m.path, err, answer.Error, stderr.String())
	}
	if answer.Sum != m.sum {
		return "", fmt.Errorf("fetching %s: its sum is %s, not %s", m.path, answer.Sum, m.sum)
	}
	return answer.Dir, nil
}
