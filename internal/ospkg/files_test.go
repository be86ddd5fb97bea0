package ospkg

import (
	"strings"
	"testing"
)

const (
	status  = "/var/lib/dpkg/status"
	debian  = "Maintainer: A team <team@tracker.debian.org>\n"
	present = debian + "Status: install ok installed\nVersion: 1\nArchitecture: amd64\n"
)

func TestOwns(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		files        map[string]string
		owned, alien string // separated by spaces
	}{
		"dpkg": {map[string]string{
			status:                               "Package: a\n" + present + "Description: x\n Package: planted\n\nPackage: lib\n" + present,
			"/var/lib/dpkg/info/a.list":          "/.\n/bin\n/bin/a\n/usr/app\n",
			"/var/lib/dpkg/info/lib:amd64.list":  "/usr/lib/x.so\n",
			"/var/lib/dpkg/info/lib:i386.list":   "/usr/lib/i386.so\n",
			"/var/lib/dpkg/info/planted.list":    "/bin/a\n/opt/planted\n",
			"/var/lib/dpkg/info/planted.md5sums": "00  opt/planted\n",
		}, "/bin/a /usr/bin/a /lib/x.so", "/opt/planted /usr/lib/i386.so /app"},
		"dpkg, states": {map[string]string{
			status: "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n" + debian + "\nPackage: half\nStatus: install ok unpacked\nVersion: 1\n" + debian + "\nPackage: held\nStatus: hold ok installed\nVersion: 1\n" + debian +
				"\nPackage: said\nVersion: 1\n" + debian + "\nPackage: bare\nStatus: install ok installed\n" + debian,
			"/var/lib/dpkg/info/gone.list":    "/gone\n",
			"/var/lib/dpkg/info/half.list":    "/half\n",
			"/var/lib/dpkg/info/held.list":    "/held\n",
			"/var/lib/dpkg/info/said.list":    "/said\n",
			"/var/lib/dpkg/info/bare.list":    "/bare\n",
			"/var/lib/dpkg/info/x/other.list": "/other\n",
		}, "/held", "/gone /half /said /bare /other"},
		"lists without a status": {map[string]string{"/var/lib/dpkg/info/a.list": "/bin/a\n"}, "", "/bin/a"},
		"distroless": {map[string]string{
			"/var/lib/dpkg/status.d/base":            "Package: base-files\nVersion: 1\n" + debian,
			"/var/lib/dpkg/status.d/base.md5sums":    "00  etc/x\n00  usr/lib/os-release\n",
			"/var/lib/dpkg/status.d/planted.md5sums": "00  opt/planted\n",
			"/var/lib/dpkg/status.d/empty":           "Package: empty\n" + debian,
			"/var/lib/dpkg/status.d/empty.md5sums":   "00  opt/empty\n",
			"/var/lib/dpkg/info/base.list":           "/opt/list\n",
		}, "/etc/x /lib/os-release", "/opt/planted /opt/empty /opt/list"},
		"apk":  {map[string]string{"/lib/apk/db/installed": "F:opt\nR:planted\n\nP:a\nV:1\nF:bin\nR:a\nF:usr/lib\nR:x.so\n\nP:b\nF:opt\nR:b\n"}, "/bin/a /lib/x.so", "/opt/planted /opt/b /bin"},
		"none": {nil, "", "/bin/a"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f Files
			for file, text := range tt.files {
				if !f.Reads(file) {
					if file != "/var/lib/dpkg/info/planted.md5sums" && file != "/var/lib/dpkg/info/x/other.list" {
						t.Errorf("it does not want %s", file)
					}
					continue
				}
				if err := f.Read(file, strings.NewReader(text)); err != nil {
					t.Fatal(err)
				}
			}
			for _, file := range strings.Fields(tt.owned) {
				if !f.Owns(file) {
					t.Errorf("%s is nobody's", file)
				}
				if f.Distributes(file) != (name != "of others" || file == "/ubuntu") {
					t.Errorf("%s is the distribution's: %v", file, f.Distributes(file))
				}
			}
			for _, file := range strings.Fields(tt.alien) {
				if f.Owns(file) || f.Distributes(file) {
					t.Errorf("%s is a package's", file)
				}
			}
		})
	}
}

func TestDatabaseOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Manager{
		status: Dpkg, "/var/lib/dpkg/status.d/base": Dpkg, "/var/lib/dpkg/status.d/base.md5sums": None, "/var/lib/dpkg/status-old": None, "/opt/var/lib/dpkg/status": None,
		"/lib/apk/db/installed": Apk, "/usr/lib/apk/db/installed": Apk, "/lib/apk/db/scripts.tar": None,
		"/var/lib/rpm/Packages": RPM, "/usr/lib/sysimage/rpm/Packages.db": RPM, "/usr/share/rpm/rpmdb.sqlite": RPM, "/var/lib/rpm/rpmdb.sqlite-shm": None,
		"/var/lib/rpmmanifest/container-manifest-2": RPM,
	} {
		if got := DatabaseOf(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("Package: a\n" + present + "\n")
	f.Add("P:a\nV:1\nF:bin\nR:a\n\n")
	f.Add("/bin/a\n00  bin/a\n")
	f.Fuzz(func(t *testing.T, text string) {
		var files Files
		for _, name := range []string{status, "/var/lib/dpkg/status.d/a", "/var/lib/dpkg/info/a.list", "/var/lib/dpkg/status.d/a.md5sums", "/lib/apk/db/installed"} {
			if err := files.Read(name, strings.NewReader(text)); err != nil && len(text) < maxLine {
				t.Errorf("%s: %v", name, err)
			}
		}
		files.Owns("/bin/a")
	})
}
