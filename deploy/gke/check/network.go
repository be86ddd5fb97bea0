package main

import (
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
)

// network wants every pod behind a policy that denies everything, no rule for
// everybody, and the metrics for nobody outside of the cluster.
func network(m manifests) (wrong []error) {
	var denied []string
	for _, p := range m.policies {
		if len(p.Spec.Ingress) == 0 && len(p.Spec.Egress) == 0 && len(p.Spec.PolicyTypes) == 2 {
			denied = append(denied, m.selected(&p.Spec.PodSelector)...)
		}
		wrong = append(wrong, open(p)...)
	}
	for _, d := range m.deployments {
		if !slices.Contains(denied, d.Name) {
			wrong = append(wrong, fmt.Errorf("deployment %s: no NetworkPolicy denies its pods everything that others do not allow", d.Name))
		}
		for _, c := range d.Spec.Template.Spec.Containers {
			wrong = append(wrong, outside(m, port(c, "metrics"))...)
		}
	}
	return wrong
}

// open is rules of a policy that let in or out whom they do not name.
func open(p networkingv1.NetworkPolicy) (wrong []error) {
	for _, r := range p.Spec.Ingress {
		if len(r.From) == 0 || len(r.Ports) == 0 || slices.ContainsFunc(r.From, everybody) {
			wrong = append(wrong, fmt.Errorf("network policy %s: a rule lets everybody in, or to every port", p.Name))
		}
	}
	for _, r := range p.Spec.Egress {
		if len(r.To) == 0 || len(r.Ports) == 0 || slices.ContainsFunc(r.To, everybody) {
			wrong = append(wrong, fmt.Errorf("network policy %s: a rule lets out to everybody, or to every port", p.Name))
		}
	}
	return wrong
}

func everybody(p networkingv1.NetworkPolicyPeer) bool {
	if p.IPBlock != nil {
		return p.IPBlock.CIDR == "0.0.0.0/0" || p.IPBlock.CIDR == "::/0"
	}
	n := p.NamespaceSelector
	return n != nil && len(n.MatchLabels) == 0 && len(n.MatchExpressions) == 0 && p.PodSelector == nil
}

// outside is rules that let addresses, not pods, reach the metrics.
func outside(m manifests, metrics int32) (wrong []error) {
	for _, p := range m.policies {
		for _, r := range p.Spec.Ingress {
			reached := slices.ContainsFunc(r.Ports, func(q networkingv1.NetworkPolicyPort) bool {
				return q.Port == nil || q.Port.IntVal == metrics || q.EndPort != nil || q.Port.StrVal != ""
			})
			if reached && slices.ContainsFunc(r.From, func(f networkingv1.NetworkPolicyPeer) bool { return f.IPBlock != nil }) {
				wrong = append(wrong, fmt.Errorf("network policy %s: addresses outside of the cluster reach the metrics", p.Name))
			}
		}
	}
	return wrong
}
