package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/app/store"
	"github.com/sluice-ci/sluice/app/web"
)

// variables are all of the environment that the program reads.
var variables = [...]struct{ name, use string }{
	{"PORT", "the port to serve on (8000); 0 is any free one"},
	{"HOST", "the address to serve on (all of the machine's)"},
	{"METRICS_ADDR", "host:port of the listener for /metrics (none); never one that the public can reach"},
	{"DATA_DIR", "the folder of the SQLite database and the key ($XDG_STATE_HOME/todo/data, ~/.local/state/todo/data or /data)"},
	{"INSTANCE_CONNECTION_NAME", "the Cloud SQL for MySQL instance, as project:region:instance (SQLite is used)"},
	{"PRIVATE_IP", "true reaches that instance by its private address (false)"},
	{"DB_HOST", "a MySQL server without Cloud SQL: host, host:port, or the path of a Unix socket"},
	{"DB_TLS", "verify or off (verify; off for a Unix socket or a loopback address)"},
	{"DB_USER", "the MySQL user"},
	{"DB_PASS, DB_PASS_FILE", "its password, or a file of it (with Cloud SQL: automatic IAM authentication)"},
	{"DB_NAME", "the MySQL database"},
	{"SESSION_KEYS, SESSION_KEYS_FILE", "keys that sign cookies, at least 32 bytes each in base64, newest first, commas between (made and kept in DATA_DIR)"},
	{"TODO_SHARED_LIST", "true is one list for everybody (false)"},
	{"MAX_ITEMS", "how many items a list may have (1000)"},
	{"RATE_LIMIT", "requests a second from one client, four seconds' worth at once; 0 is any number (50)"},
	{"TRUSTED_HEADERS", "headers of the proxy in front to believe: X-Forwarded-Proto, X-Forwarded-For (none)"},
	{"TRUSTED_PROXIES", "how many proxies append to X-Forwarded-For (1)"},
	{"LOG_LEVEL", "debug, info, warning or error (info)"},
	{"LOG_ITEM_TEXT", "true writes what people write into the log (false)"},
	{"GOOGLE_CLOUD_PROJECT", "the project that names of traces in the log belong to"},
}

// config is the environment, checked.
type config struct {
	host, port string
	metrics    string // "" for no listener
	data       dataConfig
	mysql      *store.MySQL // nil for SQLite
	keys       string       // "" when they are kept in the data folder
	maxItems   int
	web        web.Options // what is told to the handler
	level      slog.Level
	project    string
}

// dataConfig is the folder for SQLite and the key.
type dataConfig struct {
	dir string
	// fleeting tells why what is kept in the folder would be lost; "" when it
	// would not.
	fleeting string
}

func (c config) address() string { return net.JoinHostPort(c.host, c.port) }

// reader reads settings, and collects what is wrong with them.
type reader struct {
	env  func(string) string
	errs []error
}

// readConfig reads the environment. All that is wrong with it is in the error.
func readConfig(env func(string) string) (config, error) {
	r := &reader{env: env}
	c := config{
		host: env("HOST"), port: r.port(), metrics: r.hostPort("METRICS_ADDR"), data: r.dataDir(), mysql: r.mysql(),
		keys: r.secret("SESSION_KEYS"), maxItems: int(r.number("MAX_ITEMS", 1000, 1, 1_000_000)), level: r.level(), project: env("GOOGLE_CLOUD_PROJECT"),
		web: web.Options{
			SharedList: r.truth("TODO_SHARED_LIST"), LogItemText: r.truth("LOG_ITEM_TEXT"),
			RateLimit: r.number("RATE_LIMIT", 50, 0, 1_000_000), Proxy: r.proxy(),
		},
	}
	return c, errors.Join(r.errs...)
}

func (r *reader) wrong(name, want string) {
	r.errs = append(r.errs, fmt.Errorf("%s=%q: want %s", name, r.env(name), want))
}

func (r *reader) truth(name string) bool {
	switch r.env(name) {
	case "true":
		return true
	case "", "false":
		return false
	}
	r.wrong(name, "true or false")
	return false
}

func (r *reader) number(name string, otherwise, least, most float64) float64 {
	text := r.env(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || float64(n) < least || float64(n) > most {
		r.wrong(name, fmt.Sprintf("a whole number from %.0f to %.0f", least, most))
	}
	return float64(n)
}

func (r *reader) port() string {
	return strconv.Itoa(int(r.number("PORT", 8000, 0, 65535)))
}

func (r *reader) hostPort(name string) string {
	text := r.env(name)
	if text == "" {
		return ""
	}
	_, port, err := net.SplitHostPort(text)
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
		r.wrong(name, "host:port, such as 127.0.0.1:9464")
	}
	return text
}

