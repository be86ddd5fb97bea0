//go:build !linux

package mariadbtest

import (
	"errors"
	"syscall"
)

func attributes() *syscall.SysProcAttr { return nil }

// stopped cannot tell whether the threads stand still.
func (p *process) stopped() error {
	return errors.New("whether a frozen server stands still can be told on Linux only")
}
