package dast

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
)

// The tool of this check is the service's own server, so that the faults are its.
func TestConform(t *testing.T) {
	service := func(h http.Handler) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			dir := t.TempDir()
			return scantest.Service{
				Service: scan.Service{Root: dir, Dir: dir, Version: "test"},
				Needs:   deployed(serve(t, h).String()),
			}
		}
	}
	says := func(contentType, text string) func(*testing.T) scantest.Service {
		return service(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			fmt.Fprint(w, text)
		}))
	}
	scantest.Run(t, scantest.Adapter{
		Scanner: Scanner{},
		Make:    service(&site{}),
		Defects: map[string]func(*testing.T) scantest.Service{
			"a form that any session's token opens": service(&site{accepts: anySession}),
			"no headers":                            service(&site{header: func(h http.Header) { clear(h) }}),
		},
		Blind: map[string]func(*testing.T) scantest.Service{
			"closes at once":         service(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })),
			"says nothing":           says("", ""),
			"an object of nothing":   says("application/json", "{}"),
			"null":                   says("application/json", "null"),
			"a page of nothing":      says("text/html", ""),
			"hangs":                  service(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })),
			"an endless body":        service(http.HandlerFunc(endless)),
			"fails":                  service(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })),
			"output that breaks off": service(http.HandlerFunc(breaksOff)),
			"nobody listens": func(t *testing.T) scantest.Service {
				s := service(&site{})(t)
				s.Needs = deployed("http://127.0.0.1:1")
				return s
			},
			"no address": func(t *testing.T) scantest.Service {
				s := service(&site{})(t)
				s.Needs = nil
				return s
			},
		},
	})
}

// deployed is what the job "deploy" leaves.
func deployed(address string) map[string]pipeline.Need {
	return map[string]pipeline.Need{deployJob: {Reports: map[string]pipeline.Report{deployJob: {Stage: deployJob, Values: map[string]string{"url": address}}}}}
}

func endless(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	for line := strings.Repeat("x", 1<<16); ; {
		if _, err := fmt.Fprint(w, line); err != nil {
			return
		}
	}
}

func breaksOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	fmt.Fprint(w, "<!DOCTYPE html><form method=post action=/add>")
}
