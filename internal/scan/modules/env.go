package modules

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/gotool"
)

// settings of the go command that say where modules come from. The user's
// count, from the environment or from "go env -w".
var settings = []string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GONOPROXY", "GOINSECURE", "GOAUTH", "GOVCS"}

// passed are the variables by which the go command, git and ssh find proxies,
// certificates and credentials.
var passed = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH",
	"HOME", "NETRC", "SSH_AUTH_SOCK", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_ALLOW_PROTOCOL",
	"XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_PARAMETERS",
}

// silent keeps git, ssh and credential helpers from asking.
var silent = []string{"GIT_TERMINAL_PROMPT=0", "GCM_INTERACTIVE=never", "SSH_ASKPASS_REQUIRE=never", "GIT_ASKPASS=", "SSH_ASKPASS="}

// accounts are the files by which git, ssh and the go command name
// themselves to a server with private modules.
func accounts() []string {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	config := cmp.Or(os.Getenv("XDG_CONFIG_HOME"), filepath.Join(home, ".config"))
	paths := []string{os.Getenv("NETRC"), os.Getenv("SSH_AUTH_SOCK"), os.Getenv("GIT_CONFIG_GLOBAL"), os.Getenv("GIT_SSL_CAINFO"), filepath.Join(config, "git"), "/etc/gitconfig", "/etc/ssh/ssh_config", "/etc/ssh/ssh_known_hosts"}
	for _, name := range []string{".netrc", ".gitconfig", ".git-credentials", ".ssh"} {
		paths = append(paths, filepath.Join(home, name))
	}
	return slices.DeleteFunc(paths, func(path string) bool { return !filepath.IsAbs(path) })
}

func environ() []string { return os.Environ() }

// env is the environment for fetching.
func (f *fetcher) env(ctx context.Context) ([]string, error) {
	env := f.tc.Env(f.cache, gotool.CheckZone)
	for _, kv := range f.environ {
		name, _, _ := strings.Cut(kv, "=")
		// GIT_CONFIG_COUNT, GIT_CONFIG_KEY_0, GIT_CONFIG_VALUE_0, …
		if slices.Contains(passed, name) || strings.HasPrefix(name, "GIT_CONFIG_") {
			env = append(env, kv)
		}
	}
	own, err := f.settings(ctx)
	return slices.Concat(env, own, silent), err
}

// settings asks the go command what the user has set.
func (f *fetcher) settings(ctx context.Context) ([]string, error) {
	out, err := command.Output(ctx, command.Spec{
		Path: f.tc.Go, Dir: f.tc.Root, Args: append([]string{"env", "-json"}, settings...),
		Env: slices.Concat(f.environ, []string{"GOTOOLCHAIN=local", "GOFLAGS=", "GO111MODULE=on", "GOWORK=off"}),
	})
	if err != nil {
		return nil, fmt.Errorf("reading the go command's settings: %w", err)
	}
	var values map[string]string
	if err := json.Unmarshal(out, &values); err != nil {
		return nil, fmt.Errorf("reading the go command's settings: %w", err)
	}
	var list []string
	for _, name := range settings {
		value, ok := values[name]
		if !ok { // without GOPRIVATE, say, the names of private modules would go to a public proxy
			return nil, fmt.Errorf("reading the go command's settings: it says nothing of %s", name)
		}
		list = append(list, name+"="+value)
	}
	return list, nil
}
