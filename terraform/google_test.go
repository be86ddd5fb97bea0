//go:build infra

package terraform

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// google stands in for the APIs of Google Cloud that Terraform's modules use: it
// keeps what it is sent, by path, and gives it back as protocol buffers do,
// without what is 0, false or empty. What an API says besides is in apis.
type google struct {
	mu      sync.Mutex
	url     string
	kept    map[string]any // by path
	changes []string       // method and path of what changed something that was there
	unknown []string       // so too, of what nothing is kept for
}

func startGoogle(t *testing.T) (*google, *httptest.Server) {
	t.Helper()
	g := &google{kept: map[string]any{}}
	s := httptest.NewServer(g)
	g.url = s.URL
	t.Cleanup(s.Close)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("nothing was known of\n%s", strings.Join(g.unknown, "\n"))
		}
	})
	return g, s
}

// endpoints lead Terraform's provider to the server.
func endpoints(s *httptest.Server) []string {
	env := []string{"GOOGLE_OAUTH_ACCESS_TOKEN=none"}
	for path, a := range apis() {
		env = append(env, "GOOGLE_"+a.name+"_CUSTOM_ENDPOINT="+s.URL+path)
	}
	return env
}

// ServeHTTP implements [http.Handler].
func (g *google) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	path := r.URL.EscapedPath()
	var body map[string]any
	if r.Method != http.MethodGet && r.Method != http.MethodDelete {
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body)
		if err != nil && !errors.Is(err, io.EOF) {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	switch policy, kind := policyOf(path); {
	case kind != "" && (r.Method == http.MethodPut || kind == "set"):
		g.setPolicy(w, policy, body)
	case kind != "":
		g.policy(w, policy)
	case g.special(w, r, body):
	case r.Method == http.MethodGet:
		g.answer(w, path)
	case strings.HasSuffix(path, "/alertPolicies") && tooManyConditions(body):
		http.Error(w, `{"error": {"code": 400, "message": "a policy that uses PromQL has one condition"}}`, http.StatusBadRequest)
	case r.Method == http.MethodPost:
		g.create(w, path, r.URL.Query(), body)
	case r.Method == http.MethodPatch && strings.HasPrefix(path, "/run/"):
		g.revise(w, path, body)
	case r.Method == http.MethodDelete:
		if name := r.URL.Query().Get("name"); name != "" { // a database's user
			path += "/" + url.PathEscape(name)
		}
		g.delete(w, path)
	default:
		g.change(w, r.Method, path, body)
	}
}

// policyOf gives what a path asks the policy of, and "get", "set" or "both".
func policyOf(path string) (of, kind string) {
	for suffix, kind := range map[string]string{":getIamPolicy": "get", ":setIamPolicy": "set", "/getIamPolicy": "get", "/setIamPolicy": "set", "/iam": "both"} {
		if of, found := strings.CutSuffix(path, suffix); found {
			return of, kind
		}
	}
	return "", ""
}

func (g *google) setPolicy(w http.ResponseWriter, of string, body map[string]any) {
	if policy, wrapped := body["policy"]; wrapped {
		g.kept[of+"#iam"] = policy
	} else {
		g.kept[of+"#iam"] = body
	}
	g.answer(w, of+"#iam")
}

func (g *google) policy(w http.ResponseWriter, of string) {
	if g.kept[of+"#iam"] == nil {
		g.kept[of+"#iam"] = map[string]any{"etag": "none"}
	}
	g.answer(w, of+"#iam")
}

// change is of what is there already.
func (g *google) change(w http.ResponseWriter, method, path string, body map[string]any) {
	thing, _ := g.kept[path].(map[string]any)
	if thing == nil {
		g.answer(w, path)
		return
	}
	g.changes = append(g.changes, method+" "+path)
	maps.Copy(thing, body)
	g.kept[path] = thin(thing)
	g.done(w, path)
}

func (g *google) delete(w http.ResponseWriter, path string) {
	if g.kept[path] == nil {
		g.answer(w, path)
		return
	}
	g.changes = append(g.changes, "DELETE "+path)
	g.done(w, path)
	delete(g.kept, path)
	delete(g.kept, path+"#iam")
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
		g.unknown = append(g.unknown, path)
		http.Error(w, `{"error": {"code": 404, "message": "there is no `+path+`"}}`, http.StatusNotFound)
		return
	}
	_ = json.NewEncoder(w).Encode(g.kept[path]) // the asker may be gone
}

// create keeps a new thing under the name that its API gives it.
func (g *google) create(w http.ResponseWriter, path string, query url.Values, body map[string]any) {
	thing, _ := thin(body).(map[string]any)
	a := apiOf(path)
	id := fmt.Sprint(len(g.kept) + 1)
	for key := range query {
		if strings.HasSuffix(strings.ToLower(key), "id") {
			id = query.Get(key)
		}
	}
	if a.create != nil {
		id, thing = a.create(g, path, id, thing)
	} else if _, name, found := strings.Cut(path+"/"+id, "/projects/"); found {
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

// done answers what changed something, in most APIs with an operation, which has
// ended already.
func (g *google) done(w http.ResponseWriter, path string) {
	answer := g.kept[path]
	if a := apiOf(path); a.operation != nil {
		answer = a.operation(g.url+path, answer)
	}
	_ = json.NewEncoder(w).Encode(answer) // the asker may be gone
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
