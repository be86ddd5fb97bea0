package main

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

// kubernetes has the OpenAPI documents of the API server, gatewayAPI the custom
// resource definitions that GKE installs. Both are of a version that GKE's
// regular channel has or will have.
func kubernetes() module {
	return module{"k8s.io/kubernetes", "v1.36.3", "h1:qDQdoMiluAE2Eab6Fa52YV+WjiGz9mZFFoagEA6cI+o="}
}

func gatewayAPI() module {
	return module{"sigs.k8s.io/gateway-api", "v1.6.3", "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc="}
}

// written are schemas of resources whose definitions are to be had in no module.
//
//go:embed schemas/*.yaml
var written embed.FS

// schemas are by apiVersion and kind.
type schemas map[string]*jsonschema.Schema

func key(apiVersion, kind string) string { return apiVersion + " " + kind }

// validate refuses what the API server would, and fields that it would drop.
func (s schemas) validate(o object) error {
	schema, ok := s[key(o.apiVersion(), o.kind())]
	if !ok {
		return fmt.Errorf("%s: there is no schema for %s", o, key(o.apiVersion(), o.kind()))
	}
	// By JSON, so that numbers are as the validator knows them.
	text, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("%s: %w", o, err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return fmt.Errorf("%s: %w", o, err)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("%s: %w", o, err)
	}
	return nil
}

func loadSchemas() (schemas, error) {
	s := schemas{}
	dir, err := kubernetes().fetch()
	if err != nil {
		return nil, err
	}
	api := os.DirFS(dir)
	for _, group := range []string{"api__v1", "apis__apps__v1", "apis__autoscaling__v2", "apis__policy__v1", "apis__networking.k8s.io__v1"} {
		if err := s.addOpenAPI(api, "api/openapi-spec/v3/"+group+"_openapi.json"); err != nil {
			return nil, err
		}
	}
	if dir, err = gatewayAPI().fetch(); err != nil {
		return nil, err
	}
	return s, errors.Join(
		s.addDefinitions(os.DirFS(dir), "config/crd/standard/gateway.networking.k8s.io_gateways.yaml", "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"),
		s.addDefinitions(written, "schemas/networking.gke.io.yaml", "schemas/monitoring.googleapis.com.yaml", "schemas/secrets-store.csi.x-k8s.io.yaml"))
}

// addOpenAPI adds the kinds of an OpenAPI v3 document.
func (s schemas) addOpenAPI(from fs.FS, name string) error {
	document, err := readYAML(from, name)
	if err != nil {
		return err
	}
	components, _ := document["components"].(map[string]any)
	types, _ := components["schemas"].(map[string]any)
	c := jsonschema.NewCompiler()
	if err := c.AddResource("/"+name, strict(document)); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	for path, definition := range types {
		definition, _ := definition.(map[string]any)
		for _, k := range asList(definition["x-kubernetes-group-version-kind"]) {
			k, _ := k.(map[string]any)
			version := strings.TrimPrefix(fmt.Sprintf("%v/%v", k["group"], k["version"]), "/")
			if s[key(version, fmt.Sprint(k["kind"]))], err = c.Compile("/" + name + "#/components/schemas/" + path); err != nil {
				return fmt.Errorf("reading %s: %w", name, err)
			}
		}
	}
	return nil
}

// addDefinitions adds the kinds of files of custom resource definitions.
func (s schemas) addDefinitions(from fs.FS, names ...string) error {
	for _, name := range names {
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return fmt.Errorf("reading schemas: %w", err)
		}
		for part := range strings.SplitSeq(string(text), "\n---\n") {
			if err := s.addDefinition([]byte(part)); err != nil {
				return fmt.Errorf("reading %s: %w", name, err)
			}
		}
	}
	return nil
}

// addDefinition adds the versions of one custom resource definition.
func (s schemas) addDefinition(text []byte) error {
	var d struct {
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema map[string]any }
			}
		}
	}
	if err := yaml.Unmarshal(text, &d); err != nil {
		return err
	}
	for _, v := range d.Spec.Versions {
		k := key(d.Spec.Group+"/"+v.Name, d.Spec.Names.Kind)
		at := "/" + strings.ReplaceAll(k, " ", "/")
		c := jsonschema.NewCompiler()
		if err := c.AddResource(at, strict(v.Schema.OpenAPIV3Schema)); err != nil {
			return err
		}
		var err error
		if s[k], err = c.Compile(at); err != nil {
			return err
		}
	}
	return nil
}

func readYAML(from fs.FS, name string) (map[string]any, error) {
	text, err := fs.ReadFile(from, name)
	if err != nil {
		return nil, fmt.Errorf("reading schemas: %w", err)
	}
	var document map[string]any
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return document, nil
}

// strict makes each schema of an object refuse fields that it does not name,
// which Kubernetes would drop without a word. What a schema is combined with
// (oneOf and so on) names a part of the fields only, and is left as it is.
func strict(schema any) any {
	switch schema := schema.(type) {
	case map[string]any:
		for name, v := range schema {
			if name != "oneOf" && name != "anyOf" && name != "allOf" && name != "not" {
				strict(v)
			}
		}
		_, named := schema["properties"].(map[string]any)
		_, more := schema["additionalProperties"]
		if named && !more && schema["x-kubernetes-preserve-unknown-fields"] != true {
			schema["additionalProperties"] = false
		}
	case []any:
		for _, v := range schema {
			strict(v)
		}
	}
	return schema
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}
