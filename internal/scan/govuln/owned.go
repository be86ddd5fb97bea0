package govuln

import (
	"bufio"
	"debug/elf"
	"errors"
	"slices"

	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// An image with packages of an operating system has programs that were not made
// by Go. Those that belong to an installed package are looked up with it, by another part
// of the stage; the others are told.

// readOwned notes which packages are installed, or which files one has. A program is
// looked at whatever its name.
func (c *contents) readOwned(e image.Entry) (err error) {
	r, err := e.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	text := bufio.NewReader(r)
	if magic, _ := text.Peek(len(elf.ELFMAG)); string(magic) == elf.ELFMAG { // an error is found again by who reads on
		return c.readProgram(e)
	}
	return c.owned.Read(e.Path, text)
}

// ours are the programs that are this part's to judge.
func (c *contents) ours() []string {
	if c.packages == "" {
		return c.executables
	}
	return slices.DeleteFunc(slices.Clone(c.executables), func(p string) bool { return slices.Contains(c.foreign, p) })
}

// unpackaged tells of the programs and libraries that no package has.
func (c *contents) unpackaged() []sarif.Finding {
	if c.packages == "" {
		return nil
	}
	alien := slices.DeleteFunc(slices.Clone(c.foreign), c.owned.Owns)
	if len(alien) == 0 {
		return nil
	}
	slices.Sort(alien)
	f := setting(ruleAlien, sarif.Low, clean(alien[0], 500), named(alien)+" programs or libraries that belong to no package: nobody knows their vulnerabilities")
	if len(alien) == 1 {
		f.Message = named(alien) + " a program or library that belongs to no package: nobody knows its vulnerabilities"
	}
	f.Identity = "unpackaged"
	return []sarif.Finding{f}
}
