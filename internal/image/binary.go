package image

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/sluice-ci/sluice/internal/hint"
)

// machines are the architectures that images are built for, by GOARCH.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// checkBinary sees that a program runs in an image that has no loader and no
// libraries, and returns what it was made from.
func checkBinary(name, arch string) (*debug.BuildInfo, error) {
	f, err := elf.Open(name)
	var format *elf.FormatError
	if errors.As(err, &format) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, hint.With(errors.New("what was compiled is no program for Linux"), "name a folder of package main as the command to build")
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	if f.Class != elf.ELFCLASS64 || f.Machine != machines[arch] {
		return nil, fmt.Errorf("the program is for %v (%v), want %s", f.Machine, f.Class, arch)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			return nil, hint.With(errors.New("the program is not static: it needs a loader that the image does not have"), "remove the package that asks for dynamic linking")
		}
	}
	info, err := buildinfo.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the program's build information: %w", err)
	}
	return info, nil
}

// sameContent compares a file of an image with one on disk.
func sameContent(e Entry, name string) (err error) {
	got, err := e.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, got.Close()) }()
	want, err := os.Open(name) // #nosec G304 -- what was just compiled
	if err != nil {
		return err
	}
	defer want.Close()
	a, b := make([]byte, 1<<16), make([]byte, 1<<16)
	for {
		n, errA := io.ReadFull(got, a)
		m, errB := io.ReadFull(want, b)
		if !bytes.Equal(a[:n], b[:m]) {
			return fmt.Errorf("%s is not what was compiled", e.Path)
		}
		if ended(errA) && ended(errB) {
			return nil
		}
		if errA != nil || errB != nil {
			return errors.Join(errA, errB)
		}
	}
}

func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
