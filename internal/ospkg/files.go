package ospkg

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
)

// Bounds on what is noted.
const (
	maxFiles = 2_000_000 // of all packages
	maxLine  = 1 << 20   // bytes
)

// Files knows which files belong to installed packages. A list of a package that is
// not installed counts for nothing: anybody can leave one, and nobody looks the
// package up. The zero value knows none. Of RPM's packages nothing is known.
type Files struct {
	installed map[string]bool     // of dpkg's: "name", "name:arch", or as inFolder has it; and whether the distribution made it
	files     map[string][]string // by package of dpkg's likewise, installed or not; by "" those of apk's
	n         int
	owned     map[string]bool // as comparable has them, and whether the distribution made one's package; nil is not made yet
}

// Reads tells whether a file is one of those that Read wants.
func (f *Files) Reads(name string) bool {
	m := DatabaseOf(name)
	return m == Dpkg || m == Apk || listOf(name) != ""
}

// Read takes in one of the files that Reads names, in any order.
func (f *Files) Read(name string, r io.Reader) error {
	if f.installed == nil {
		f.installed, f.files = map[string]bool{"": true}, map[string][]string{}
	}
	f.owned = nil
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	var err error
	switch owner := listOf(name); {
	case owner != "":
		err = f.list(lines, owner)
	case DatabaseOf(name) == Apk:
		err = f.apk(lines)
	default:
		f.dpkg(lines, name)
	}
	if err = errors.Join(err, lines.Err()); err != nil {
		return fmt.Errorf("reading %.200q: %w", name, err)
	}
	return nil
}

// Owns tells whether a file belongs to an installed package; its path is absolute
// and clean. All files must have been read that Reads names.
func (f *Files) Owns(name string) bool {
	f.resolve()
	_, ok := f.owned[comparable(name)]
	return ok
}

// Distributes tells whether a file belongs to an installed package that the
// distribution made itself. Others made packages for dpkg too, which bring packages of
// languages with them, and no distribution has advisories of those.
func (f *Files) Distributes(name string) bool {
	f.resolve()
	return f.owned[comparable(name)]
}

func (f *Files) resolve() {
	if f.owned != nil {
		return
	}
	f.owned = map[string]bool{}
	for owner, files := range f.files {
		distributed, installed := f.installed[owner]
		for _, file := range files {
			if installed {
				f.owned[comparable(file)] = f.owned[comparable(file)] || distributed
			}
		}
	}
}

// list reads a list of dpkg's (dpkg-query(1)), or the sums of a package's files
// (deb-md5sums(5)), which are relative to the root.
func (f *Files) list(lines *bufio.Scanner, owner string) error {
	for lines.Scan() {
		file := lines.Text()
		if strings.HasPrefix(owner, dpkgFolder) {
			_, file, _ = strings.Cut(file, "  ")
		}
		if file == "" {
			continue
		}
		if err := f.add(owner, path.Join("/", file)); err != nil {
			return err
		}
	}
	return nil
}

func (f *Files) add(owner string, files ...string) error {
	f.files[owner] = append(f.files[owner], files...)
	if f.n += len(files); f.n > maxFiles {
		return fmt.Errorf("the packages of the image have more than %d files", maxFiles)
	}
	return nil
}

// dpkg reads paragraphs of packages (deb-status-file(5)). One that is not said to be
// in any state is installed, which is so in a folder of them.
func (f *Files) dpkg(lines *bufio.Scanner, name string) {
	p := map[string]string{}
	end := func() {
		defer clear(p)
		status, said := p["Status"]
		if p["Package"] == "" || p["Version"] == "" || said && !isInstalled(status) || !said && name == dpkgStatus {
			return
		}
		distributed := ofDistribution.MatchString(p["Maintainer"])
		if name != dpkgStatus {
			f.installed[inFolder(path.Base(name))] = distributed
			return
		}
		f.installed[p["Package"]] = distributed
		f.installed[p["Package"]+":"+p["Architecture"]] = distributed
	}
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			end()
			continue
		}
		switch key, value, _ := strings.Cut(lines.Text(), ":"); key {
		case "Package", "Version", "Architecture", "Status", "Maintainer":
			p[key] = strings.TrimSpace(value)
		}
	}
	end()
}

// ofDistribution are maintainers of Debian's own packages, and of Ubuntu's. Some of
// Debian's have an address elsewhere, hardly any of those of languages' packages.
var ofDistribution = regexp.MustCompile(`@(?:[a-z0-9.-]+\.)?(?:debian\.org|debian\.net|ubuntu\.com|canonical\.com)>?$`)

// isInstalled: what is wanted, whether anything failed, and the state; what is on hold
// is kept as it is.
func isInstalled(status string) bool {
	return status == "install ok installed" || status == "hold ok installed"
}

// apk reads paragraphs of packages with their folders and files (apk-package(5)). A
// paragraph without a package has none.
func (f *Files) apk(lines *bufio.Scanner) error {
	var name, version, folder string
	var files []string
	end := func() error {
		defer func() { name, version, folder, files = "", "", "", nil }()
		if name == "" || version == "" {
			return nil
		}
		return f.add("", files...)
	}
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch key {
		case "":
			if err := end(); err != nil {
				return err
			}
		case "P":
			name = value
		case "V":
			version = value
		case "F":
			folder = value
		case "R":
			files = append(files, path.Join("/", folder, value))
		}
		if len(files) > maxFiles {
			return fmt.Errorf("a package of the image has more than %d files", maxFiles)
		}
	}
	return end()
}

// merged are the folders that are links into /usr on most systems, so that lists may
// name a file either way.
var merged = regexp.MustCompile(`^/usr(/(?:bin|sbin|lib[a-z0-9]*)/)`)

func comparable(name string) string { return merged.ReplaceAllString(name, "$1") }
