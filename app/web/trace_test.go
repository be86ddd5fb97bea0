package web

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadTrace(t *testing.T) {
	t.Parallel()
	const id, span = "105445aa7843bc8bf206b12000100000", "000000000000004a"
	tests := map[string]struct {
		header, value string
		want          Trace
	}{
		"W3C":               {"Traceparent", "00-" + id + "-" + span + "-01", Trace{ID: id, Span: span, Sampled: true}},
		"W3C, not sampled":  {"Traceparent", "00-" + id + "-" + span + "-00", Trace{ID: id, Span: span}},
		"W3C, later form":   {"Traceparent", "cc-" + id + "-" + span + "-03-more", Trace{ID: id, Span: span, Sampled: true}},
		"Google":            {"X-Cloud-Trace-Context", id + "/74;o=1", Trace{ID: id, Span: span, Sampled: true}},
		"Google, no span":   {"X-Cloud-Trace-Context", id, Trace{ID: id}},
		"Google, bad span":  {"X-Cloud-Trace-Context", id + "/x;o=0", Trace{ID: id}},
		"short":             {"Traceparent", "00-abc-" + span + "-01", Trace{}},
		"upper case":        {"Traceparent", "00-105445AA7843BC8BF206B12000100000-" + span + "-01", Trace{}},
		"a line of its own": {"X-Cloud-Trace-Context", "x\",\"severity\":\"EMERGENCY/1", Trace{}},
		"nothing":           {"Traceparent", "", Trace{}},
	}
	for name, tt := range tests {
		if diff := cmp.Diff(tt.want, readTrace(http.Header{tt.header: {tt.value}})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
