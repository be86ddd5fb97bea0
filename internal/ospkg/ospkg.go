// Package ospkg reads what the package managers of operating systems note in an
// image: which packages are installed, and which files each has.
package ospkg

import (
	"path"
	"slices"
	"strings"
)

// Manager is a package manager.
type Manager int

// The managers whose notes are known by their places.
const (
	None Manager = iota
	Dpkg
	Apk
	RPM
)

// Where dpkg has its notes: one file, or a folder in images without dpkg itself
// (distroless), in which each package has a file, and another one with the sums
// of its own files.
const (
	dpkgStatus = "/var/lib/dpkg/status"
	dpkgFolder = "/var/lib/dpkg/status.d"
	dpkgInfo   = "/var/lib/dpkg/info"
	sums       = ".md5sums"
)

// DatabaseOf tells which manager's note of the installed packages a file is; its
// path is absolute and clean.
func DatabaseOf(name string) Manager {
	dir, base := path.Split(name)
	dir = path.Clean(dir)
	switch {
	case name == dpkgStatus, dir == dpkgFolder && !strings.HasSuffix(base, sums):
		return Dpkg
	case name == "/lib/apk/db/installed", name == "/usr/lib/apk/db/installed":
		return Apk
	case slices.Contains([]string{"/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"}, dir) &&
		slices.Contains([]string{"Packages", "Packages.db", "rpmdb.sqlite"}, base),
		dir == "/var/lib/rpmmanifest": // of distroless images with packages of RPM
		return RPM
	}
	return None
}

// listOf is the package whose files a file of dpkg's lists, as Files calls it; "" is
// none.
func listOf(name string) string {
	dir, base := path.Split(name)
	switch dir = path.Clean(dir); {
	case dir == dpkgInfo && strings.HasSuffix(base, ".list"):
		return strings.TrimSuffix(base, ".list")
	case dir == dpkgFolder && strings.HasSuffix(base, sums):
		return inFolder(strings.TrimSuffix(base, sums))
	}
	return ""
}

// inFolder is how Files calls a package that has a file of its own; no name of dpkg's
// has a slash.
func inFolder(base string) string { return dpkgFolder + "/" + base }
