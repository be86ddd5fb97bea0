//go:build infra

package terraform

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// api is how one of Google's APIs differs from those that give back the thing
// that they were sent.
type api struct {
	name      string                          // as the provider's environment names it
	operation func(url string, thing any) any // what answers a change
	create    func(g *google, path, id string, thing map[string]any) (as string, made map[string]any)
}

func apis() map[string]api {
	return map[string]api{
		"/monitoring/":            {name: "MONITORING"},
		"/logging/v2/":            {name: "LOGGING", create: named},
		"/run/v2/":                {name: "CLOUD_RUN_V2", operation: longRunning, create: cloudRun},
		"/compute/v1/":            {name: "COMPUTE", operation: computeOperation, create: compute},
		"/sql/v1beta4/":           {name: "SQL", operation: computeOperation, create: cloudSQL},
		"/servicenetworking/v1/":  {name: "SERVICE_NETWORKING", operation: longRunning},
		"/serviceusage/v1/":       {name: "SERVICE_USAGE", operation: longRunning},
		"/resourcemanager/v1/":    {name: "RESOURCE_MANAGER"},
		"/resourcemanager/v3/":    {name: "RESOURCE_MANAGER_V3"},
		"/artifactregistry/v1/":   {name: "ARTIFACT_REGISTRY", operation: longRunning},
		"/billing/v1/":            {name: "CLOUD_BILLING"},
		"/secretmanager/v1/":      {name: "SECRET_MANAGER"},
		"/iam/v1/":                {name: "IAM_BETA", operation: identityOperation, create: identity},
		"/storage/v1/":            {name: "STORAGE", create: bucket},
		"/kms/v1/":                {name: "KMS"},
		"/orgpolicy/v2/":          {name: "ORG_POLICY", create: orgPolicy},
		"/dns/v1/":                {name: "DNS", create: named},
		"/container/v1/":          {name: "CONTAINER", operation: computeOperation, create: cluster},
		"/certificatemanager/v1/": {name: "CERTIFICATE_MANAGER", operation: longRunning},
		"/billingbudgets/v1/":     {name: "BILLING_BUDGETS", create: budget},
	}
}

func apiOf(path string) api {
	for prefix, a := range apis() {
		if strings.HasPrefix(path, prefix) {
			return a
		}
	}
	return api{}
}

// longRunning is the operation of most APIs (google.longrunning.Operation).
func longRunning(_ string, thing any) any {
	return map[string]any{"name": "projects/p/locations/l/operations/o", "done": true, "response": thing}
}

// identityOperation answers for pools of identities only.
func identityOperation(url string, thing any) any {
	if strings.Contains(url, "/workloadIdentityPools/") {
		return longRunning(url, thing)
	}
	return thing
}

// computeOperation is that of the older APIs.
func computeOperation(url string, _ any) any {
	return map[string]any{"kind": "compute#operation", "name": "o", "status": "DONE", "operationType": "insert", "targetLink": url, "selfLink": url}
}

// named is for APIs that take a thing's name from the thing itself.
func named(_ *google, _, _ string, thing map[string]any) (string, map[string]any) {
	name, _ := thing["name"].(string)
	return url.PathEscape(name), thing
}

func bucket(g *google, at, _ string, thing map[string]any) (string, map[string]any) {
	name, _ := thing["name"].(string)
	location, _ := thing["location"].(string)
	thing["location"] = strings.ToUpper(location)
	thing["id"], thing["selfLink"], thing["projectNumber"] = name, g.url+at+"/"+name, "123456789012"
	return name, thing
}

func cloudRun(_ *google, at, id string, thing map[string]any) (string, map[string]any) {
	thing["name"] = strings.TrimPrefix(at, "/run/v2/") + "/" + id
	thing["uri"], thing["latestReadyRevision"] = "https://todo-1234567890.europe-west2.run.app", "todo-1"
	thing["terminalCondition"] = map[string]any{"type": "Ready", "state": "CONDITION_SUCCEEDED"}
	return id, thing
}

func compute(g *google, at, _ string, thing map[string]any) (string, map[string]any) {
	name, _ := thing["name"].(string)
	thing["selfLink"], thing["id"] = g.url+at+"/"+name, "1234567890123456789"
	if strings.HasSuffix(at, "/addresses") && thing["address"] == nil {
		thing["address"] = "203.0.113.7"
	}
	return name, thing
}

func cloudSQL(g *google, at, _ string, thing map[string]any) (string, map[string]any) {
	name, _ := thing["name"].(string)
	if thing["type"] == "CLOUD_IAM_SERVICE_ACCOUNT" { // MySQL's names are short
		name, _, _ = strings.Cut(name, "@")
		thing["name"] = name
	}
	thing["selfLink"] = g.url + at + "/" + name
	if strings.HasSuffix(at, "/instances") {
		thing["connectionName"], thing["state"] = "my-project-123:europe-west2:"+name, "RUNNABLE"
		thing["ipAddresses"] = []any{map[string]any{"type": "PRIVATE", "ipAddress": "10.0.0.3"}}
	}
	return name, thing
}

// identity is of accounts, roles and pools.
func identity(_ *google, at, id string, thing map[string]any) (string, map[string]any) {
	switch {
	case strings.HasSuffix(at, "/serviceAccounts"):
		email := thing["accountId"].(string) + "@my-project-123.iam.gserviceaccount.com"
		thing, _ = thing["serviceAccount"].(map[string]any)
		if thing == nil {
			thing = map[string]any{}
		}
		id, thing["email"], thing["uniqueId"], thing["projectId"] = email, email, "100000000000000000001", "my-project-123"
	case strings.HasSuffix(at, "/roles"):
		id = thing["roleId"].(string)
		thing, _ = thing["role"].(map[string]any)
	default:
		thing["state"] = "ACTIVE"
	}
	thing["name"] = strings.TrimPrefix(at, "/iam/v1/") + "/" + id
	return id, thing
}