func (r *reader) level() slog.Level {
	switch strings.ToLower(r.env("LOG_LEVEL")) {
	case "debug":
		return slog.LevelDebug
	case "", "info":
		return slog.LevelInfo
	case "warn", "warning":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	r.wrong("LOG_LEVEL", "debug, info, warning or error")
	return 0
}

func (r *reader) proxy() (p web.Proxy) {
	hops := int(r.number("TRUSTED_PROXIES", 1, 1, 10))
	for name := range strings.FieldsFuncSeq(r.env("TRUSTED_HEADERS"), func(c rune) bool { return c == ',' || c == ' ' }) {
		switch strings.ToLower(name) {
		case "x-forwarded-proto":
			p.Proto = true
		case "x-forwarded-for":
			p.Hops = hops
		default:
			r.wrong("TRUSTED_HEADERS", "X-Forwarded-Proto, X-Forwarded-For, both or nothing, not "+strconv.Quote(name))
		}
	}
	return p
}

// maxSecret is how large a file of a secret may be, in bytes.
const maxSecret = 4 << 10

// secret reads a setting that may also be in a file that another names.
func (r *reader) secret(name string) string {
	file := r.env(name + "_FILE")
	if file == "" {
		return r.env(name)
	}
	if r.env(name) != "" {
		r.errs = append(r.errs, fmt.Errorf("%s and %s_FILE are both set: want one of them", name, name))
	}
	text, err := readSecret(file)
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("reading %s_FILE: %w", name, err))
	}
	return text
}

func readSecret(file string) (text string, err error) {
	f, err := os.Open(file) // #nosec G304 -- the operator names it
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch text = strings.TrimRight(string(b), "\r\n"); {
	case err != nil:
		return "", err
	case len(b) > maxSecret:
		return "", fmt.Errorf("%s is larger than %d bytes", file, maxSecret)
	case text == "":
		return "", fmt.Errorf("%s is empty", file)
	}
	return text, nil
}

// mysql reads the settings of a MySQL database; nil when there are none.
func (r *reader) mysql() *store.MySQL {
	m := store.MySQL{
		Instance: r.env("INSTANCE_CONNECTION_NAME"), PrivateIP: r.truth("PRIVATE_IP"), Host: r.env("DB_HOST"),
		User: r.env("DB_USER"), Password: r.secret("DB_PASS"), Database: r.env("DB_NAME"),
	}
	m.PlainText = r.plainText(m.Host)
	switch {
	case m.Instance == "" && m.Host == "":
		if m.User != "" || m.Password != "" || m.Database != "" {
			r.errs = append(r.errs, errors.New("DB_USER, DB_PASS or DB_NAME is set, but not where the database is: set INSTANCE_CONNECTION_NAME or DB_HOST"))
		}
		return nil
	case m.Instance != "" && m.Host != "":
		r.errs = append(r.errs, errors.New("INSTANCE_CONNECTION_NAME and DB_HOST are both set: want one of them"))
	case m.Instance != "" && strings.Count(m.Instance, ":") < 2:
		r.wrong("INSTANCE_CONNECTION_NAME", "project:region:instance")
	}
	if m.User == "" || m.Database == "" {
		r.errs = append(r.errs, errors.New("DB_USER and DB_NAME must be set for a MySQL database"))
	}
	return &m
}

// plainText tells whether to do without TLS. By default that is only where
// nobody else can listen.
func (r *reader) plainText(host string) bool {
	switch r.env("DB_TLS") {
	case "off":
		return true
	case "verify":
		return false
	case "":
		name, _, err := net.SplitHostPort(host)
		if err != nil {
			name = host
		}
		return filepath.IsAbs(host) || name == "localhost" || net.ParseIP(name).IsLoopback()
	}
	r.wrong("DB_TLS", "verify or off")
	return false
}

// dataDir finds the data folder. On Cloud Run the file system is the memory of
// one instance: only a folder that somebody names can be meant to last.
func (r *reader) dataDir() dataConfig {
	if dir := r.env("DATA_DIR"); dir != "" {
		return dataConfig{dir: dir}
	}
	c := dataConfig{dir: defaultDataDir(r.env)}
	if r.env("K_SERVICE") != "" {
		c.fleeting = "on Cloud Run the file system is lost with the instance"
	}
	return c
}

// defaultDataDir is below the user's state folder (XDG Base Directory
// Specification 0.8, "state"), or for a user without a home, such as that of
// a container, at the root.
func defaultDataDir(env func(string) string) string {
	if state := env("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "todo", "data")
	}
	if home := env("HOME"); filepath.IsAbs(home) && filepath.Clean(home) != "/" {
		return filepath.Join(home, ".local", "state", "todo", "data")
	}
	return "/data"
}
