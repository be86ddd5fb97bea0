package main

import (
	"fmt"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// object is one manifest.
type object map[string]any

func (o object) kind() string       { return fmt.Sprint(o["kind"]) }
func (o object) apiVersion() string { return fmt.Sprint(o["apiVersion"]) }

func (o object) name() string {
	metadata, _ := o["metadata"].(map[string]any)
	return fmt.Sprint(metadata["name"])
}

func (o object) String() string { return o.kind() + " " + o.name() }

// build does what "kustomize build" does.
func build(overlay string) (string, []object, error) {
	found, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), overlay)
	if err != nil {
		return "", nil, fmt.Errorf("building: %w; settings.example.yaml says what settings.yaml has to have", err)
	}
	text, err := found.AsYaml()
	if err != nil {
		return "", nil, fmt.Errorf("writing YAML: %w", err)
	}
	var objects []object
	for _, r := range found.Resources() {
		o, err := r.Map()
		if err != nil {
			return "", nil, fmt.Errorf("reading %s: %w", r.CurId(), err)
		}
		objects = append(objects, o)
	}
	return string(text), objects, nil
}
