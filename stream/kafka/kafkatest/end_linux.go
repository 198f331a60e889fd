package kafkatest

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// endWithParent asks the system to end a process when the thread that started it ends.
func endWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// awaitStopped returns when a child that was sent SIGSTOP stands still or has ended. The
// signal itself returns before that: other threads of the child may answer for a while.
func awaitStopped(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err
		}
	}
}
