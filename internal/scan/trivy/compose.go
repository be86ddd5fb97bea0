package trivy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// Trivy has no rules for Compose files; these are Sluice's own. The terms are
// those of the Compose specification, https://compose-spec.io.

// composeRules are by ID, with the severity of their findings.
func composeRules() map[string]struct {
	sarif.Rule
	severity sarif.Severity
} {
	type rule = struct {
		sarif.Rule
		severity sarif.Severity
	}
	all := map[string]rule{}
	add := func(id string, severity sarif.Severity, name, why, fix string) {
		all[id] = rule{sarif.Rule{ID: id, Tool: composeTool, Name: name, Why: why, Fix: fix, URI: "https://github.com/compose-spec/compose-spec/blob/main/05-services.md"}, severity}
	}
	add("compose-privileged", sarif.Critical, "Privileged container",
		"A privileged container has every capability and every device of the machine: who takes it over has the machine.",
		"Take privileged away, and add the one capability or device that is needed.")
	add("compose-engine-socket", sarif.Critical, "The container engine's socket in a container",
		"Who can write to the engine's socket can start a privileged container, and so has the machine.",
		"Do not mount the socket; where metrics are needed, use a proxy that lets reading only through.")
	add("compose-host-path", sarif.High, "A folder of the machine's own system in a container",
		"With the machine's root, its configuration or its devices in reach, what runs in the container can change the machine.",
		"Mount the one file or folder that is needed, read-only, or use a named volume.")
	add("compose-host-namespace", sarif.High, "The machine's namespace in a container",
		"In the machine's process, IPC or user namespace a container sees, and may signal, what runs beside it.",
		"Take the setting away.")
	add("compose-host-network", sarif.Medium, "The machine's network in a container",
		"In the machine's network a container reaches every service that listens on loopback only, and takes any port.",
		"Use a network of the file's own, and publish the ports that are needed.")
	add("compose-capability", sarif.High, "A capability with which a container can be left",
		"With this capability a process can load kernel modules, trace other processes, or read any file.",
		"Take it out of cap_add.")
	add("compose-unconfined", sarif.High, "Confinement switched off",
		"The engine's seccomp and AppArmor profiles keep a container from system calls that it never needs and attacks do.",
		"Take the setting out of security_opt.")
	add("compose-root", sarif.Medium, "Root in a container",
		"What runs as root has one wall less between it and the machine.",
		"Name another user, and have the image own what it writes.")
	add("compose-mutable-image", sarif.Medium, "An image that may be another one tomorrow",
		"Without a version, or with latest, what is started is whatever the registry has that day.",
		"Name a version, best with its digest: image: name:1.2.3@sha256:…")
	add("compose-new-privileges", sarif.Low, "Programs may gain privileges",
		"Without no-new-privileges a set-uid program in the image turns an ordinary user into root.",
		"Write security_opt: [no-new-privileges:true].")
	return all
}

// service is as much of a service as the rules read.
type service struct {
	name string
	line int

	Image       string         `yaml:"image"`
	Build       yaml.Node      `yaml:"build"`
	Privileged  any            `yaml:"privileged"`
	User        any            `yaml:"user"`
	NetworkMode string         `yaml:"network_mode"`
	PID         string         `yaml:"pid"`
	IPC         string         `yaml:"ipc"`
	UserNS      string         `yaml:"userns_mode"`
	CapAdd      []string       `yaml:"cap_add"`
	SecurityOpt []string       `yaml:"security_opt"`
	Volumes     []composeMount `yaml:"volumes"`

	lines map[string]int // of its fields
}

// composeMount is what is mounted where, in either syntax.
type composeMount struct{ Source string }

// UnmarshalYAML reads "source:target:mode" or an object.
func (m *composeMount) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		source, _, bound := strings.Cut(n.Value, ":")
		if bound {
			m.Source = source
		}
		return nil
	}
	var long struct{ Type, Source string }
	err := n.Decode(&long)
	m.Source = long.Source
	return err
}

