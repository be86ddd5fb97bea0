package cloudrunlocal

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestForwardedHeaders(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	for _, base := range []string{one.ServiceURL, one.URL} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/request?a=1;b=%zz", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "todo.example"
		for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "Forwarded", "X-Real-Ip", "X_Forwarded_For", "x-forwarded_proto", "X_REAL_IP"} {
			req.Header[name] = []string{"203.0.113.7"}
		}
		req.Header.Set("X-Other", "kept")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Header    http.Header
			Host, URI string
		}
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got.Host != "todo.example" || got.URI != "/request?a=1;b=%zz" {
			t.Errorf("the process sees host %q and %q", got.Host, got.URI)
		}
		want := http.Header{
			"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"todo.example"}, "X-Other": {"kept"},
			"Accept-Encoding": {"gzip"}, "User-Agent": {"Go-http-client/1.1"},
		}
		if diff := cmp.Diff(want, got.Header); diff != "" {
			t.Errorf("headers at %s (-want +got):\n%s", base, diff)
		}
	}
}

func TestStreaming(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	url := serving(t, c, "VERSION=1").ServiceURL
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/stream", r)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for n := range 3 { // each line comes back before the next is sent
		want := fmt.Sprintf("line %d\n", n)
		if _, err := io.WriteString(w, want); err != nil {
			t.Fatal(err)
		}
		if got, err := lines.ReadString('\n'); got != want || err != nil {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestUpgradeSurvivesRollout: an upgraded connection, as a WebSocket is, keeps
// its revision until it ends.
func TestUpgradeSurvivesRollout(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	server := processAt(t, one.ServiceURL)
	conn, err := net.Dial("tcp", strings.TrimPrefix(one.ServiceURL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /upgrade HTTP/1.1\r\nHost: todo\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrade: %+v, %v", resp, err)
	}
	serving(t, c, "VERSION=2")
	for n := range 3 {
		want := fmt.Sprintf("message %d\n", n)
		fmt.Fprint(conn, want)
		if got, err := in.ReadString('\n'); got != want || err != nil {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	}
	if gone(server.PID)() {
		t.Error("the old process ended with a connection open")
	}
	_ = conn.Close()
	eventually(t, "the old process ends", gone(server.PID))
}

func TestOpenRequestSurvivesRollout(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	resp, err := http.Get(one.ServiceURL + "/slow?ms=1500")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	serving(t, c, "VERSION=2")
	if got := get(t, one.ServiceURL); got != "2" {
		t.Errorf("new requests are answered %q", got)
	}
	if body, err := io.ReadAll(resp.Body); string(body) != "1" || err != nil {
		t.Errorf("the open request was answered %q, %v", body, err)
	}
}

func TestDrainHasALimit(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.Limits.Drain, c.Limits.Stop = 200*time.Millisecond, 200*time.Millisecond
	one := serving(t, c, "VERSION=1")
	server := processAt(t, one.ServiceURL)
	resp, err := http.Get(one.ServiceURL + "/slow?ms=60000")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	serving(t, c, "VERSION=2")
	eventually(t, "the old process is killed", gone(server.PID))
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("a broken answer looks whole")
	}
}

func TestRetirementsAreBounded(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.Limits.Drain, c.Limits.Stop = time.Minute, 200*time.Millisecond
	var first process
	for v := range maxDraining + 2 {
		rev := serving(t, c, fmt.Sprintf("VERSION=%d", v))
		if v == 0 {
			first = processAt(t, rev.ServiceURL)
		}
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, rev.ServiceURL+"/slow?ms=60000", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
	}
	eventually(t, "the oldest of the revisions that lost the traffic is ended", gone(first.PID))
}

func TestHostileRequests(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	addr := strings.TrimPrefix(one.ServiceURL, "http://")
	cases := map[string]struct{ request, status string }{
		"huge header":       {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 1<<20), "431"},
		"CONNECT":           {"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", "405"},
		"another's address": {"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n", "200"},
		"two lengths":       {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
		"length and chunks": {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: x, chunked\r\n\r\n0\r\n\r\n", "501"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go func() { _, _ = io.WriteString(conn, tc.request) }() // it may be refused half-way
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || !strings.HasPrefix(resp.Status, tc.status) {
				t.Errorf("got %+v, %v, want %s", resp, err, tc.status)
			}
		})
	}
	if got := get(t, one.ServiceURL); got != "1" {
		t.Errorf("the service answers %q", got)
	}
}
