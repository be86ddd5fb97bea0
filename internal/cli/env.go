package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/release"
	"github.com/sluice-ci/sluice/internal/tool"
)

// The environment is read in this file only. Variables of Sluice's own:
//
//	GITHUB_BASE_REF  on GitHub Actions, the branch that a pull request is to be merged into
//	GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_WORKFLOW_REF
//	                 on GitHub Actions, what provenance says of the source and the builder
//	GITHUB_OUTPUT    on GitHub Actions, the file that takes a step's outputs
//	SLUICE_CACHE  folder of the cache; by default "sluice" in the user's cache folder
//	CI            "true": strict, and files are hashed by content
//	NO_COLOR      any value: no colours
//	TERM          "dumb": no live view
//	XDG_CONFIG_HOME  the user's configuration: values of declared secrets are below sluice/secrets
//
// and those that "secrets" in sluice.yaml names.

// mergeTarget is the reference that a run compares with by default: the branch that a
// pull request is to be merged into.
func (a *app) mergeTarget() string {
	if ref := a.Getenv("GITHUB_BASE_REF"); ref != "" && a.isCI() {
		return "origin/" + ref
	}
	return ""
}

// localBuilder is who builds where no service says that it does: provenance of
// a laptop says no more than that.
const localBuilder = "https://github.com/sluice-ci/sluice/builder/local/v1"

// origin is where this process runs, as far as its surroundings say.
func (a *app) origin() release.Origin {
	o := release.Origin{Builder: localBuilder, Sluice: version()}
	server, repository, workflow := a.Getenv("GITHUB_SERVER_URL"), a.Getenv("GITHUB_REPOSITORY"), a.Getenv("GITHUB_WORKFLOW_REF")
	if a.isCI() && server != "" && repository != "" && workflow != "" {
		o.Builder, o.Source = server+"/"+workflow, "git+"+server+"/"+repository
	}
	return o
}

// stepOutput gives a value to the jobs that come after this one on GitHub
// Actions, as output of the step. No stage's process knows the file.
func (a *app) stepOutput(name, value string) (err error) {
	file := a.Getenv("GITHUB_OUTPUT")
	if file == "" || !a.isCI() {
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing the step's output: %w", err)
	}
	_, err = fmt.Fprintf(f, "%s=%s\n", name, value)
	return errors.Join(err, f.Close())
}

// isCI tells whether this is a run of continuous integration.
func (a *app) isCI() bool { return a.Getenv("CI") == "true" }

// terminal tells whether w is one that can be drawn on.
func (a *app) terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && a.Getenv("TERM") != "dumb"
}

func (a *app) colour(w io.Writer) bool { return a.terminal(w) && a.Getenv("NO_COLOR") == "" }

// width is that of the terminal, in characters.
func (a *app) width() int {
	if f, ok := a.Stdout.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
			return w
		}
	}
	return 80
}

// cacheDir is where Sluice keeps what it can make again.
func (a *app) cacheDir() (string, error) {
	if dir := a.Getenv("SLUICE_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "sluice"), nil
}

// tools are where programs of others are, with a folder for the cache.
func (a *app) tools(cache string) tool.Box {
	return tool.Box{Dir: filepath.Join(cache, "tools"), Path: a.Getenv("PATH")}
}

// configDir is the folder of the user's configuration files.
func (a *app) configDir() (string, error) {
	if dir := a.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	home := a.Getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", errors.New("HOME is not set")
	}
	return filepath.Join(home, ".config"), nil
}

// Variables that a stage's process gets, and those that only one gets that may
// reach out: credentials for a module proxy are among them.
var (
	stageVariables = []string{"PATH", "HOME", "USER", "TMPDIR", "LANG", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME",
		"CI", "SLUICE_CACHE", "GOMODCACHE", "GOPATH", "GOENV", "GOROOT", "CGO_ENABLED", "CC", "CXX", "GOMAXPROCS", "SSL_CERT_FILE", "SSL_CERT_DIR"}
	outsideVariables = []string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOAUTH", "GOVCS", "NETRC", "SSH_AUTH_SOCK",
		"GIT_SSH_COMMAND", "GIT_SSH", "GIT_SSH_VARIANT", "GIT_ASKPASS", "GIT_SSL_CAINFO", "GIT_SSL_NO_VERIFY", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_COUNT",
		"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"}
)

// stageEnv is the whole environment of a stage's process.
func (a *app) stageEnv(access pipeline.Access) (env []string) {
	names := slices.Clone(stageVariables)
	if access.Network == pipeline.Outside {
		names = append(names, outsideVariables...)
		for i := range 20 { // as many as GIT_CONFIG_COUNT is likely to number
			names = append(names, fmt.Sprintf("GIT_CONFIG_KEY_%d", i), fmt.Sprintf("GIT_CONFIG_VALUE_%d", i))
		}
	}
	for _, name := range names {
		if v := a.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// version is that of this program: the module's version, and the commit that it
// was built from where the build says so.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "v0.0.0-dev"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && !strings.Contains(v, s.Value[:min(12, len(s.Value))]) {
			v += "+" + s.Value[:min(12, len(s.Value))]
		}
	}
	return v
}
