package trivy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"
)

// locked is what a lock file says of a provider.
type locked struct {
	source  string // "registry.terraform.io/hashicorp/null"
	version string
	hashes  []string // "h1:…" of a folder's files, "zh:…" of an archive
}

// maxLocked bounds how many providers a lock file may name.
const maxLocked = 1000

// The lines of a lock file, as Terraform writes it ("Dependency Lock File"), and
// what a provider and its version may be called where it becomes a path.
var (
	lockBlock   = regexp.MustCompile(`^provider "((?:[0-9A-Za-z][0-9A-Za-z._:-]*/){2}[0-9A-Za-z][0-9A-Za-z_-]*)" \{$`)
	lockSetting = regexp.MustCompile(`^(version|constraints)\s*= "([^"]*)"$`)
	lockHash    = regexp.MustCompile(`^"((?:h1|zh):[0-9A-Za-z+/=]+)",?$`)
	lockVersion = regexp.MustCompile(`^[0-9][0-9A-Za-z.+-]*$`)
)

// parseLock reads a lock file. What Terraform would not have written is an error.
func parseLock(text []byte) (all []locked, err error) {
	where, n := "", 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		block, setting, hash := lockBlock.FindStringSubmatch(line), lockSetting.FindStringSubmatch(line), lockHash.FindStringSubmatch(line)
		last := max(0, len(all)-1)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case where == "" && block != nil && len(all) < maxLocked:
			all, where = append(all, locked{source: block[1]}), "provider"
		case where == "provider" && setting != nil && setting[1] == "constraints":
		case where == "provider" && setting != nil && lockVersion.MatchString(setting[2]) && all[last].version == "":
			all[last].version = setting[2]
		case where == "provider" && line == "hashes = [":
			where = "hashes"
		case where == "hashes" && hash != nil:
			all[last].hashes = append(all[last].hashes, hash[1])
		case where == "hashes" && line == "]":
			where = "provider"
		case where == "provider" && line == "}" && all[last].version != "":
			where = ""
		default:
			return nil, fmt.Errorf("line %d is none that Terraform writes", n)
		}
	}
	if where != "" {
		return nil, errors.New("it breaks off")
	}
	return all, nil
}

func (l locked) String() string { return l.source + " " + l.version }

// platform is this machine's, as Terraform names it.
const platform = runtime.GOOS + "_" + runtime.GOARCH

// layouts are where a folder of providers has a package, in either of the two
// layouts that Terraform knows ("CLI Configuration", filesystem_mirror).
func (l locked) layouts() []string {
	return []string{
		path.Join(l.source, l.version, platform),
		path.Join(l.source, fmt.Sprintf("terraform-provider-%s_%s_%s.zip", path.Base(l.source), l.version, platform)),
	}
}

// What there is of a provider.
var (
	errNoPackage = errors.New("is not on this machine")
	errNotLocked = errors.New("is on this machine with none of the locked checksums")
)

// mirror links the package of a provider that has a locked checksum into a
// folder that Terraform is given in place of any registry.
func (l locked) mirror(places []string, dir string) error {
	missing := errNoPackage
	for _, place := range places {
		for _, name := range l.layouts() {
			at, err := filepath.EvalSymlinks(filepath.Join(place, filepath.FromSlash(name)))
			if err != nil {
				continue
			}
			ok, err := l.matches(at)
			if err != nil {
				return err
			}
			if !ok {
				missing = errNotLocked
				continue
			}
			link := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
				return err
			}
			return os.Symlink(at, link)
		}
	}
	return missing
}

// maxProvider bounds a provider's package, bytes.
const maxProvider = 4 << 30

// matches tells whether a package has a checksum that is locked, of its files
// ("h1:"): an archive's own ("zh:") is none by which Terraform would start it. It
// looks once more itself, when it installs a package and when it starts it.
func (l locked) matches(at string) (bool, error) {
	var size int64
	err := filepath.WalkDir(at, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if size += info.Size(); size > maxProvider || !info.IsDir() && !info.Mode().IsRegular() {
			return fmt.Errorf("%s has more than %d bytes, or is no file", at, maxProvider)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	var hash string
	if strings.HasSuffix(at, ".zip") {
		hash, err = dirhash.HashZip(at, dirhash.Hash1)
	} else {
		hash, err = dirhash.HashDir(at, "", dirhash.Hash1)
	}
	return slices.Contains(l.hashes, hash), err
}

// providerFolders are where Terraform's users have providers: the folders that
// Terraform itself searches ("Implied Local Mirror Directories"), and those that
// the settings file and the environment name.
func providerFolders(home string, getenv func(string) string) []string {
	all := []string{getenv("TF_PLUGIN_CACHE_DIR")}
	settings := getenv("TF_CLI_CONFIG_FILE")
	if settings == "" {
		settings = filepath.Join(home, ".terraformrc")
	}
	all = append(all, foldersIn(settings, getenv)...)
	all = append(all, filepath.Join(home, ".terraform.d", "plugins"))
	data := getenv("XDG_DATA_HOME")
	if data == "" {
		data = filepath.Join(home, ".local", "share")
	}
	dirs := getenv("XDG_DATA_DIRS")
	if dirs == "" {
		dirs = "/usr/local/share:/usr/share"
	}
	for _, dir := range append([]string{data}, filepath.SplitList(dirs)...) {
		all = append(all, filepath.Join(dir, "terraform", "plugins"))
	}
	return slices.DeleteFunc(all, func(dir string) bool { return !filepath.IsAbs(dir) })
}

// folderSetting is a setting of Terraform's CLI configuration that names a
// folder of providers: the cache, or that of a filesystem_mirror.
var folderSetting = regexp.MustCompile(`(?m)^\s*(?:plugin_cache_dir|path)\s*=\s*"([^"\n]*)"`)

// maxSettings bounds the settings file, bytes.
const maxSettings = 1 << 20

func foldersIn(settings string, getenv func(string) string) (all []string) {
	f, err := os.Open(settings)
	if err != nil {
		return nil // most have none
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSettings))
	if err != nil {
		return nil
	}
	for _, m := range folderSetting.FindAllSubmatch(text, -1) {
		all = append(all, os.Expand(string(m[1]), getenv))
	}
	return all
}

// packages are what a worker must be shown of folders of providers, and a digest
// of all packages for this platform that there are. Nothing else of a folder is
// shown: it may have more in it.
func packages(folders []string) (read []string, digest string) {
	var facts bytes.Buffer
	for _, dir := range folders {
		for _, layout := range []string{"*/*/*/*/" + platform, "*/*/*/terraform-provider-*_" + platform + ".zip"} {
			found, _ := fs.Glob(os.DirFS(dir), layout) // of a pattern that is well formed; what cannot be read is not there
			for _, name := range found {
				at := filepath.Join(dir, filepath.FromSlash(name))
				read = append(read, filepath.Join(dir, filepath.FromSlash(strings.Join(strings.Split(name, "/")[:3], "/"))))
				if real, err := filepath.EvalSymlinks(at); err == nil && real != at {
					read = append(read, real)
				}
				files, _ := fs.Glob(os.DirFS(at), "*")
				for _, file := range append(files, "") {
					fmt.Fprintln(&facts, fileState(filepath.Join(at, file)))
				}
			}
		}
	}
	slices.Sort(read)
	sum := sha256.Sum256(facts.Bytes())
	return slices.Compact(read), hex.EncodeToString(sum[:])
}
