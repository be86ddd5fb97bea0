package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// filled is the example of settings with all of its values.
func filled() map[string]string {
	return map[string]string{
		"IMAGE":                    "europe-west2-docker.pkg.dev/todo-test-1/services/todo@sha256:" + strings.Repeat("0f", 32),
		"PROJECT":                  "todo-test-1",
		"INSTANCE_CONNECTION_NAME": "todo-test-1:europe-west2:todo",
		"DATABASE_RANGE":           "10.1.0.0/20",
		"DB_USER":                  "todo-runtime",
		"DB_NAME":                  "todo",
		"SESSION_KEYS":             "projects/todo-test-1/secrets/session-keys/versions/1",
		"SERVICE_ACCOUNT":          "todo-runtime@todo-test-1.iam.gserviceaccount.com",
		"HOST":                     "todo.example.com",
		"ADDRESS":                  "todo",
		"CERTIFICATE_MAP":          "todo",
		"SSL_POLICY":               "todo",
	}
}

// overlay copies the manifests with the example of settings, filled in, and
// returns the folder of one overlay.
func overlay(t *testing.T, name string, settings map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"base", "settings", "overlays"} {
		if err := os.CopyFS(filepath.Join(root, dir), os.DirFS(filepath.Join("..", dir))); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(root, "overlays", name)
	if settings == nil {
		return dir
	}
	example, err := os.ReadFile("../overlays/settings.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(example)
	for key, value := range settings {
		before := text
		if text = strings.Replace(text, "  "+key+`: ""`, "  "+key+`: "`+value+`"`, 1); text == before {
			t.Fatalf("settings.example.yaml does not have %s", key)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "settings.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestOverlays: both overlays pass once their settings are filled in, and what
// is printed has them.
func TestOverlays(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"staging", "production"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			if status := run([]string{overlay(t, name, filled())}, &stdout, &stderr); status != 0 {
				t.Fatalf("status %d: %s", status, &stderr)
			}
			for _, value := range filled() {
				if !strings.Contains(stdout.String(), value) {
					t.Errorf("the manifests do not have %s", value)
				}
			}
			if strings.Contains(stdout.String(), "local-config") {
				t.Error("the settings themselves would be applied")
			}
		})
	}
}

// TestRefused: of an overlay that does not pass nothing is printed, and those
// beside it are.
func TestRefused(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	status := run([]string{overlay(t, "staging", nil), overlay(t, "production", filled())}, &stdout, &stderr)
	if status != 1 || strings.Count(stdout.String(), "kind: Namespace") != 1 || !strings.Contains(stderr.String(), "settings.yaml") {
		t.Errorf("status %d: %s%s", status, &stdout, &stderr)
	}
	if status := run(nil, &stdout, &stderr); status != 2 {
		t.Errorf("without an overlay: status %d", status)
	}
}

// TestUnset: what is not filled in, or cannot be right, does not pass.
func TestUnset(t *testing.T) {
	t.Parallel()
	s, err := loadSchemas()
	if err != nil {
		t.Fatal(err)
	}
	without := func(key, value string) map[string]string {
		s := filled()
		if s[key] = value; value == "" {
			delete(s, key)
		}
		return s
	}
	for _, c := range []struct {
		name     string
		settings map[string]string
		want     string
	}{
		{"no settings", nil, "settings.yaml"},
		{"an image by tag", without("IMAGE", "europe-west2-docker.pkg.dev/p/r/todo:latest"), "an image by digest"},
		{"no image", without("IMAGE", ""), "image"},
		{"the example's project", without("PROJECT", "PROJECT"), "a project's id"},
		{"an instance without a region", without("INSTANCE_CONNECTION_NAME", "todo-test-1:todo"), "project:region:instance"},
		{"the whole internet as a database", without("DATABASE_RANGE", "0.0.0.0/0"), "want a range"},
		{"no range", without("DATABASE_RANGE", ""), "cidr is empty"},
		{"the latest secret", without("SESSION_KEYS", "projects/todo-test-1/secrets/session-keys/versions/latest"), "a numbered version"},
		{"an account of another cloud", without("SERVICE_ACCOUNT", "todo@example.com"), "name@project.iam.gserviceaccount.com"},
		{"no host", without("HOST", ""), "hostname"},
		{"no user", without("DB_USER", ""), "value is empty"},
		{"no certificate", without("CERTIFICATE_MAP", ""), "certmap is empty"},
		{"no address", without("ADDRESS", ""), "addresses"},
		{"no TLS policy", without("SSL_POLICY", ""), "sslPolicy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := passed(s, overlay(t, "production", c.settings)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v: want %q", err, c.want)
			}
		})
	}
}

// TestMissing: a setting that is left out, not empty, ends the build itself.
func TestMissing(t *testing.T) {
	t.Parallel()
	for key := range filled() {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			dir := overlay(t, "staging", filled())
			file := filepath.Join(dir, "settings.yaml")
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var kept []string
			for line := range strings.Lines(string(text)) {
				if !strings.HasPrefix(line, "  "+key+":") {
					kept = append(kept, line)
				}
			}
			if err := os.WriteFile(file, []byte(strings.Join(kept, "")), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, _, err := build(dir); err == nil || !strings.Contains(err.Error(), key) {
				t.Errorf("building without %s: %v", key, err)
			}
		})
	}
}

