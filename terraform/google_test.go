//go:build infra

package terraform

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

// google stands in for the APIs of Google Cloud that the modules service and
// monitoring use: it keeps what it is sent, by path, and gives it back as
// protocol buffers do, without what is 0, false or empty.
type google struct {
	mu      sync.Mutex
	kept    map[string]any // by path
	changes []string       // method and path of what changed something that was there
}

func startGoogle(t *testing.T) (*google, *httptest.Server) {
	t.Helper()
	g := &google{kept: map[string]any{}}
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	return g, s
}

// endpoints lead Terraform's provider to the server.
func endpoints(s *httptest.Server) []string {
	return []string{
		"GOOGLE_OAUTH_ACCESS_TOKEN=none",
		"GOOGLE_MONITORING_CUSTOM_ENDPOINT=" + s.URL + "/monitoring/",
		"GOOGLE_LOGGING_CUSTOM_ENDPOINT=" + s.URL + "/logging/v2/",
		"GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT=" + s.URL + "/run/v2/",
	}
}

// ServeHTTP implements [http.Handler].
func (g *google) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	path := r.URL.EscapedPath()
	policy, iam := strings.CutSuffix(strings.Replace(path, ":setIam", ":getIam", 1), ":getIamPolicy")
	var body map[string]any
	if r.Method != http.MethodGet && r.Method != http.MethodDelete {
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	switch {
	case strings.HasSuffix(path, ":setIamPolicy"):
		g.kept[policy+"#iam"] = body["policy"]
		g.answer(w, policy+"#iam")
	case iam:
		if g.kept[policy+"#iam"] == nil {
			g.kept[policy+"#iam"] = map[string]any{"etag": "none"}
		}
		g.answer(w, policy+"#iam")
	case r.Method == http.MethodGet:
		g.answer(w, path)
	case strings.HasSuffix(path, "/alertPolicies") && tooManyConditions(body):
		http.Error(w, `{"error": {"code": 400, "message": "a policy that uses PromQL has one condition"}}`, http.StatusBadRequest)
	case r.Method == http.MethodPost:
		g.create(w, path, r.URL.Query(), body)
	case r.Method == http.MethodPatch && strings.HasPrefix(path, "/run/"):
		g.revise(w, path, body)
	default:
		g.changes = append(g.changes, r.Method+" "+path)
		g.done(w, path)
	}
}

// revise changes a service. A revision that has a name keeps its content: Cloud
// Run refuses another of the same name, and names those without one itself.
func (g *google) revise(w http.ResponseWriter, path string, body map[string]any) {
	service, _ := g.kept[path].(map[string]any)
	before, _ := service["template"].(map[string]any)
	after, _ := thin(body["template"]).(map[string]any)
	if before["revision"] != nil && before["revision"] == after["revision"] && !reflect.DeepEqual(before, after) {
		http.Error(w, `{"error": {"code": 409, "message": "there is a revision of this name with another content"}}`, http.StatusConflict)
		return
	}
	g.changes = append(g.changes, "PATCH "+path)
	maps.Copy(service, body)
	g.kept[path] = thin(service)
	g.done(w, path)
}

func (g *google) answer(w http.ResponseWriter, path string) {
	if g.kept[path] == nil {
		http.Error(w, `{"error": {"code": 404, "message": "there is no `+path+`"}}`, http.StatusNotFound)
		return
	}
	_ = json.NewEncoder(w).Encode(g.kept[path]) // the asker may be gone
}

// create keeps a new thing under the name that its API gives it.
func (g *google) create(w http.ResponseWriter, path string, query url.Values, body map[string]any) {
	thing, _ := thin(body).(map[string]any)
	id := fmt.Sprint(len(g.kept) + 1)
	switch {
	case query.Has("serviceId"): // Cloud Run
		id = query.Get("serviceId")
		thing["uri"], thing["latestReadyRevision"] = "https://todo-1234567890.europe-west2.run.app", "todo-1"
		thing["terminalCondition"] = map[string]any{"type": "Ready", "state": "CONDITION_SUCCEEDED"}
	case strings.HasSuffix(path, "/metrics"):
		id = url.PathEscape(fmt.Sprint(thing["name"]))
	}
	_, name, _ := strings.Cut(path+"/"+id, "/projects/")
	if !strings.HasSuffix(path, "/metrics") {
		thing["name"] = "projects/" + name
	}
	g.kept[path+"/"+id] = thing
	g.done(w, path+"/"+id)
}

func tooManyConditions(policy map[string]any) bool {
	conditions, _ := policy["conditions"].([]any)
	return len(conditions) > 1 && slices.ContainsFunc(conditions, func(c any) bool {
		condition, _ := c.(map[string]any)
		return condition["conditionPrometheusQueryLanguage"] != nil
	})
}

// done answers what changed something: Cloud Run with an operation, which has
// ended already.
func (g *google) done(w http.ResponseWriter, path string) {
	if !strings.HasPrefix(path, "/run/") {
		g.answer(w, path)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"name": "projects/p/locations/l/operations/o", "done": true, "response": g.kept[path]})
}

// thin leaves out of objects what is 0, false or empty.
func thin(v any) any {
	switch v := v.(type) {
	case map[string]any:
		less := map[string]any{}
		for key, value := range v {
			if value = thin(value); value != nil {
				less[key] = value
			}
		}
		return less
	case []any:
		if len(v) == 0 {
			return nil
		}
		for i := range v {
			v[i] = thin(v[i])
		}
	case string, float64, bool:
		if v == "" || v == 0.0 || v == false {
			return nil
		}
	}
	return v
}

const (
	cloudService = "/run/v2/projects/my-project-123/locations/europe-west2/services/todo"
	released     = "europe-west2-docker.pkg.dev/my-project-123/todo/todo@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

// template is what the service's next revision is made of, and its image.
func (g *google) template(t *testing.T) (template, container map[string]any) {
	t.Helper()
	service, _ := g.kept[cloudService].(map[string]any)
	template, _ = service["template"].(map[string]any)
	containers, _ := template["containers"].([]any)
	if len(containers) == 0 {
		t.Fatal("there is no service")
	}
	container, _ = containers[0].(map[string]any)
	return template, container
}

// release does what gcloud does to a service when it is not told to name the
// revision: another image, a label that makes a revision of it in any case, and
// who did it; then all traffic to that, and a tag.
func (g *google) release(t *testing.T) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	template, container := g.template(t)
	container["image"] = released
	template["labels"] = map[string]any{"client.knative.dev/nonce": "abcdefghij"}
	service, _ := g.kept[cloudService].(map[string]any)
	service["client"], service["clientVersion"] = "gcloud", "550.0.0"
	service["traffic"] = []any{map[string]any{
		"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "todo-00002-abc", "percent": 100.0, "tag": "candidate"}}
}
