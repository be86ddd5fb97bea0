package tool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"

	"golang.org/x/mod/semver"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
)

// launcher starts a tool in the environment that it is in, wherever that is, with
// nothing of the user's: no PYTHON* variables, no packages of a home. It
// writes no compiled files: the folder stays as it was installed.
const launcher = `#!/bin/sh
exec "${0%%/*}/python" -I -B -m %s "$@"
`

// hostedLauncher starts a tool in another interpreter than its environment's, where
// one is named, by a script that is beside the tool's packages.
const hostedLauncher = `#!/bin/sh
exec "${` + hostVariable + `:-${0%%/*}/python}" -s -B "${0%%/*}/%s" "$@"
`

// hostedName is the script's.
const hostedName = "sluice_launch.py"

// hosted is the script. Python looks for modules first in the folder that a script is
// in: before PYTHONPATH, where the service's are, and before the interpreter's own packages.
const hosted = `import os
import runpy
import sys

sys.path[0] = os.path.dirname(os.path.realpath(__file__))
os.environ.pop("` + hostVariable + `", None)
runpy.run_module("%s", run_name="__main__", alter_sys=True)
`

// makePython makes an environment and has pip put the wheels of the lock into it.
// Only wheels: a source distribution is a program that is run to install it.
func (m maker) makePython(ctx context.Context) (manifest, error) {
	python, err := m.python(ctx)
	if err != nil {
		return manifest{}, err
	}
	m.Say("making an environment for " + m.Name)
	if err := m.pythonRun(ctx, python, nil, "-I", "-m", "venv", "--without-pip", "--symlinks", m.dir); err != nil {
		return manifest{}, hint.With(err, "install Python's venv module: on Debian the package python3-venv")
	}
	if err := m.wheels(ctx, python); err != nil {
		return manifest{}, err
	}
	if err := m.launch(); err != nil {
		return manifest{}, err
	}
	made := manifest{Source: "wheels from " + m.Index}
	made.Python, err = filepath.EvalSymlinks(filepath.Join(m.dir, "bin", "python"))
	return made, err
}

// python finds the interpreter in PATH, which must be new enough. That of a virtual
// environment is a link, and what is installed there, perhaps in the repository, would
// be started with it: so it is what the link leads to.
func (m maker) python(ctx context.Context) (string, error) {
	for _, dir := range filepath.SplitList(m.Path) {
		path := filepath.Join(dir, "python3")
		if _, err := exec.LookPath(path); err != nil || !filepath.IsAbs(dir) {
			continue
		}
		path, err := filepath.EvalSymlinks(path)
		if err != nil {
			return "", err
		}
		version, err := Found{Path: path}.ask(ctx, m.env())
		if err != nil {
			return "", err
		}
		if v := "v" + version; semver.Compare(v, "v"+m.Python) < 0 {
			return "", hint.With(fmt.Errorf("%s is Python %s, and %s %s needs %s", path, version, m.Name, m.Version, m.Python), "install Python "+m.Python+" or later")
		}
		return path, nil
	}
	return "", hint.With(errors.New("there is no python3 in PATH"), "install Python "+m.Python+" or later, with pip and venv")
}

// wheels has pip install what the requirements name. pip.conf and PIP_* decide
// nothing.
func (m maker) wheels(ctx context.Context, python string) error {
	text, err := fs.ReadFile(m.lock.files, m.Name+".txt")
	if err != nil {
		return err
	}
	requirements := filepath.Join(m.work, "requirements.txt")
	if err := os.WriteFile(requirements, text, 0o600); err != nil {
		return err
	}
	site, err := m.site()
	if err != nil {
		return err
	}
	args := []string{"-I", "-m", "pip", "--isolated", "--no-input", "--no-color", "--no-cache-dir", "--disable-pip-version-check", "install", "--progress-bar=off",
		"--require-hashes", "--only-binary=:all:", "--no-deps", "--no-warn-script-location", "--target", site, "--requirement", requirements}
	if filepath.IsAbs(m.Index) {
		args = append(args, "--no-index", "--find-links", m.Index)
	} else {
		args = append(args, "--index-url", m.Index)
	}
	say := func(line string) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "Downloading ") || strings.HasPrefix(line, "Installing ") {
			m.Say(strings.Map(printable, line))
		}
	}
	if err := m.pythonRun(ctx, python, say, args...); err != nil {
		return hint.With(err, remedyOfPip(err))
	}
	return atomicfile.RemoveAll(filepath.Join(site, "bin")) // scripts that name a folder which will be gone
}

// printable drops what a terminal could take for a command: names come from the index.
func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return -1
	}
	return r
}

// site is the folder of the environment's packages.
func (m maker) site() (string, error) {
	found, _ := filepath.Glob(filepath.Join(m.dir, "lib", "python3*", "site-packages")) // the pattern is well-formed
	if len(found) != 1 {
		return "", errors.New("the environment has no folder for packages")
	}
	return found[0], nil
}

// remedyOfPip is for what pip says most often.
func remedyOfPip(err error) string {
	switch said := err.Error(); {
	case strings.Contains(said, "No module named pip"):
		return "install pip: on Debian the package python3-pip"
	case strings.Contains(said, "DO NOT MATCH THE HASHES"):
		return "the index gives other files than the lock of tools names: use another with --index"
	}
	return "see that the index of Python packages can be reached, or name another with --index"
}

func (m maker) pythonRun(ctx context.Context, python string, line func(string), args ...string) error {
	return command.Run(ctx, command.Spec{Path: python, Args: args, Dir: m.tmp, Env: append(m.env(), "PIP_CONFIG_FILE="+os.DevNull), Stdout: &lines{each: line}})
}

// launch puts the launcher in the place of the environment's own scripts, which
// name the folder that it was made in.
func (m maker) launch() error {
	bin := filepath.Join(m.dir, "bin")
	entries, err := os.ReadDir(bin)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type() != fs.ModeSymlink {
			if err := os.Remove(filepath.Join(bin, e.Name())); err != nil {
				return err
			}
		}
	}
	script := fmt.Appendf(nil, launcher, m.Module)
	if m.Site {
		if script, err = m.hosted(bin); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(bin, m.Name), script, 0o755)
}

// hosted writes the script of a tool that runs in the service's interpreter, and gives
// its launcher.
func (m maker) hosted(bin string) ([]byte, error) {
	site, err := m.site()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(site, hostedName)
	if err := os.WriteFile(path, fmt.Appendf(nil, hosted, m.Module), 0o644); err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(bin, path)
	return fmt.Appendf(nil, hostedLauncher, rel), err
}
