// Command check builds overlays of the service's Kubernetes manifests, holds
// them to Kubernetes' own schemas and to what has to agree between them, and
// prints those that pass, for kubectl:
//
//	go run ./check overlays/production | kubectl apply -f -
//
// Kubernetes' schemas are fetched with the go command, once.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run returns the exit status: 0 when every overlay passes, 1 when one does
// not, 2 without any. Nothing is printed of an overlay that does not pass.
func run(overlays []string, stdout, stderr io.Writer) int {
	if len(overlays) == 0 {
		say(stderr, "usage: check OVERLAY…; an overlay is a folder such as overlays/production")
		return 2
	}
	s, err := loadSchemas()
	if err != nil {
		say(stderr, "check: "+err.Error())
		return 1
	}
	status := 0
	for _, overlay := range overlays {
		text, err := passed(s, overlay)
		if err != nil {
			say(stderr, fmt.Sprintf("check: %s:\n%v", overlay, err))
			status = 1
			continue
		}
		say(stdout, "---\n"+text)
	}
	return status
}

// passed returns the manifests of an overlay as YAML; all that is wrong with
// them is in the error.
func passed(s schemas, overlay string) (string, error) {
	text, objects, err := build(overlay)
	if err != nil {
		return "", err
	}
	return text, check(s, objects)
}

// say writes for a person or a pipe; there is nobody to tell when it cannot be written.
func say(w io.Writer, text string) { _, _ = fmt.Fprintln(w, text) }
