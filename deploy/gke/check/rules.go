package main

import (
	"encoding/json"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
)

// manifests are all that an overlay comes to, as the rules look at it.
type manifests struct {
	objects     []object
	namespaces  []corev1.Namespace
	accounts    []corev1.ServiceAccount
	deployments []appsv1.Deployment
	services    []corev1.Service
	scalers     []autoscalingv2.HorizontalPodAutoscaler
	budgets     []policyv1.PodDisruptionBudget
	policies    []networkingv1.NetworkPolicy
	gateways    []gateway
	routes      []route
	attached    []attachment
	providers   []provider
	monitors    []monitor
}

// check holds manifests to their schemas, and then to the rules. All that is
// wrong is in the error.
func check(s schemas, objects []object) error {
	var wrong []error
	for _, o := range objects {
		wrong = append(wrong, s.validate(o))
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	m, err := sorted(objects)
	if err != nil {
		return err
	}
	for _, rule := range []func(manifests) []error{
		values, pods, secrets, references, selectors, scaling, ports, network, shutdown,
	} {
		wrong = append(wrong, rule(m)...)
	}
	return errors.Join(wrong...)
}

// sorted reads the manifests by their kinds.
func sorted(objects []object) (manifests, error) {
	m := manifests{objects: objects}
	return m, errors.Join(
		read(objects, &m.namespaces, "Namespace"), read(objects, &m.accounts, "ServiceAccount"),
		read(objects, &m.deployments, "Deployment"), read(objects, &m.services, "Service"),
		read(objects, &m.scalers, "HorizontalPodAutoscaler"), read(objects, &m.budgets, "PodDisruptionBudget"),
		read(objects, &m.policies, "NetworkPolicy"), read(objects, &m.gateways, "Gateway"), read(objects, &m.routes, "HTTPRoute"),
		read(objects, &m.attached, "HealthCheckPolicy", "GCPBackendPolicy", "GCPGatewayPolicy"),
		read(objects, &m.providers, "SecretProviderClass"), read(objects, &m.monitors, "PodMonitoring"))
}

func read[T any](objects []object, into *[]T, kinds ...string) error {
	for _, o := range objects {
		for _, kind := range kinds {
			if o.kind() != kind {
				continue
			}
			text, err := json.Marshal(o)
			var v T
			if err := errors.Join(err, json.Unmarshal(text, &v)); err != nil {
				return fmt.Errorf("reading %s: %w", o, err)
			}
			*into = append(*into, v)
		}
	}
	return nil
}

func (m manifests) has(kind, name string) bool {
	for _, o := range m.objects {
		if o.kind() == kind && o.name() == name {
			return true
		}
	}
	return false
}
