package sandbox

import (
	"errors"
	"net/netip"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLoopbackAddresses(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"127.0.0.1":        "127.0.0.1",
		"127.200.3.4":      "127.200.3.4",
		"::1":              "::1",
		"::ffff:127.0.0.1": "::ffff:127.0.0.1",
		"0.0.0.0":          "127.0.0.1",
		"::":               "::1",
		"::ffff:0.0.0.0":   "",
		"::ffff:192.0.2.1": "",
		"::2":              "",
		"128.0.0.1":        "",
		"192.0.2.1":        "",
		"169.254.169.254":  "",
		"2001:db8::1":      "",
		"fe80::1":          "",
		"::127.0.0.1":      "", // not mapped: an address like any other
	} {
		got, err := loopback(netip.MustParseAddr(from))
		switch {
		case want == "" && !errors.Is(err, unix.EACCES):
			t.Errorf("%s passes as %s, %v", from, got, err)
		case want != "" && (err != nil || got.String() != want):
			t.Errorf("%s: got %s, %v, want %s", from, got, err, want)
		}
	}
}

func TestGrantedSockets(t *testing.T) {
	t.Parallel()
	o := &Overseer{write: []string{"/work/out", "/run/database.sock"}}
	for path, want := range map[string]bool{
		"/work/out/a/socket":   true,
		"/run/database.sock":   true,
		"/work/outside/socket": false,
		"/run/database.sock2":  false,
		"/work/socket":         false,
		"/run/docker.sock":     false,
	} {
		if got := o.mayWrite(path); got != want {
			t.Errorf("%s: granted %v", path, got)
		}
	}
}

// TestOverseerEnds has an overseer end whose command never started, closed before
// or while it waits.
func TestOverseerEnds(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]bool{"closed before": true, "closed after": false} {
		o, err := Oversee(exec.Command("/bin/true"), &Request{Access: Access{Network: Loopback}, Temp: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		if before {
			err = o.Close()
		}
		go func() { ended <- o.Run() }()
		if !before {
			err = o.Close()
		}
		if err := errors.Join(err, <-ended); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOverseerOfNothing has an overseer end with a command that never asked it.
func TestOverseerOfNothing(t *testing.T) {
	t.Parallel()
	c := exec.Command("/bin/true")
	o, err := Oversee(c, &Request{Access: Access{Network: Loopback}, Temp: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Start(), o.Run(), c.Wait(), o.Close()); err != nil {
		t.Error(err)
	}
}
