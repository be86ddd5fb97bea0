package cloudrunlocal

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"github.com/sluice-ci/sluice/internal/mask"
)

// TestPortThatIsAnothers: an answer of another process on the port proves nothing.
func TestPortThatIsAnothers(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	sleeper := program{root: t.TempDir(), path: "app/server", args: []string{"server"}, dir: "/", env: []string{"MODE=sleep"}, data: t.TempDir(), temp: t.TempDir()}
	if err := unpackServer(sleeper.root); err != nil {
		t.Fatal(err)
	}
	i, err := startInstance(sleeper, mask.Masker{}.Writer(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	defer i.stop(0)
	i.port = other.Listener.Addr().(*net.TCPAddr).Port
	if err := awaitReady(t.Context(), i); !errors.Is(err, errPortLost) {
		t.Errorf("got %v, want %v", err, errPortLost)
	}
	if !groupListens(syscall.Getpgrp(), i.port) {
		t.Error("the process that does listen is not found")
	}
}
