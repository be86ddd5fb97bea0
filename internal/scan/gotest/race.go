package gotest

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// race tells whether tests can run with the race detector.
type race struct {
	on  bool
	why string // why not, or the C compiler
}

// findRace looks for what the race detector needs: cgo, and so a C compiler.
func findRace() race {
	if !raceSupported(runtime.GOOS, runtime.GOARCH) {
		return race{why: "there is none for " + runtime.GOOS + "/" + runtime.GOARCH}
	}
	if os.Getenv("CGO_ENABLED") == "0" {
		return race{why: "CGO_ENABLED is 0"}
	}
	compiler := "gcc"
	if runtime.GOOS != "linux" {
		compiler = "clang"
	}
	if cc := strings.Fields(os.Getenv("CC")); len(cc) > 0 {
		compiler = cc[0]
	}
	path, err := exec.LookPath(compiler)
	if err != nil {
		return race{why: "it needs a C compiler, and there is no " + compiler}
	}
	return race{on: true, why: path}
}

// raceSupported is internal/platform.RaceDetectorSupported.
func raceSupported(goos, goarch string) bool {
	switch goos {
	case "linux":
		return slices.Contains([]string{"amd64", "arm64", "loong64", "ppc64le", "riscv64", "s390x"}, goarch)
	case "darwin":
		return goarch == "amd64" || goarch == "arm64"
	default:
		return (goos == "freebsd" || goos == "netbsd") && goarch == "amd64"
	}
}
