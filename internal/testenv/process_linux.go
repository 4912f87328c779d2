package testenv

import (
	"os/exec"
	"syscall"
)

// endWithParent lets the kernel end the process when the test binary dies (a panic, a timeout), as cleanups do
// not run then. The signal comes when the starting thread ends, and Go ends threads only where a locked
// goroutine returns, which tests here do not do.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
