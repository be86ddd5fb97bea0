package main

import (
	"fmt"
	"net"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ports wants everybody to mean the same port, and the metrics out of reach of
// what is routed.
func ports(m manifests) (wrong []error) {
	for _, d := range m.deployments {
		for _, c := range d.Spec.Template.Spec.Containers {
			wrong = append(wrong, containerPorts(c)...)
			wrong = append(wrong, reachable(m, c)...)
		}
	}
	return wrong
}

// containerPorts compares a container's ports with what the service is told,
// and with its probes.
func containerPorts(c corev1.Container) (wrong []error) {
	_, metrics, _ := net.SplitHostPort(setting(c, "METRICS_ADDR"))
	for name, want := range map[string]string{"http": setting(c, "PORT"), "metrics": metrics} {
		if got := strconv.Itoa(int(port(c, name))); got != want {
			wrong = append(wrong, fmt.Errorf("container %s: its port %s is %s, but it listens on %q", c.Name, name, got, want))
		}
	}
	for name, p := range map[string]*corev1.Probe{"startup": c.StartupProbe, "readiness": c.ReadinessProbe, "liveness": c.LivenessProbe} {
		if p == nil || p.HTTPGet == nil || p.HTTPGet.Port != intstr.FromString("http") {
			wrong = append(wrong, fmt.Errorf("container %s: want a %s probe of its port http", c.Name, name))
		}
	}
	return wrong
}

// reachable compares a container's ports with those that others reach it by.
func reachable(m manifests, c corev1.Container) (wrong []error) {
	for _, s := range m.services {
		for _, p := range s.Spec.Ports {
			if p.TargetPort != intstr.FromString("http") {
				wrong = append(wrong, fmt.Errorf("service %s: it leads to the port %s: want http, and no other", s.Name, p.TargetPort.String()))
			}
		}
	}
	for _, a := range m.attached {
		check := a.Spec.Default.Config.HTTPHealthCheck
		if a.Kind == "HealthCheckPolicy" && (check.Port != port(c, "http") || check.RequestPath != c.ReadinessProbe.HTTPGet.Path) {
			wrong = append(wrong, fmt.Errorf("health check policy %s: it asks port %d for %s: want what the readiness probe asks", a.Metadata.Name, check.Port, check.RequestPath))
		}
	}
	scraped := slices.ContainsFunc(m.monitors, func(p monitor) bool {
		return len(p.Spec.Endpoints) == 1 && p.Spec.Endpoints[0].Port == "metrics"
	})
	if !scraped {
		wrong = append(wrong, fmt.Errorf("container %s: no PodMonitoring of its port metrics", c.Name))
	}
	return wrong
}

// port is a container's port by name; 0 when it has none.
func port(c corev1.Container, name string) int32 {
	for _, p := range c.Ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	return 0
}
