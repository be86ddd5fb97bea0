//go:build unix

package config

import (
	"io/fs"
	"os"
	"syscall"
)

// fileOwner is the user that a file belongs to.
func fileOwner(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return os.Geteuid()
}
