package govuln

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// An image with packages of an operating system has programs that were not made
// by Go. Those that belong to a package are looked up with it, by another part of
// the stage; the others are told.

// maxOwned bounds how many files the packages of an image may have.
const maxOwned = 2_000_000

// listsFiles tells whether a file says which files a package has.
func listsFiles(name string) bool {
	return ofDpkg(name) || name == "/lib/apk/db/installed" || name == "/usr/lib/apk/db/installed"
}

func ofDpkg(name string) bool {
	is, _ := path.Match("/var/lib/dpkg/info/*.list", name) // the pattern is well-formed
	return is
}

// readOwned notes which files a package has: dpkg keeps a list for each
// (dpkg-query(1)), apk one for all (apk-package(5)). Of rpm's nothing is known.
func (c *contents) readOwned(e image.Entry) (err error) {
	r, err := e.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if c.owned == nil {
		c.owned = map[string]bool{}
	}
	if ofDpkg(e.Path) {
		return c.own(r, func(line string) string { return line })
	}
	folder := ""
	return c.own(r, func(line string) string {
		kind, value, _ := strings.Cut(line, ":")
		switch kind {
		case "F":
			folder = value
		case "R":
			return path.Join("/", folder, value)
		}
		return ""
	})
}

func (c *contents) own(r io.Reader, file func(line string) string) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if name := file(lines.Text()); name != "" {
			c.owned[comparable(name)] = true
		}
		if len(c.owned) > maxOwned {
			return fmt.Errorf("the packages of the image have more than %d files", maxOwned)
		}
	}
	return lines.Err()
}

// comparable is a file's name whether or not /bin, /lib and /sbin are links into /usr.
func comparable(name string) string { return strings.TrimPrefix(name, "/usr") }

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
	alien := slices.DeleteFunc(slices.Clone(c.foreign), func(p string) bool { return c.owned[comparable(p)] })
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
