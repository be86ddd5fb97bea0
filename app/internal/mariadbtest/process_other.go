//go:build !linux

package mariadbtest

import (
	"syscall"
	"time"
)

func attributes() *syscall.SysProcAttr { return nil }

// stopped gives the threads the moment that they take to stand still.
func (p *process) stopped() error {
	time.Sleep(time.Second)
	return nil
}
