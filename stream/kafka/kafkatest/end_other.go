//go:build !linux

package kafkatest

import "syscall"

// endWithParent: only Linux can tie a process to its parent; elsewhere Cleanup ends it.
func endWithParent() *syscall.SysProcAttr { return nil }

// awaitStopped: elsewhere a child is taken for stopped when it was told to stop.
func awaitStopped(int) error { return nil }
