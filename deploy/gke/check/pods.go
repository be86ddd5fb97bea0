package main

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// pods holds every pod to the restricted Pod Security standard, by the code that
// Kubernetes itself holds it to, and to what that leaves open.
func pods(m manifests) (wrong []error) {
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	judge, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return []error{fmt.Errorf("pod security: %w", err)}
	}
	for _, d := range m.deployments {
		pod := d.Spec.Template
		all := policy.AggregateCheckResults(judge.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec))
		if !all.Allowed {
			wrong = append(wrong, fmt.Errorf("deployment %s: pod security: %s", d.Name, all.ForbiddenDetail()))
		}
		if t := pod.Spec.AutomountServiceAccountToken; t == nil || *t {
			wrong = append(wrong, fmt.Errorf("deployment %s: it has a token for Kubernetes, which it does not need", d.Name))
		}
		for _, c := range pod.Spec.Containers {
			if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
				wrong = append(wrong, fmt.Errorf("deployment %s: the root file system of %s can be written to", d.Name, c.Name))
			}
			if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
				wrong = append(wrong, fmt.Errorf("deployment %s: %s has no request or no limit", d.Name, c.Name))
			}
		}
	}
	for _, n := range m.namespaces {
		if n.Labels[api.EnforceLevelLabel] != string(api.LevelRestricted) {
			wrong = append(wrong, fmt.Errorf("namespace %s: it does not enforce restricted pod security", n.Name))
		}
	}
	if len(m.namespaces) == 0 {
		wrong = append(wrong, fmt.Errorf("no Namespace: nothing enforces pod security"))
	}
	return wrong
}

// secrets refuses secrets that are anywhere but in Secret Manager.
func secrets(m manifests) (wrong []error) {
	secret := regexp.MustCompile(`(?i)pass|secret|key|token|credential`)
	for _, o := range m.objects {
		if o.kind() == "Secret" || o.kind() == "ConfigMap" {
			wrong = append(wrong, fmt.Errorf("%s: secrets are in Secret Manager, and settings in the pod's environment", o))
		}
	}
	for _, d := range m.deployments {
		for _, c := range d.Spec.Template.Spec.Containers {
			if len(c.EnvFrom) > 0 {
				wrong = append(wrong, fmt.Errorf("deployment %s: envFrom hides what the pod is given", d.Name))
			}
			for _, e := range c.Env {
				if e.ValueFrom != nil || secret.MatchString(e.Name) && !strings.HasSuffix(e.Name, "_FILE") {
					wrong = append(wrong, fmt.Errorf("deployment %s: %s: a secret is a file of the add-on's, named by a variable that ends in _FILE", d.Name, e.Name))
				}
			}
		}
	}
	return wrong
}
