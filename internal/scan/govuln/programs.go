package govuln

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"

	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/ospkg"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// program is an executable of an image that was made by Go.
type program struct {
	path string // in the image
	file string // the copy of it
	info *debug.BuildInfo
}

// contents is what an image's file system has that matters here.
type contents struct {
	scratch string // where programs are copied to
	files   int
	// executables are all files in the ELF format, each under one of its names.
	executables []string
	programs    []program
	// nameless are programs made by Go that do not say from what, and foreign
	// those that were not made by Go.
	nameless, foreign []string
	packages          string // the database of an operating system's packages, if there is one
	owned             ospkg.Files
	passwd            []byte
	modes             modeFindings
}

// maxPasswd bounds /etc/passwd, bytes.
const maxPasswd = 1 << 20

// inspect walks the image once.
func inspect(im *image.Image, scratch string) (*contents, error) {
	c := &contents{scratch: scratch}
	if err := im.Walk(c.visit); err != nil {
		return nil, fmt.Errorf("looking at the files of the image: %w", err)
	}
	return c, nil
}

func (c *contents) visit(e image.Entry) error {
	if !e.Mode.IsDir() {
		c.files++
	}
	c.modes.visit(e)
	if !e.Mode.IsRegular() || e.Size == 0 {
		return nil
	}
	if c.packages == "" && ospkg.DatabaseOf(e.Path) != ospkg.None {
		c.packages = e.Path
	}
	if e.Path == "/etc/passwd" {
		return c.readPasswd(e)
	}
	if c.owned.Reads(e.Path) { // it is no program, and reading it a second time reads its layer from the start
		return c.readOwned(e)
	}
	if e.Linkname != "" { // its content was seen under another name
		return nil
	}
	return c.readProgram(e)
}

func (c *contents) readPasswd(e image.Entry) (err error) {
	r, err := e.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	c.passwd, err = io.ReadAll(io.LimitReader(r, maxPasswd+1))
	if err == nil && len(c.passwd) > maxPasswd {
		err = fmt.Errorf("%s has more than %d bytes", e.Path, maxPasswd)
	}
	return err
}

// readProgram copies a file that is executable by its content, which is what
// the kernel goes by, and tells what made it.
func (c *contents) readProgram(e image.Entry) error {
	file := filepath.Join(c.scratch, strconv.Itoa(c.files))
	isELF, err := copyELF(e, file)
	if err != nil || !isELF {
		return err
	}
	c.executables = append(c.executables, e.Path)
	info, err := buildinfo.ReadFile(file)
	switch {
	case err == nil:
		c.programs = append(c.programs, program{path: e.Path, file: file, info: info})
		return nil
	case madeByGo(file):
		c.nameless = append(c.nameless, e.Path)
	default:
		c.foreign = append(c.foreign, e.Path)
	}
	return os.Remove(file)
}

// copyELF copies a file if it is in the ELF format.
func copyELF(e image.Entry, to string) (isELF bool, err error) {
	r, err := e.Open()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	magic := make([]byte, len(elf.ELFMAG))
	if n, err := io.ReadFull(r, magic); err != nil || string(magic) != elf.ELFMAG {
		if n < len(magic) && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
			err = nil // too short to be one
		}
		return false, err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false, err
	}
	_, err = io.Copy(f, io.MultiReader(bytes.NewReader(magic), r))
	return true, errors.Join(err, f.Close())
}

// madeByGo tells programs made by Go by sections that the linker always makes;
// strip(1) leaves them.
func madeByGo(file string) bool {
	f, err := elf.Open(file)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // it was only read
	return f.Section(".note.go.buildid") != nil || f.Section(".gopclntab") != nil || f.Section(".go.buildinfo") != nil
}

// compare holds what govulncheck looked at against what the program says that
// it was made of.
func (p program) compare(o *outcome, known index) error {
	if o.bill.GoVersion != p.info.GoVersion {
		return fmt.Errorf("govulncheck took %s to be made by %q, and it was by %q", p.path, o.bill.GoVersion, p.info.GoVersion)
	}
	var main []string
	if p.info.Main.Path != "" {
		main = []string{p.info.Main.Path}
	}
	modules := append([]string{stdlib}, main...)
	for _, m := range p.info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		modules = append(modules, m.Path)
	}
	_, err := o.compare(main, modules, known)
	return err
}

// settings are the findings about how the image is set up.
func (c *contents) settings(config image.Config) []sarif.Finding {
	return slices.Concat(userFinding(config.User, c.passwd), secretFindings(config.Env), c.modes.findings)
}
