package measure

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Settle waits until what was written stands on the disks: a program that makes its output durable would
// wait for what others wrote before it.
func Settle() { unix.Sync() }

// peak gives the greatest resident memory in bytes; Linux counts it in KiB.
func peak(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss << 10
}

// readBeforeReaping waits for a process's end without taking its exit code: its counters go with the code.
func readBeforeReaping(pid int) int64 {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return 0
		}
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "rchar: "); ok {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

// limit makes a group with that much memory and no swap for the program to be started in. leave removes the group
// when the program has ended, and may be called whatever the error. The error is errors.ErrUnsupported where there is
// no cgroup v2 with memory that this process may divide.
func limit(cmd *exec.Cmd, memory int64) (leave func(), err error) {
	leave = func() {}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return leave, errors.ErrUnsupported
	}
	parent, ok := divisible("/sys/fs/cgroup", string(own))
	if !ok {
		return leave, errors.ErrUnsupported
	}
	group, err := os.MkdirTemp(parent, "quiver-bench-")
	if err != nil {
		return leave, errors.ErrUnsupported
	}
	leave = func() { _ = os.Remove(group) }
	if err := os.WriteFile(filepath.Join(group, "memory.max"), []byte(strconv.FormatInt(memory, 10)), 0o600); err != nil {
		return leave, errors.ErrUnsupported
	}
	_ = os.WriteFile(filepath.Join(group, "memory.swap.max"), []byte("0"), 0o600) // absent where there is no swap
	folder, err := os.Open(group)                                                 //nolint:gosec // made above
	if err != nil {
		return leave, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(folder.Fd())} //nolint:gosec // a file descriptor is small
	return func() { _, _ = folder.Close(), os.Remove(group) }, nil
}

// divisible gives the group, below the root of the mount, in which groups with a memory limit may be made: the
// process's own or the one above it. own is the text of /proc/self/cgroup.
func divisible(root, own string) (string, bool) {
	for line := range strings.Lines(own) {
		path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		for _, group := range []string{path, filepath.Dir(path)} {
			folder := filepath.Join(root, group)
			text, err := os.ReadFile(filepath.Join(folder, "cgroup.subtree_control")) //nolint:gosec // below the mount
			if err == nil && slices.Contains(strings.Fields(string(text)), "memory") && unix.Access(folder, unix.W_OK) == nil {
				return folder, true
			}
		}
	}
	return "", false
}
