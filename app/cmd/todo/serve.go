package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/sluice-ci/sluice/app/web"
)

// The limits of a connection. A client that is slower than these is not
// waited for.
const (
	headerLimit = 5 * time.Second
	readLimit   = 10 * time.Second
	writeLimit  = 10 * time.Second
	// Google's load balancers keep idle connections for 600 s, and a service
	// that closes one first makes them answer 502.
	idleLimit      = 620 * time.Second
	maxHeaderBytes = 16 << 10
	// Cloud Run kills a process 10 s after SIGTERM.
	shutdownLimit = 8 * time.Second
)

// serve runs the service until the context ends, and returns the exit status.
func serve(ctx context.Context, c config, log *slog.Logger) int {
	if err := serveUntil(ctx, c, log); err != nil {
		log.ErrorContext(ctx, "App failed: "+err.Error())
		return exitFailed
	}
	log.InfoContext(ctx, "App stopped")
	return exitOK
}

func serveUntil(ctx context.Context, c config, log *slog.Logger) (err error) {
	b, err := openBacking(ctx, c, log)
	if err != nil {
		return err
	}
	// Last, when no request is under way any more.
	defer func() { err = errors.Join(err, b.close()) }()
	registry, err := newRegistry(b.pools)
	if err != nil {
		return err
	}
	o := c.web
	o.Lists, o.Keys, o.Log, o.Metrics = b.lists, b.keys, log, registry
	site, err := web.New(o)
	if err != nil {
		return err
	}
	if c.metrics != "" {
		if err := serveMetrics(ctx, c.metrics, registry, log); err != nil {
			return err
		}
	}
	go site.Watch(ctx)
	return listenAndServe(ctx, c.address(), newServer(site, log), log)
}

func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: headerLimit,
		ReadTimeout:       readLimit,
		WriteTimeout:      writeLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    maxHeaderBytes,
	}
}

func listenAndServe(ctx context.Context, address string, server *http.Server, log *slog.Logger) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listening on %s: %w; set PORT and HOST to what is free", address, err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	log.InfoContext(ctx, "App started successfully", "address", listener.Addr().String(), "version", version())
	select {
	case err := <-served:
		return fmt.Errorf("serving on %s: %w", address, err)
	case <-ctx.Done():
		return shutDown(server)
	}
}

// shutDown lets the requests under way end, and takes no new ones.
func shutDown(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownLimit)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("waiting for requests under way: %w", err), server.Close())
	}
	return nil
}
