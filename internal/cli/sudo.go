package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/sandbox"
)

// grantName is the hidden command that sudo starts.
const grantName = "grant-namespaces"

// restored are variables that sudo may set to root's, or to its own choice.
var restored = []string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR"}

// throughSudo has this run be started anew by sudo, as this user again, but with the power
// to make namespaces, in the groups of no one else. It returns where that has
// happened, or is of no use.
func (a *app) throughSudo(ctx context.Context) error {
	if os.Geteuid() == 0 {
		return nil
	}
	if sandbox.Granted() {
		return sandbox.Withhold()
	}
	sudo, err := exec.LookPath("sudo")
	if err == nil {
		err = exec.CommandContext(ctx, sudo, "-n", "true").Run() // #nosec G204 -- the user's own
	}
	if err != nil {
		return hint.With(fmt.Errorf("sudo cannot be used without a password: %w", err), "leave --sudo out, or let this user use sudo without a password")
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{sudo, "-n", "-E", "--", program, grantName, "--user", strconv.Itoa(os.Getuid()), "--group", strconv.Itoa(os.Getgid())}
	for _, name := range restored {
		if v := a.Getenv(name); v != "" {
			args = append(args, "--env", name+"="+v)
		}
	}
	args = slices.Concat(args, []string{"--"}, a.Args)
	return fmt.Errorf("starting sudo: %w", syscall.Exec(sudo, args, os.Environ())) // #nosec G204 -- the user's own, with this program
}

func (a *app) grantCommand() *cobra.Command {
	var user, group int
	var env []string
	c := &cobra.Command{
		Use:    grantName,
		Args:   cobra.ArbitraryArgs,
		Short:  "Become a user who may make namespaces; for sluice itself",
		Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			program, err := os.Executable()
			if err != nil {
				return err
			}
			return sandbox.Grant(user, group, program, append([]string{program}, args...), withSettings(os.Environ(), env))
		},
	}
	c.Flags().IntVar(&user, "user", 0, "its `number`")
	c.Flags().IntVar(&group, "group", 0, "its `number`")
	c.Flags().StringArrayVar(&env, "env", nil, "`NAME=VALUE` of the environment")
	return c
}

// withSettings is an environment with other values for some variables, and
// without what sudo adds.
func withSettings(env, settings []string) []string {
	env = slices.DeleteFunc(env, func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return strings.HasPrefix(name, "SUDO_") || slices.Contains(restored, name)
	})
	return append(env, settings...)
}
