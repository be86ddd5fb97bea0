package config

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// checkFolders checks what the file names outside itself.
func (f *File) checkFolders(root string) Errors {
	var errs Errors
	if f.Path != "" {
		if message := folderIn(root, f.Path); message != "" {
			errs = append(errs, f.fault("path", `"path" %s`, message))
		}
	}
	if f.VulnDB != "" {
		if message := f.checkVulnDB(root); message != "" {
			errs = append(errs, f.fault("vulndb", `"vulndb" %s`, message))
		}
	}
	if source := trivyDB(root, f.TrivyDB); filepath.IsAbs(source) {
		if message := absent(source); message != "" {
			errs = append(errs, f.fault("trivydb", `"trivydb" %s`, message))
		}
	}
	return errs
}

// folderIn says what is wrong with a relative path as a folder in root; links
// that lead out of it are followed and refused.
func folderIn(root, path string) string {
	full := filepath.Join(root, filepath.FromSlash(path))
	info, err := os.Stat(full)
	switch {
	case os.IsNotExist(err):
		return "names the folder " + quote(path) + ", which does not exist"
	case err != nil:
		return "cannot be read: " + err.Error()
	case !info.IsDir():
		return "must be a folder, and " + quote(path) + " is a file"
	}
	if !inside(root, full) {
		return "leads out of the repository by a symbolic link: " + quote(path)
	}
	return ""
}

// inside tells whether a path that exists is in or at root once links are resolved.
func inside(root, path string) bool {
	realRoot, err := filepath.EvalSymlinks(root)
	if err != nil {
		return false
	}
	realPath, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(realRoot, realPath)
	return err == nil && filepath.IsLocal(rel)
}

// checkVulnDB says what is wrong with the source of vulnerability data.
func (f *File) checkVulnDB(root string) string {
	if !strings.Contains(f.VulnDB, "://") {
		return absent(vulnDB(root, f.VulnDB))
	}
	u, err := url.Parse(f.VulnDB)
	switch {
	case err != nil:
		return "is no URL: " + quote(f.VulnDB)
	case u.User != nil:
		return "must not contain a user name or password"
	case u.Scheme == "https" && u.Host != "":
		return ""
	case u.Scheme == "http" && loopback(u.Hostname()):
		return ""
	case u.Scheme == "file" && u.Host == "" && filepath.IsAbs(u.Path):
		return absent(u.Path)
	}
	return "must be an https URL, a file URL with an absolute path, or a folder, not " + quote(f.VulnDB)
}

// loopback tells whether a host is this machine, where http is as good as https.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func absent(folder string) string {
	info, err := os.Stat(folder)
	switch {
	case os.IsNotExist(err):
		return "names the folder " + quote(folder) + ", which does not exist"
	case err != nil:
		return "cannot be read: " + err.Error()
	case !info.IsDir():
		return "must be a URL or a folder, and " + quote(folder) + " is a file"
	}
	return ""
}

// vulnDB is the source of vulnerability data with its folder made absolute.
func vulnDB(root, source string) string {
	if source == "" || strings.Contains(source, "://") || filepath.IsAbs(source) {
		return source
	}
	return filepath.Join(root, filepath.FromSlash(source))
}

// trivyDB is the source of Trivy's database, a folder made absolute. An OCI
// reference is what looks like no path, since it may have slashes too.
func trivyDB(root, source string) string {
	if !strings.HasPrefix(source, "./") && !strings.HasPrefix(source, "../") {
		return source
	}
	return filepath.Join(root, filepath.FromSlash(source))
}
