package main

import (
	"io"
	"log/slog"
)

// newLogger writes JSON lines with the names that Cloud Logging gives a meaning.
//
// https://cloud.google.com/logging/docs/structured-logging
func newLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: cloudNames}))
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
