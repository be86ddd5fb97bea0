package sandbox

import "golang.org/x/sys/unix"

// Memory is how much this machine has, bytes; 0 when it does not say.
func Memory() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return info.Totalram * uint64(info.Unit)
}
