package cloudrunlocal

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// maxProc bounds how much of a file in /proc is read, bytes.
const maxProc = 16 << 20

// listeners are the sockets, as /proc/PID/fd names them, that listen on a
// port of this machine: proc_net_tcp(5), state 0A.
func listeners(port int) map[string]bool {
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table) // #nosec G304 -- one of two
		if err != nil {
			continue // no IPv6
		}
		lines := bufio.NewScanner(io.LimitReader(f, maxProc))
		suffix := fmt.Sprintf(":%04X", port)
		for lines.Scan() {
			if cols := strings.Fields(lines.Text()); len(cols) > 9 && cols[3] == "0A" && strings.HasSuffix(cols[1], suffix) {
				sockets["socket:["+cols[9]+"]"] = true
			}
		}
		_ = f.Close()
	}
	return sockets
}

// portOwner names the process that listens on a port, as far as this user may
// see it.
func portOwner(port int) string {
	sockets := listeners(port)
	for _, pid := range processes() {
		if holds(pid, sockets) {
			name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
			if err != nil {
				continue
			}
			return fmt.Sprintf("%q (pid %d)", printable(string(name)), pid)
		}
	}
	return ""
}

// groupListens tells whether a process of the group listens on the port.
func groupListens(group, port int) bool {
	sockets := listeners(port)
	for _, pid := range processes() {
		if stat, err := readStat(pid); err == nil && stat.group == group && holds(pid, sockets) {
			return true
		}
	}
	return false
}

func processes() []int {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var pids []int
	for _, d := range dirs {
		if pid, err := strconv.Atoi(filepath.Base(d)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func holds(pid int, sockets map[string]bool) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		return false // gone, or not ours to see
	}
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && sockets[to] {
			return true
		}
	}
	return false
}

// stat is what matters of proc_pid_stat(5).
type stat struct {
	state string
	group int
	start string
}

func readStat(pid int) (stat, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// The name in brackets may itself have brackets and blanks.
	cols := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(cols) < 20 {
		return stat{}, fmt.Errorf("reading /proc/%d/stat: unexpected %q", pid, data)
	}
	group, err := strconv.Atoi(cols[2])
	return stat{state: cols[0], group: group, start: cols[19]}, err
}

// catches tells whether a process handles a signal (SigCgt in proc_pid_status(5)).
// One that cannot be asked is taken to.
func catches(pid int, s syscall.Signal) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return true
	}
	_, line, _ := strings.Cut(string(status), "\nSigCgt:")
	line, _, _ = strings.Cut(line, "\n")
	mask, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	return err != nil || mask&(1<<(s-1)) != 0
}

// processStart tells a process from any other that has or had its number, on
// this boot or an earlier one. It is "" for one that has ended.
func processStart(pid int) string {
	s, err := readStat(pid)
	if err != nil || s.state == "Z" || s.state == "X" {
		return ""
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + "/" + s.start
}

// sweep kills what a killed supervisor's processes left behind: the supervisor
// takes its processes with it, but not theirs. They are known by the folder
// for temporary files that they were given.
func sweep(s state) {
	mark := []byte("\x00TMPDIR=" + s.revisions() + "/")
	for _, pid := range processes() {
		p, err := os.FindProcess(pid) // a handle first, so that the number cannot change hands
		if err != nil {
			continue
		}
		if env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err == nil && bytes.Contains(append([]byte{0}, env...), mark) {
			_ = p.Kill() // it may have ended by itself
		}
		_ = p.Release()
	}
}
