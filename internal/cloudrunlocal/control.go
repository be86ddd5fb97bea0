package cloudrunlocal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
)

// protocol is the version of what client and supervisor say to each other.
const protocol = 2

const (
	socketFile = "socket"
	stopPath   = "/v2/service/stop"
	maxMessage = 1 << 20 // bytes of a request or an answer
)

// The messages. Errors are answered with a status of 400 or above and a failure.
type (
	createRequest struct {
		Record   record `json:"record"`
		Incoming string `json:"incoming"` // the name of a folder in incoming/
		Secrets  values `json:"secrets,omitempty"`
	}
	trafficRequest struct {
		Revision string `json:"revision,omitempty"`
		Port     int    `json:"port,omitempty"`
		Previous bool   `json:"previous,omitempty"` // in place of a revision: the one before
	}
	status struct {
		Service
		RevisionURL string `json:"revisionUrl"`
		Fingerprint string `json:"fingerprint"`
		Protocol    int    `json:"protocol"`
	}
	failure struct {
		Message   string     `json:"message"`
		Remedy    string     `json:"remedy,omitempty"`
		Unhealthy *Unhealthy `json:"unhealthy,omitempty"`
	}
)

func newFailure(err error) failure {
	f := failure{Message: err.Error(), Remedy: hint.Remedy(err)}
	errors.As(err, &f.Unhealthy)
	return f
}

func (f failure) err() error {
	if f.Unhealthy != nil {
		return f.Unhealthy
	}
	err := errors.New(f.Message)
	if f.Remedy != "" {
		return hint.With(err, f.Remedy)
	}
	return err
}

// serveControl answers the commands of this user, on a socket in a folder that
// nobody else may enter.
func (s *supervisor) serveControl() (*http.Server, error) {
	if err := os.Remove(filepath.Join(s.dir.control(), socketFile)); ignoreMissing(err) != nil {
		return nil, fmt.Errorf("opening the control socket: %w", err)
	}
	var l net.Listener
	err := withSocket(s.dir, func(path string) (err error) {
		l, err = net.Listen("unix", path)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("opening the control socket: %w", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // by a path that means nothing by then
	if err := os.Chmod(filepath.Join(s.dir.control(), socketFile), 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("opening the control socket: %w", err)
	}
	return serve(l, http.MaxBytesHandler(s.controls(), maxMessage), s.log), nil
}

func (s *supervisor) controls() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/service", func(w http.ResponseWriter, r *http.Request) {
		answer(w, s.status(r.Context()), nil)
	})
	mux.HandleFunc("POST /v2/service/revisions", handle(func(ctx context.Context, q createRequest) (Revision, error) {
		return s.tell(s.create(ctx, q.Record, q.Incoming, q.Secrets))
	}))
	mux.HandleFunc("DELETE /v2/service/revisions/{name}", func(w http.ResponseWriter, r *http.Request) {
		if rev, err := s.find(r.PathValue("name")); err == nil {
			s.drop(rev)
		}
		answer(w, struct{}{}, nil)
	})
	mux.HandleFunc("PATCH /v2/service/traffic", handle(func(ctx context.Context, q trafficRequest) (Revision, error) {
		if q.Previous {
			return s.tell(s.rollback(ctx))
		}
		return s.tell(s.promote(ctx, q.Revision, q.Port))
	}))
	mux.HandleFunc("POST "+stopPath, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, struct{}{}, nil)
		s.end()
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.ending() && r.URL.Path != stopPath {
			answer(w, nil, fmt.Errorf("the service %s is being stopped", s.name))
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *supervisor) ending() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// tell describes a revision to a client.
func (s *supervisor) tell(rev *revision, err error) (Revision, error) {
	if err != nil {
		return Revision{}, err
	}
	return Revision{Name: rev.record.Name, URL: rev.url(), ServiceURL: serviceURL(s.port()), Image: rev.record.Image}, nil
}

func serviceURL(port int) string { return "http://" + loopback(port) }

// status asks the revision that has the traffic whether it works, now.
func (s *supervisor) status(ctx context.Context) status {
	rev := s.front.current.Load()
	s.mu.Lock()
	f := s.file
	s.mu.Unlock()
	st := status{Service: f.tell(s.dir), Protocol: protocol}
	if rev == nil {
		st.Reason = noTraffic
		return st
	}
	st.RevisionURL, st.Fingerprint = rev.url(), rev.record.fingerprint()
	if err := rev.check(ctx); err != nil {
		st.Reason = err.Error()
	}
	st.Healthy = st.Reason == ""
	return st
}

// tell is what of a service can be known without its supervisor.
func (f serviceFile) tell(dir state) Service {
	svc := Service{Name: f.Name, Target: Target, URL: serviceURL(f.Port), Revision: f.Serving, Image: f.Image, Since: f.Since, Previous: f.Previous, Directory: f.Directory, State: string(dir)}
	if f.Serving != "" {
		svc.Log = dir.log(f.Serving)
	}
	return svc
}

func handle[In, Out any](do func(context.Context, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		err := json.NewDecoder(r.Body).Decode(&in)
		if err != nil {
			answer(w, nil, fmt.Errorf("reading the request: %w", err))
			return
		}
		out, err := do(r.Context(), in)
		answer(w, out, err)
	}
}

func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusConflict)
		v = newFailure(err)
	}
	if err := json.NewEncoder(w).Encode(v); err != nil {
		slog.Debug("answering", "error", err) // the client went away
	}
}

// call makes a request to a service's supervisor.
func call(ctx context.Context, dir state, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://supervisor"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	t := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (c net.Conn, err error) {
		err = withSocket(dir, func(path string) error {
			c, err = (&net.Dialer{}).DialContext(ctx, "unix", path)
			return err
		})
		return c, err
	}}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("asking the supervisor in %s: %w", dir, err)
	}
	defer resp.Body.Close()
	return receive(resp, out)
}

func receive(resp *http.Response, out any) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxMessage))
	if err != nil {
		return fmt.Errorf("reading the supervisor's answer: %w", err)
	}
	if resp.StatusCode < http.StatusBadRequest {
		return json.Unmarshal(data, out)
	}
	var f failure
	if err := json.Unmarshal(data, &f); err != nil || f.Message == "" {
		return fmt.Errorf("the supervisor answered %s", resp.Status)
	}
	return f.err()
}

// statusLimit is how long a supervisor may take to tell how it is.
const statusLimit = probeLimit + 3*time.Second

func statusOf(ctx context.Context, dir state) (status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusLimit)
	defer cancel()
	var st status
	err := call(ctx, dir, http.MethodGet, "/v2/service", nil, &st)
	return st, err
}
