//go:build !linux

package testexec

import "syscall"

// restrictWriting refuses nothing: only Linux has Landlock.
func restrictWriting([]string) error { return nil }

// withParent does nothing: only Linux has it.
func withParent() *syscall.SysProcAttr { return nil }
