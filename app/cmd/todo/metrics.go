package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// newRegistry has the metrics of the program itself.
func newRegistry(pools map[string]*sql.DB) (*prometheus.Registry, error) {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "todo_build_info", Help: "1, with the build in the labels.",
		ConstLabels: prometheus.Labels{"version": version(), "revision": revision(), "goversion": runtime.Version()},
	})
	build.Set(1)
	all := []prometheus.Collector{build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})}
	for name, db := range pools {
		all = append(all, collectors.NewDBStatsCollector(db, name))
	}
	for _, c := range all {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return registry, nil
}

// revision is the commit of the build, where the build knows it.
func revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}

// metricsRetry is how often a metrics address that is taken is tried again:
// while one instance replaces another on a machine, both want it.
const metricsRetry = time.Second

// serveMetrics serves the registry's metrics at an address until the context
// ends. The error is one that waiting does not mend.
func serveMetrics(ctx context.Context, address string, registry *prometheus.Registry, log *slog.Logger) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	taken := errors.Is(err, syscall.EADDRINUSE)
	if err != nil && !taken {
		return fmt.Errorf("listening for metrics: %w; set METRICS_ADDR to an address of this machine", err)
	}
	if !taken {
		log.InfoContext(ctx, "Metrics served", "address", listener.Addr().String())
		go serveMetricsOn(ctx, listener, registry, log)
		return nil
	}
	log.WarnContext(ctx, "Metrics wait for their address: "+err.Error())
	go func() {
		if listener := awaitAddress(ctx, address); listener != nil {
			log.InfoContext(ctx, "Metrics served", "address", address)
			serveMetricsOn(ctx, listener, registry, log)
		}
	}()
	return nil
}

// awaitAddress listens once an address is free; nil when the context ends first.
func awaitAddress(ctx context.Context, address string) net.Listener {
	ticks := time.NewTicker(metricsRetry)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
			if listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address); err == nil {
				return listener
			}
		}
	}
}

func serveMetricsOn(ctx context.Context, listener net.Listener, registry *prometheus.Registry, log *slog.Logger) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: writeLimit, Registry: registry}))
	server := newServer(mux, log)
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		log.ErrorContext(ctx, "serving metrics", "error", err.Error())
	}
}
