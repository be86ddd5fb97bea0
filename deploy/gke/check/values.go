package main

import (
	"fmt"
	"net/netip"
	"regexp"

	corev1 "k8s.io/api/core/v1"
)

// The user's own values. What is left of an example matches none of them.
const (
	imagePattern    = `^[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9][a-z0-9._-]*)+@sha256:[0-9a-f]{64}$`
	projectPattern  = `^([a-z][a-z0-9.-]*:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$`
	instancePattern = `^([a-z][a-z0-9.-]*:)?[a-z][a-z0-9-]{4,28}[a-z0-9]:[a-z]+-[a-z]+[0-9]+:[a-z][a-z0-9-]*$`
	accountPattern  = `^[a-z][a-z0-9-]{4,28}[a-z0-9]@[a-z][a-z0-9.-]+\.iam\.gserviceaccount\.com$`
	versionPattern  = `(?m)^\s*- resourceName: "projects/[a-z0-9.:-]+/secrets/[A-Za-z0-9_-]+/versions/[1-9][0-9]*"$`
)

// values refuses what nobody has filled in, and what cannot be right.
func values(m manifests) (wrong []error) {
	for _, o := range m.objects {
		for _, path := range empty(map[string]any(o), "") {
			wrong = append(wrong, fmt.Errorf("%s: %s is empty: give the overlay's settings.yaml a value for it", o, path))
		}
	}
	for _, d := range m.deployments {
		for _, c := range d.Spec.Template.Spec.Containers {
			wrong = append(wrong,
				match("image of "+c.Name, c.Image, imagePattern, "an image by digest, registry/repository/name@sha256:…"),
				match("GOOGLE_CLOUD_PROJECT", setting(c, "GOOGLE_CLOUD_PROJECT"), projectPattern, "a project's id"),
				match("INSTANCE_CONNECTION_NAME", setting(c, "INSTANCE_CONNECTION_NAME"), instancePattern, "project:region:instance"))
		}
	}
	for _, a := range m.accounts {
		wrong = append(wrong, match("account of "+a.Name, a.Annotations["iam.gke.io/gcp-service-account"], accountPattern, "name@project.iam.gserviceaccount.com"))
	}
	for _, p := range m.providers {
		wrong = append(wrong, match("secrets of "+p.Metadata.Name, p.Spec.Parameters.Secrets, versionPattern, "a numbered version, projects/…/secrets/…/versions/1: of another nobody knows which one runs"))
	}
	return append(wrong, ranges(m)...)
}

// ranges refuses addresses of the whole internet, and those that are none.
func ranges(m manifests) (wrong []error) {
	for _, p := range m.policies {
		for _, e := range p.Spec.Egress {
			for _, to := range e.To {
				if to.IPBlock == nil {
					continue
				}
				r, err := netip.ParsePrefix(to.IPBlock.CIDR)
				if err != nil || r != r.Masked() || r.Bits() < 16 {
					wrong = append(wrong, fmt.Errorf("network policy %s: %q: want a range such as 10.1.0.0/20, of /16 or smaller", p.Name, to.IPBlock.CIDR))
				}
			}
		}
	}
	return wrong
}

func match(what, value, pattern, want string) error {
	if regexp.MustCompile(pattern).MatchString(value) {
		return nil
	}
	return fmt.Errorf("%s: %q: want %s", what, value, want)
}

// empty lists the paths of empty texts. The core group alone is named by one.
func empty(v any, path string) (found []string) {
	switch v := v.(type) {
	case map[string]any:
		for name, v := range v {
			if name != "group" {
				found = append(found, empty(v, path+"."+name)...)
			}
		}
	case []any:
		for i, v := range v {
			found = append(found, empty(v, fmt.Sprintf("%s[%d]", path, i))...)
		}
	case string:
		if v == "" {
			found = append(found, path)
		}
	}
	return found
}

// setting is a variable of a container's environment; "" when there is none.
func setting(c corev1.Container, name string) string {
	for _, e := range c.Env {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}