func orgPolicy(_ *google, at, _ string, thing map[string]any) (string, map[string]any) {
	name, _ := thing["name"].(string)
	return path.Base(name), thing
}

func cluster(g *google, at, _ string, thing map[string]any) (string, map[string]any) {
	thing, _ = thing["cluster"].(map[string]any)
	name, _ := thing["name"].(string)
	config, _ := thing["networkConfig"].(map[string]any)
	if config == nil {
		config = map[string]any{}
	}
	config["network"], config["subnetwork"] = thing["network"], thing["subnetwork"]
	thing["networkConfig"] = config
	thing["status"], thing["location"], thing["selfLink"] = "RUNNING", path.Base(path.Dir(at)), g.url+at+"/"+name
	return name, thing
}

func budget(_ *google, at, id string, thing map[string]any) (string, map[string]any) {
	thing["name"] = strings.TrimPrefix(at, "/billingbudgets/v1/") + "/" + id
	return id, thing
}

// special answers what is no thing's own path.
func (g *google) special(w http.ResponseWriter, r *http.Request, body map[string]any) bool {
	at := r.URL.EscapedPath()
	switch {
	case strings.HasPrefix(at, "/serviceusage/"):
		g.services(w, at, body)
	case strings.HasPrefix(at, "/servicenetworking/"):
		g.connections(w, r, body)
	case strings.HasPrefix(at, "/resourcemanager/"):
		say(w, map[string]any{"projectId": path.Base(at), "projectNumber": "123456789012", "name": "projects/123456789012", "lifecycleState": "ACTIVE"})
	case strings.HasSuffix(at, "/billingInfo"):
		say(w, map[string]any{"billingAccountName": "billingAccounts/012345-6789AB-CDEF01", "billingEnabled": true})
	case strings.HasSuffix(at, "/setLabels"):
		g.change(w, r.Method, path.Dir(at), map[string]any{"labels": body["labels"]})
	case strings.HasSuffix(at, ":listAttestationRules"):
		say(w, map[string]any{})
	case strings.Contains(at, "/changes"):
		g.records(w, at, body)
	case r.Method == http.MethodGet && list(at) != "":
		g.list(w, at, r.URL.Query())
	default:
		return false
	}
	return true
}

// services are the APIs of a project, switched on several at once.
func (g *google) services(w http.ResponseWriter, at string, body map[string]any) {
	ids, _ := body["serviceIds"].([]any)
	if service, found := strings.CutSuffix(at, ":enable"); found {
		ids, at = []any{path.Base(service)}, path.Dir(service)
	}
	at, _, _ = strings.Cut(at, ":")
	enabled, _ := g.kept[at].([]any)
	for _, id := range ids {
		enabled = append(enabled, map[string]any{"name": "projects/123456789012/services/" + id.(string), "state": "ENABLED"})
	}
	g.kept[at] = enabled
	if ids == nil {
		say(w, map[string]any{"services": enabled})
		return
	}
	say(w, longRunning("", map[string]any{}))
}

// connections are peerings with networks of Google's: one for each of ours.
func (g *google) connections(w http.ResponseWriter, r *http.Request, body map[string]any) {
	network, found := body["network"].(string)
	switch {
	case r.Method == http.MethodGet:
		all := []any{}
		if c := g.kept["/servicenetworking/"+r.URL.Query().Get("network")]; c != nil {
			all = append(all, c)
		}
		say(w, map[string]any{"connections": all})
		return
	case found:
		body["peering"] = "servicenetworking-googleapis-com"
		g.kept["/servicenetworking/"+network] = body
	default:
		network, _ = body["consumerNetwork"].(string)
		delete(g.kept, "/servicenetworking/"+network)
	}
	say(w, longRunning("", map[string]any{}))
}

// records are those of a zone, which a change adds to.
func (g *google) records(w http.ResponseWriter, at string, body map[string]any) {
	zone := strings.TrimSuffix(at, "/changes")
	for _, kind := range []string{"deletions", "additions"} {
		records, _ := body[kind].([]any)
		for _, r := range records {
			r := r.(map[string]any)
			key := zone + "/rrsets/" + r["name"].(string) + r["type"].(string)
			if delete(g.kept, key); kind == "additions" {
				g.kept[key] = r
			}
		}
	}
	say(w, map[string]any{"id": "1", "status": "done"})
}

// list gives the key that the API lists what is below a path under, "" when it is
// no path of such a list.
func list(at string) string {
	switch path.Base(at) {
	case "users", "anywhereCaches", "routes", "o":
		return "items"
	case "rrsets":
		return "rrsets"
	}
	return ""
}

func (g *google) list(w http.ResponseWriter, at string, query url.Values) {
	var all []any
	for p, thing := range g.kept {
		thing, _ := thing.(map[string]any)
		wanted := !query.Has("name") || thing["name"] == query.Get("name") && thing["type"] == query.Get("type")
		if strings.HasPrefix(p, strings.TrimSuffix(at, "/")+"/") && wanted {
			all = append(all, thing)
		}
	}
	say(w, map[string]any{list(at): all})
}

func say(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) } // the asker may be gone
