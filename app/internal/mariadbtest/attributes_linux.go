package mariadbtest

import "syscall"

// attributes keep a test's signals from the server, and end it with the test.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
