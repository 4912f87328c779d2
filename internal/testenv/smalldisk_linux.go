package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// inNamespace marks the process that SmallDisk starts where this one may not mount.
const inNamespace = "QUIVER_TEST_IN_NAMESPACE"

// SmallDisk runs test with a folder on a file system of its own that holds size bytes (rounded up to pages)
// and then is full: writes fail with ENOSPC. It is unmounted when the test ends.
//
// Mounting needs root. Where that is missing, the whole test named by t runs again in a child process with
// namespaces of its own, in which it may mount, and the outcome is the child's; so SmallDisk should be the
// first thing that a test calls. Where that is forbidden as well the test fails; it never skips.
func SmallDisk(t *testing.T, size int64, test func(t *testing.T, dir string)) {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("quiver-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size))
	switch {
	case err == nil:
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
				t.Errorf("testenv: unmount %s: %v", dir, err)
			}
		})
		test(t, dir)
	case errors.Is(err, syscall.EPERM) && os.Getenv(inNamespace) == "":
		rerunInNamespace(t)
	default:
		t.Fatalf("testenv: a small disk is needed and cannot be mounted: %v\nrun the tests as root, or allow "+
			"unprivileged user namespaces; in a container, add the capability SYS_ADMIN", err)
	}
}

// rerunInNamespace runs this test alone in a child that is root of its own user and mount namespaces.
func rerunInNamespace(t *testing.T) {
	t.Helper()
	// A timeout of its own would hide behind this process's; the child ends with the test's context.
	cmd := namespaceCommand(t.Context(), t.Name())
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Fatalf("testenv: run the test in a namespace of its own, where a small disk can be mounted "+
			"(as root no namespace is needed): %v\n%s", err, out)
	case !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Fatalf("testenv: the test did not run in its namespace:\n%s", out)
	}
}

func namespaceCommand(ctx context.Context, test string) *exec.Cmd {
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(test), "/", "$/^") + "$"
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run", pattern, "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	return cmd
}
