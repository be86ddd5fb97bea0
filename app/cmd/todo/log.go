package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/sluice-ci/sluice/app/web"
)

// newLogger writes JSON lines with the names that Cloud Logging gives a meaning.
//
// https://cloud.google.com/logging/docs/structured-logging
func newLogger(w io.Writer, level slog.Level, project string) *slog.Logger {
	lines := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: cloudNames})
	return slog.New(traced{Handler: lines, project: project})
}

func cloudNames(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.MessageKey:
		a.Key = "message"
	case slog.LevelKey:
		severity := a.Value.String()
		if severity == slog.LevelWarn.String() {
			severity = "WARNING"
		}
		a = slog.String("severity", severity)
	}
	return a
}

// traced adds the names of the request that a line belongs to.
type traced struct {
	slog.Handler
	project string
}

// Handle implements [slog.Handler].
func (h traced) Handle(ctx context.Context, line slog.Record) error {
	t, ok := web.TraceOf(ctx)
	if !ok {
		return h.Handler.Handle(ctx, line)
	}
	line.AddAttrs(slog.String("request_id", t.Request))
	if t.ID != "" {
		name := t.ID
		if h.project != "" {
			name = "projects/" + h.project + "/traces/" + t.ID
		}
		line.AddAttrs(slog.String("logging.googleapis.com/trace", name), slog.Bool("logging.googleapis.com/trace_sampled", t.Sampled))
	}
	if t.Span != "" {
		line.AddAttrs(slog.String("logging.googleapis.com/spanId", t.Span))
	}
	return h.Handler.Handle(ctx, line)
}

// WithAttrs implements [slog.Handler].
func (h traced) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traced{Handler: h.Handler.WithAttrs(attrs), project: h.project}
}

// WithGroup implements [slog.Handler].
func (h traced) WithGroup(name string) slog.Handler {
	return traced{Handler: h.Handler.WithGroup(name), project: h.project}
}