// services reads those of a Compose file.
func services(text []byte) (all []service, err error) {
	for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		var file struct{ Services map[string]yaml.Node }
		if err := doc.Decode(&file); err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(file.Services)) {
			n := file.Services[name]
			s := service{name: name, line: n.Line, lines: map[string]int{}}
			if err := n.Decode(&s); err != nil {
				return nil, fmt.Errorf("service %q: %w", name, err)
			}
			for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
				s.lines[n.Content[i].Value] = n.Content[i].Line
			}
			all = append(all, s)
		}
	}
}

// composeFindings are those of one file.
func composeFindings(text []byte, at string) (all []sarif.Finding, err error) {
	list, err := services(text)
	if err != nil {
		return nil, err
	}
	rules := composeRules()
	for _, s := range list {
		s.judge(func(rule, field, format string, args ...any) {
			message := clean("service "+s.name+": "+fmt.Sprintf(format, args...), maxMessage)
			line, ok := s.lines[field]
			if !ok {
				line = s.line
			}
			all = append(all, sarif.Finding{
				Rule: rule, Tool: composeTool, Stage: IaCName, Severity: rules[rule].severity, Message: message,
				Location: sarif.Location{Path: at, Line: line}, Identity: at + " " + message,
			})
		})
	}
	return all, nil
}

// systemPaths are folders of a machine's own, and engineSockets what a container
// engine is spoken to by.
func systemPaths() []string {
	return []string{"/", "/boot", "/dev", "/etc", "/lib", "/proc", "/root", "/run", "/sys", "/usr", "/var", "/var/run", "/var/lib", "/var/lib/docker"}
}

func engineSockets() []string {
	return []string{"docker.sock", "containerd.sock", "podman.sock", "crio.sock"}
}

// strongCapabilities are those with which a container can be left.
func strongCapabilities() []string {
	return []string{"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_BOOT", "DAC_READ_SEARCH", "BPF", "NET_ADMIN", "MAC_ADMIN"}
}

// judge holds a service to the rules. What a variable decides may be anything.
func (s service) judge(found func(rule, field, format string, args ...any)) {
	if p := s.Privileged; p != nil && p != false && p != "false" {
		found("compose-privileged", "privileged", "it is privileged")
	}
	for field, mode := range map[string]string{"pid": s.PID, "ipc": s.IPC, "userns_mode": s.UserNS} {
		if mode == "host" {
			found("compose-host-namespace", field, "%s is the machine's", field)
		}
	}
	if s.NetworkMode == "host" {
		found("compose-host-network", "network_mode", "its network is the machine's")
	}
	if user := strings.SplitN(fmt.Sprint(s.User), ":", 2)[0]; user == "root" || user == "0" {
		found("compose-root", "user", "it runs as root")
	}
	s.judgeLists(found)
	if name := path.Base(s.Image); s.Image != "" && s.Build.IsZero() && !strings.Contains(s.Image, "@sha256:") && !strings.Contains(s.Image, "$") &&
		(!strings.Contains(name, ":") || strings.HasSuffix(name, ":latest")) {
		found("compose-mutable-image", "image", "the image %s has no version", s.Image)
	}
}

func (s service) judgeLists(found func(rule, field, format string, args ...any)) {
	for _, m := range s.Volumes {
		source := path.Clean(m.Source)
		switch {
		case slices.ContainsFunc(engineSockets(), func(name string) bool { return path.Base(source) == name }):
			found("compose-engine-socket", "volumes", "%s is mounted", m.Source)
		case m.Source != "" && slices.Contains(systemPaths(), source):
			found("compose-host-path", "volumes", "%s of the machine is mounted", m.Source)
		}
	}
	for _, c := range s.CapAdd {
		if name := strings.TrimPrefix(strings.ToUpper(c), "CAP_"); slices.Contains(strongCapabilities(), name) {
			found("compose-capability", "cap_add", "it has the capability %s", name)
		}
	}
	gains := true
	for _, o := range s.SecurityOpt {
		key, value, _ := strings.Cut(strings.Replace(o, "=", ":", 1), ":")
		gains = gains && (key != "no-new-privileges" || value == "false")
		if value == "unconfined" || o == "label:disable" || o == "label=disable" {
			found("compose-unconfined", "security_opt", "%s", o)
		}
	}
	if gains {
		found("compose-new-privileges", "security_opt", "it does not refuse new privileges")
	}
}
