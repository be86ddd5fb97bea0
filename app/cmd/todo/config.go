package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// variables are all of the environment that the program reads.
var variables = [...]struct{ name, use string }{
	{"PORT", "the port to serve on (8000); 0 is any free one"},
	{"HOST", "the address to serve on (all of the machine's)"},
	{"DATA_DIR", "the folder of the database and the key ($XDG_STATE_HOME/todo/data or ~/.local/state/todo/data)"},
	{"SESSION_KEYS", "keys that sign cookies, at least 32 bytes each in base64, newest first, commas between (made and kept in DATA_DIR)"},
	{"TRUSTED_HEADERS", "headers of the proxy in front to believe: X-Forwarded-Proto (none)"},
	{"LOG_LEVEL", "debug, info, warning or error (info)"},
}

// config is the environment, checked.
type config struct {
	host, port   string
	dataDir      string
	sessionKeys  string // "" when they are kept in dataDir
	trustedProto bool
	level        slog.Level
}

func (c config) address() string { return net.JoinHostPort(c.host, c.port) }

// readConfig reads the environment. All that is wrong with it is in the error.
func readConfig(env func(string) string) (config, error) {
	c := config{host: env("HOST"), port: env("PORT"), dataDir: env("DATA_DIR"), sessionKeys: env("SESSION_KEYS")}
	if c.port == "" {
		c.port = "8000"
	}
	if c.dataDir == "" {
		c.dataDir = defaultDataDir(env)
	}
	level, levelErr := readLevel(env("LOG_LEVEL"))
	trusted, trustErr := readTrusted(env("TRUSTED_HEADERS"))
	c.level, c.trustedProto = level, trusted
	return c, errors.Join(checkPort(c.port), levelErr, trustErr)
}

func checkPort(s string) error {
	if _, err := strconv.ParseUint(s, 10, 16); err != nil {
		return fmt.Errorf("PORT=%q: want a number from 0 to 65535", s)
	}
	return nil
}

func readLevel(s string) (slog.Level, error) {
	switch strings.ToLower(s) {
	case "debug":
		return slog.LevelDebug, nil
	case "", "info":
		return slog.LevelInfo, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("LOG_LEVEL=%q: want debug, info, warning or error", s)
}

func readTrusted(s string) (proto bool, err error) {
	for name := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		if !strings.EqualFold(name, "X-Forwarded-Proto") {
			return false, fmt.Errorf("TRUSTED_HEADERS: %q cannot be used: want X-Forwarded-Proto or nothing", name)
		}
		proto = true
	}
	return proto, nil
}

// defaultDataDir is below the user's state folder, or "" when there is none
// (XDG Base Directory Specification 0.8, "state").
func defaultDataDir(env func(string) string) string {
	state := env("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home := env("HOME")
		if !filepath.IsAbs(home) {
			return ""
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "todo", "data")
}
