package cloudrunlocal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// probeLimit is how long a process may take to answer a health check.
const probeLimit = 5 * time.Second

// probe asks a process whether it works: GET /health, or GET / where there is
// no such page. It works when it answers below 500.
func probe(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	path := "/health"
	status, err := ask(ctx, port, path)
	if err == nil && status == http.StatusNotFound {
		path = "/"
		status, err = ask(ctx, port, path)
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens on port %d", port)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("GET %s got no answer", path)
	case err != nil:
		return fmt.Errorf("GET %s: %w", path, err)
	case status >= http.StatusInternalServerError:
		return fmt.Errorf("GET %s answered %d", path, status)
	}
	return nil
}

func ask(ctx context.Context, port int, path string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+loopback(port)+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("User-Agent", "sluice-health-check")
	t := &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	// Reading a little spares the service an error about a broken pipe.
	_, err = io.CopyN(io.Discard, resp.Body, maxHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("reading the answer: %w", err)
	}
	return resp.StatusCode, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// errPortLost is returned for a process whose port somebody else took first.
var errPortLost = errors.New("another process took the port that it was given")

// awaitReady waits until an instance answers. There is no event for that a
// process listens, so it is asked, soon at first; that it ended is an event.
func awaitReady(ctx context.Context, i *instance) error {
	last := errors.New("it was never asked")
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := probe(ctx, i.port)
		if err == nil && !i.listens() {
			return errPortLost
		}
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-i.ended:
			return fmt.Errorf("ended before it answered: %s", i.how)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), last)
		case <-time.After(pause):
		}
	}
}
