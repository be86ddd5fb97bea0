package main

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// references refuses names of what is not there.
func references(m manifests) (wrong []error) {
	need := func(by, kind, name string) {
		if !m.has(kind, name) {
			wrong = append(wrong, fmt.Errorf("%s names the %s %q, which is not there", by, kind, name))
		}
	}
	for _, d := range m.deployments {
		need("deployment "+d.Name, "ServiceAccount", d.Spec.Template.Spec.ServiceAccountName)
		for _, v := range d.Spec.Template.Spec.Volumes {
			if v.CSI != nil {
				need("deployment "+d.Name, "SecretProviderClass", v.CSI.VolumeAttributes["secretProviderClass"])
			}
		}
	}
	for _, s := range m.scalers {
		need("scaler "+s.Name, s.Spec.ScaleTargetRef.Kind, s.Spec.ScaleTargetRef.Name)
	}
	for _, a := range m.attached {
		need(a.Kind+" "+a.Metadata.Name, a.Spec.TargetRef.Kind, a.Spec.TargetRef.Name)
	}
	for _, r := range m.routes {
		wrong = append(wrong, r.dangling(m)...)
	}
	return wrong
}

// dangling is what a route names that is not there: a listener of its host name,
// or a port of a service.
func (r route) dangling(m manifests) (wrong []error) {
	for _, p := range r.Spec.ParentRefs {
		found := slices.ContainsFunc(m.gateways, func(g gateway) bool {
			return g.Metadata.Name == p.Name && g.listens(p.SectionName, r.Spec.Hostnames)
		})
		if !found {
			wrong = append(wrong, fmt.Errorf("route %s: no listener %q of a Gateway %q has its host names %q", r.Metadata.Name, p.SectionName, p.Name, r.Spec.Hostnames))
		}
	}
	for _, rule := range r.Spec.Rules {
		for _, b := range rule.BackendRefs {
			found := slices.ContainsFunc(m.services, func(s corev1.Service) bool {
				return s.Name == b.Name && slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == b.Port })
			})
			if !found {
				wrong = append(wrong, fmt.Errorf("route %s: no Service %q has the port %d", r.Metadata.Name, b.Name, b.Port))
			}
		}
	}
	return wrong
}

// listens tells whether a listener has all of the host names.
func (g gateway) listens(section string, hosts []string) bool {
	for _, l := range g.Spec.Listeners {
		if l.Name == section {
			return !slices.ContainsFunc(hosts, func(h string) bool { return h != l.Hostname })
		}
	}
	return false
}

// selectors refuses selectors that select nothing.
func selectors(m manifests) (wrong []error) {
	need := func(by string, s *metav1.LabelSelector) {
		if len(m.selected(s)) == 0 {
			wrong = append(wrong, fmt.Errorf("%s selects no pod", by))
		}
	}
	for _, d := range m.deployments {
		need("deployment "+d.Name, d.Spec.Selector)
		for _, t := range d.Spec.Template.Spec.TopologySpreadConstraints {
			need("deployment "+d.Name+": spread over "+t.TopologyKey, t.LabelSelector)
		}
	}
	for _, s := range m.services {
		need("service "+s.Name, &metav1.LabelSelector{MatchLabels: s.Spec.Selector})
	}
	for _, b := range m.budgets {
		need("disruption budget "+b.Name, b.Spec.Selector)
	}
	for _, p := range m.policies {
		need("network policy "+p.Name, &p.Spec.PodSelector)
	}
	for _, p := range m.monitors {
		need("pod monitoring "+p.Metadata.Name, &metav1.LabelSelector{MatchLabels: p.Spec.Selector.MatchLabels})
	}
	return wrong
}

// selected returns the names of the deployments whose pods a selector selects.
func (m manifests) selected(s *metav1.LabelSelector) (names []string) {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return nil
	}
	for _, d := range m.deployments {
		if selector.Matches(labels.Set(d.Spec.Template.Labels)) {
			names = append(names, d.Name)
		}
	}
	return names
}
