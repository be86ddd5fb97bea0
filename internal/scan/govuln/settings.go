package govuln

import (
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// The rules about how an image is set up.
const (
	ruleRoot   = "image-root"
	ruleSetuid = "image-setuid"
	ruleSecret = "image-env-secret"
	ruleWrite  = "image-world-writable"
	ruleAlien  = "image-unpackaged"
)

// imageTool is who makes the findings about how an image is set up.
const imageTool = "sluice"

// settingRules explain them. CWE: cwe.mitre.org.
var settingRules = map[string]sarif.Rule{
	ruleRoot: {
		ID: ruleRoot, Tool: imageTool, Name: "The image runs as root", CWE: []int{250},
		Why: "Whoever takes over the service is root in its container, and one step from the machine.",
		Fix: "set a user that is not root, by number: 65532:65532",
	},
	ruleSetuid: {
		ID: ruleSetuid, Tool: imageTool, Name: "A file gives rights to whoever executes it", CWE: []int{250},
		Why: "Set-uid and set-gid bits and file capabilities are a way from the service's user to more rights.",
		Fix: "remove the file, or its set-uid and set-gid bits and its capabilities",
	},
	ruleSecret: {
		ID: ruleSecret, Tool: imageTool, Name: "A credential in the image's environment", CWE: []int{526, 798},
		Why: "Whoever can pull the image can read its environment.",
		Fix: "take the variable out of the image, change the credential, and hand it over at deployment",
	},
	ruleWrite: {
		ID: ruleWrite, Tool: imageTool, Name: "A file that everybody may change", CWE: []int{732},
		Why: "Whoever takes over the service can change what it runs or reads.",
		Fix: "take the write permission for others away",
	},
	ruleAlien: {
		ID: ruleAlien, Tool: imageTool, Name: "Programs that no package accounts for", CWE: []int{1395},
		Why: "Vulnerabilities are looked up by packages. Of a program that was copied or compiled into the image nobody knows which it has.",
		Fix: "install it as a package, or follow its releases by yourself and let the finding be with a reason",
	},
}

// maxPerRule is how many findings of one rule are reported; the rest is counted.
const maxPerRule = 100

func setting(rule string, severity sarif.Severity, path, message string) sarif.Finding {
	return sarif.Finding{
		Rule: rule, Tool: imageTool, Stage: ImageName, Severity: severity,
		Message:  message,
		Location: sarif.Location{Path: "image:" + path},
		CWE:      settingRules[rule].CWE,
	}
}

// userFinding is about the user that the image runs as. The name of a user
// that the image does not know could be anybody's.
func userFinding(user string, passwd []byte) []sarif.Finding {
	name, _, _ := strings.Cut(user, ":")
	uid, known := lookUp(name, passwd)
	message := ""
	switch {
	case name == "":
		message = "the image sets no user, and so runs as root"
	case known && uid == 0:
		message = fmt.Sprintf("the image runs as %q, which is root", clean(user, 80))
	case !known:
		message = fmt.Sprintf("the image runs as %q, which is not in its /etc/passwd: nobody can tell whether that is root", clean(user, 80))
	default:
		return nil
	}
	f := setting(ruleRoot, sarif.High, "/", message)
	f.Identity = "user"
	return []sarif.Finding{f}
}

// lookUp finds a user's number as a container runtime does: the name goes
// before the number (image-spec, config.md, "User").
func lookUp(name string, passwd []byte) (uid int, known bool) {
	for line := range bytes.Lines(passwd) {
		fields := strings.Split(strings.TrimSpace(string(line)), ":")
		if len(fields) > 2 && fields[0] == name {
			uid, err := strconv.Atoi(fields[2])
			return uid, err == nil
		}
	}
	uid, err := strconv.Atoi(name)
	return uid, err == nil
}

// credential is what the names of variables with credentials look like. The
// name of a file that holds one is none.
var credential = regexp.MustCompile(`(?i)(^|_)(pass|passwd|password|passphrase|secret|token|credentials?|apikey|api_key|private_key|access_key|secret_key|auth_key|signing_key|encryption_key)(_|$)`)

// secretFindings are about variables by their names; values are not looked at,
// but for being there.
func secretFindings(env []string) []sarif.Finding {
	var findings []sarif.Finding
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		if value == "" || !credential.MatchString(name) || strings.HasSuffix(strings.ToUpper(name), "_FILE") {
			continue
		}
		name = clean(name, 80)
		f := setting(ruleSecret, sarif.High, "/", fmt.Sprintf("the image sets %s, whose name is that of a credential", name))
		f.Identity = name
		findings = append(findings, f)
	}
	return findings
}

// modeFindings collects what the modes of files give away.
type modeFindings struct {
	findings []sarif.Finding
	counts   map[string]int
}

func (m *modeFindings) visit(e image.Entry) {
	path := clean(e.Path, 500)
	if what := gives(e); what != "" {
		m.add(setting(ruleSetuid, sarif.High, path, path+" is "+what))
	}
	if e.Mode.Perm()&0o002 != 0 && e.Mode&fs.ModeSymlink == 0 && !shared(e) {
		m.add(setting(ruleWrite, sarif.Low, path, path+" can be changed by everybody"))
	}
}

// gives says how a file gives rights to who executes it. On a folder the bits
// mean another thing.
func gives(e image.Entry) string {
	var how []string
	if e.Mode.IsRegular() && e.Mode&fs.ModeSetuid != 0 {
		how = append(how, "set-uid")
	}
	if e.Mode.IsRegular() && e.Mode&fs.ModeSetgid != 0 {
		how = append(how, "set-gid")
	}
	if e.Capabilities {
		how = append(how, "given Linux capabilities")
	}
	return strings.Join(how, " and ")
}

// shared are the places for temporary files, and folders in which nobody can
// change what is another's.
func shared(e image.Entry) bool {
	under := func(dir string) bool { return e.Path == dir || strings.HasPrefix(e.Path, dir+"/") }
	return e.Mode.IsDir() && e.Mode&fs.ModeSticky != 0 || slices.ContainsFunc([]string{"/tmp", "/var/tmp", "/dev"}, under)
}

func (m *modeFindings) add(f sarif.Finding) {
	if m.counts == nil {
		m.counts = map[string]int{}
	}
	f.Identity = f.Location.Path
	if m.counts[f.Rule]++; m.counts[f.Rule] <= maxPerRule {
		m.findings = append(m.findings, f)
	}
}

// notes count what was left out.
func (m *modeFindings) notes() []string {
	var notes []string
	for _, rule := range []string{ruleSetuid, ruleWrite} {
		if over := m.counts[rule] - maxPerRule; over > 0 {
			notes = append(notes, fmt.Sprintf("%d more findings of %s are not shown", over, rule))
		}
	}
	return notes
}