// edit puts a value at a path of a manifest; nil removes what is there. The
// parts of the path are names, and numbers of a list's elements.
func edit(t *testing.T, objects []object, kind, name string, value any, path ...any) {
	t.Helper()
	for _, o := range objects {
		if o.kind() != kind || o.name() != name {
			continue
		}
		var at any = map[string]any(o)
		for _, part := range path[:len(path)-1] {
			switch part := part.(type) {
			case string:
				at = at.(map[string]any)[part]
			case int:
				at = at.([]any)[part]
			}
		}
		switch last := path[len(path)-1].(type) {
		case int:
			at.([]any)[last] = value
		case string:
			if at.(map[string]any)[last] = value; value == nil {
				delete(at.(map[string]any), last)
			}
		}
		return
	}
	t.Fatalf("there is no %s %s", kind, name)
}

// copied is manifests that may be changed.
func copied(t *testing.T, objects []object) (fresh []object) {
	t.Helper()
	text, err := json.Marshal(objects)
	if err == nil {
		err = json.Unmarshal(text, &fresh)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

func without(objects []object, kind, name string) (kept []object) {
	for _, o := range objects {
		if o.kind() != kind || o.name() != name {
			kept = append(kept, o)
		}
	}
	return kept
}

// TestSecret: a Secret of Kubernetes is refused, however right it is.
func TestSecret(t *testing.T) {
	t.Parallel()
	s, err := loadSchemas()
	if err != nil {
		t.Fatal(err)
	}
	_, objects, err := build(overlay(t, "staging", filled()))
	if err != nil {
		t.Fatal(err)
	}
	objects = append(objects, object{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "keys"}})
	if err := check(s, objects); err == nil || !strings.Contains(err.Error(), "Secret keys: secrets are in Secret Manager") {
		t.Errorf("got %v", err)
	}
}

// TestRules breaks the manifests of production in one place each.
func TestRules(t *testing.T) {
	t.Parallel()
	s, err := loadSchemas()
	if err != nil {
		t.Fatal(err)
	}
	_, objects, err := build(overlay(t, "production", filled()))
	if err != nil {
		t.Fatal(err)
	}
	pod := func(path ...any) []any { return append([]any{"spec", "template", "spec"}, path...) }
	container := func(path ...any) []any { return append(pod("containers", 0), path...) }
	type labels = map[string]any
	for _, c := range []struct {
		name       string
		kind, of   string
		value      any
		path       []any
		want       string
		removeOnly bool
	}{
		{name: "a field that Kubernetes does not know", kind: "Deployment", value: 1, path: pod("replicaz"), want: "replicaz"},
		{name: "a text for a number", kind: "Deployment", value: "soon", path: pod("terminationGracePeriodSeconds"), want: "terminationGracePeriodSeconds"},
		{name: "no selector", kind: "Deployment", path: []any{"spec", "selector"}, want: "selector"},
		{name: "a field that the Gateway API does not know", kind: "Gateway", value: "x", path: []any{"spec", "gatewayClas"}, want: "gatewayClas"},
		{name: "a field that GKE does not know", kind: "HealthCheckPolicy", value: 1, path: []any{"spec", "default", "checkInterval"}, want: "checkInterval"},
		{name: "a field that Prometheus does not know", kind: "PodMonitoring", value: 1, path: []any{"spec", "endpoint"}, want: "endpoint"},
		{name: "a copy of a secret in Kubernetes", kind: "SecretProviderClass", value: []any{}, path: []any{"spec", "secretObjects"}, want: "secretObjects"},
		{name: "a kind without a schema", kind: "Service", value: "Servce", path: []any{"kind"}, want: "no schema"},

		{name: "root", kind: "Deployment", value: false, path: pod("securityContext", "runAsNonRoot"), want: "runAsNonRoot"},
		{name: "capabilities", kind: "Deployment", path: container("securityContext", "capabilities"), want: "unrestricted capabilities"},
		{name: "no seccomp", kind: "Deployment", path: pod("securityContext", "seccompProfile"), want: "seccompProfile"},
		{name: "the host's network", kind: "Deployment", value: true, path: pod("hostNetwork"), want: "host namespaces"},
		{name: "a root file system to write to", kind: "Deployment", path: container("securityContext", "readOnlyRootFilesystem"), want: "can be written to"},
		{name: "a token", kind: "Deployment", path: pod("automountServiceAccountToken"), want: "a token for Kubernetes"},
		{name: "no limits", kind: "Deployment", path: container("resources", "limits"), want: "no limit"},
		{name: "a namespace that enforces less", kind: "Namespace", value: "baseline", path: []any{"metadata", "labels", "pod-security.kubernetes.io/enforce"}, want: "does not enforce"},

		{name: "a password", kind: "Deployment", value: labels{"name": "DB_PASS", "value": "hunter2"}, path: container("env", 0), want: "DB_PASS: a secret is a file"},

		{name: "another account", kind: "Deployment", value: "default", path: pod("serviceAccountName"), want: `ServiceAccount "default"`},
		{name: "another provider of secrets", kind: "Deployment", value: "other", path: pod("volumes", 0, "csi", "volumeAttributes", "secretProviderClass"), want: `SecretProviderClass "other"`},
		{name: "a scaler of nothing", kind: "HorizontalPodAutoscaler", value: "other", path: []any{"spec", "scaleTargetRef", "name"}, want: `Deployment "other"`},
		{name: "a policy for nothing", kind: "GCPGatewayPolicy", value: "other", path: []any{"spec", "targetRef", "name"}, want: `Gateway "other"`},
		{name: "a route of another host", kind: "HTTPRoute", value: "other.example.com", path: []any{"spec", "hostnames", 0}, want: "no listener"},
		{name: "a route to another port", kind: "HTTPRoute", value: 9464, path: []any{"spec", "rules", 0, "backendRefs", 0, "port"}, want: "has the port 9464"},

		{name: "a service that selects nothing", kind: "Service", value: "other", path: []any{"spec", "selector", "app.kubernetes.io/name"}, want: "service todo selects no pod"},
		{name: "a budget that selects nothing", kind: "PodDisruptionBudget", value: "other", path: []any{"spec", "selector", "matchLabels", "app.kubernetes.io/name"}, want: "disruption budget todo selects no pod"},
		{name: "monitoring that selects nothing", kind: "PodMonitoring", value: "other", path: []any{"spec", "selector", "matchLabels", "app.kubernetes.io/name"}, want: "pod monitoring todo selects no pod"},
		{name: "a network policy that selects nothing", kind: "NetworkPolicy", value: "other", path: []any{"spec", "podSelector", "matchLabels", "app.kubernetes.io/name"}, want: "network policy todo selects no pod"},
		{name: "pods of another label", kind: "Deployment", value: "other", path: []any{"spec", "template", "metadata", "labels", "app.kubernetes.io/name"}, want: "deployment todo selects no pod"},
		{name: "a spread of nothing", kind: "Deployment", value: "other", path: pod("topologySpreadConstraints", 0, "labelSelector", "matchLabels", "app.kubernetes.io/name"), want: "selects no pod"},

		{name: "a budget of all pods", kind: "PodDisruptionBudget", value: 3, path: []any{"spec", "minAvailable"}, want: "below the fewest pods"},
		{name: "no scaler", kind: "HorizontalPodAutoscaler", removeOnly: true, want: "needs a HorizontalPodAutoscaler"},
		{name: "no budget", kind: "PodDisruptionBudget", removeOnly: true, want: "and a PodDisruptionBudget"},
		{name: "replicas", kind: "Deployment", value: 2, path: []any{"spec", "replicas"}, want: "the scaler's to set"},

		{name: "another port for the service", kind: "Deployment", value: 8080, path: container("ports", 0, "containerPort"), want: "its port http is 8080"},
		{name: "a service of the metrics", kind: "Service", value: "metrics", path: []any{"spec", "ports", 0, "targetPort"}, want: "leads to the port metrics"},
		{name: "no readiness probe", kind: "Deployment", value: labels{"exec": labels{"command": []any{"/todo"}}}, path: container("livenessProbe"), want: "want a liveness probe"},
		{name: "a health check of another port", kind: "HealthCheckPolicy", value: 80, path: []any{"spec", "default", "config", "httpHealthCheck", "port"}, want: "what the readiness probe asks"},
		{name: "monitoring of another port", kind: "PodMonitoring", value: "http", path: []any{"spec", "endpoints", 0, "port"}, want: "no PodMonitoring"},

		{name: "no default", kind: "NetworkPolicy", of: "default-deny", removeOnly: true, want: "no NetworkPolicy denies"},
		{name: "everybody in", kind: "NetworkPolicy", value: []any{labels{}}, path: []any{"spec", "ingress"}, want: "lets everybody in"},
		{name: "out to everybody", kind: "NetworkPolicy", value: []any{labels{"ipBlock": labels{"cidr": "0.0.0.0/0"}}}, path: []any{"spec", "egress", 0, "to"}, want: "lets out to everybody"},
		{name: "metrics for the load balancer", kind: "NetworkPolicy", value: 9464, path: []any{"spec", "ingress", 0, "ports", 0, "port"}, want: "reach the metrics"},

		{name: "killed while it answers", kind: "Deployment", value: 25, path: pod("terminationGracePeriodSeconds"), want: "is killed after 25s"},
		{name: "ended before the load balancer knows", kind: "Deployment", path: container("lifecycle"), want: "sleeps 0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			of := c.of
			if of == "" {
				of = "todo"
			}
			broken := copied(t, objects)
			if c.removeOnly {
				broken = without(broken, c.kind, of)
			} else {
				edit(t, broken, c.kind, of, c.value, c.path...)
			}
			if err := check(s, broken); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v: want %q", err, c.want)
			}
		})
	}
}
