package tool

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestCarriedLock: what this program carries is held to the rules, and Trivy is
// built from what it says.
func TestCarriedLock(t *testing.T) {
	t.Parallel()
	lock, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"trivy", "flake8", "bandit", "pytest"} {
		if e, err := lock.entry(name); err != nil || e.Name != name || e.Version == "" || e.Kind == Python && e.Python == "" {
			t.Errorf("%+v, %v", e, err)
		}
	}
	e, err := lock.entry("trivy")
	if err != nil {
		t.Fatal(err)
	}
	text, err := carried.ReadFile("lock/trivy.mod")
	if err != nil || !strings.Contains(string(text), "\nrequire github.com/aquasecurity/trivy v"+e.Version+"\n") {
		t.Errorf("trivy.mod does not require v%s (%v)", e.Version, err)
	}
	for platform, a := range e.Archives {
		if !strings.Contains(a.URL, "/v"+e.Version+"/trivy_"+e.Version+"_") {
			t.Errorf("%s is of another version: %s", platform, a.URL)
		}
	}
}

func TestLocksThatAreRefused(t *testing.T) {
	t.Parallel()
	const sum = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	python := func(version string) string {
		return `{"name":"a","kind":"python","version":"` + version + `","module":"a","least":"1","below":"2"}`
	}
	trivy := func(version, archives string) string {
		return `{"name":"trivy","kind":"go","version":"` + version + `","package":"p"` + archives + `}`
	}
	for name, tt := range map[string]struct{ entry, requirements string }{
		"good":                         {python("1.2"), "a==1.2 --hash=sha256:" + sum + "\nb==3 --hash=sha256:" + sum + " --hash=sha256:" + sum + "\n"},
		"good, of Go":                  {trivy("0.69.7", `,"archives":{"linux/amd64":{"url":"https://example.com","sha256":"`+sum+`"}}`), ""},
		"no hash":                      {python("1.2"), "a==1.2\n"},
		"a range":                      {python("1.2"), "a>=1.2 --hash=sha256:" + sum + "\n"},
		"an address":                   {python("1.2"), "a @ https://example.com/a.whl --hash=sha256:" + sum + "\n"},
		"an option":                    {python("1.2"), "--index-url https://example.com\na==1.2 --hash=sha256:" + sum + "\n"},
		"another version":              {python("1.2"), "a==1.3 --hash=sha256:" + sum + "\n"},
		"nothing required":             {python("1.2"), ""},
		"a version beyond its range":   {python("2.0"), "a==2.0 --hash=sha256:" + sum + "\n"},
		"no range":                     {`{"name":"a","kind":"python","module":"a"}`, ""},
		"a name with a path":           {`{"name":"../a","kind":"python","module":"a","least":"1","below":"2"}`, ""},
		"no version":                   {python("latest"), "a==1.2 --hash=sha256:" + sum + "\n"},
		"no kind":                      {`{"name":"a","kind":"shell"}`, ""},
		"an unknown key":               {`{"name":"a","kind":"python","module":"a","least":"1","below":"2","run":"x"}`, ""},
		"malicious":                    {trivy("0.69.4", ""), ""},
		"malicious, in between":        {trivy("0.69.5", ""), ""},
		"malicious, the last":          {trivy("0.69.6", ""), ""},
		"an archive without a sum":     {trivy("0.70.0", `,"archives":{"linux/amd64":{"url":"https://example.com"}}`), ""},
		"an archive without TLS":       {trivy("0.70.0", `,"archives":{"linux/amd64":{"url":"http://example.com","sha256":"`+sum+`"}}`), ""},
		"Go without a version":         {trivy("", ""), ""},
		"a Go tool without a package":  {`{"name":"trivy","kind":"go","version":"0.70.0"}`, ""},
		"a Python tool without module": {`{"name":"a","kind":"python","least":"1","below":"2"}`, ""},
	} {
		_, err := readLock(fstest.MapFS{
			"tools.json": {Data: []byte(`{"tools":[` + tt.entry + `]}`)},
			"a.txt":      {Data: []byte(tt.requirements)},
			"trivy.mod":  {}, "trivy.sum": {},
		})
		if good := strings.HasPrefix(name, "good"); good != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, files := range []fstest.MapFS{{}, {"tools.json": {Data: []byte("tools")}}, {"tools.json": {Data: []byte(`{"tools":[` + python("1.2") + `]}`)}}} {
		if _, err := readLock(files); err == nil {
			t.Errorf("%v was read", files)
		}
	}
}
