package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// process starts the real program with a folder of its own for temporary files.
func trainProcess(t *testing.T, args ...string) (c *exec.Cmd, log *bytes.Buffer, temp string) {
	t.Helper()
	temp = t.TempDir()
	c = exec.CommandContext(t.Context(), "quiver", args...)
	log = &bytes.Buffer{}
	c.Stderr = log
	c.Env = append(os.Environ(), "TMPDIR="+temp, "GORACE=atexit_sleep_ms=0")
	return c, log, temp
}

// Ctrl-C while standard input is kept leaves neither an output nor the copy; nor does a terminal that is closed.
func TestAnInterruptWhileStandardInputIsReadLeavesNothing(t *testing.T) {
	for _, how := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		t.Run(how.String(), func(t *testing.T) { interrupted(t, how) })
	}
}

func interrupted(t *testing.T, how os.Signal) {
	t.Helper()
	dir, out := newProject(t), t.TempDir()
	c, log, temp := trainProcess(t, "-C", dir, "train", "--spine", "-", "--spine-format", "csv", "--service", "churn_model", "--out", filepath.Join(out, "t.parquet"))
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	// More than a pipe holds: it has been read when this returns.
	if _, err := io.WriteString(in, "customer,event_timestamp\n"+strings.Repeat("1,2026-01-10T00:00:00Z\n", 20_000)); err != nil {
		t.Fatal(err)
	}
	if listing(t, temp) == "" {
		t.Error("nothing was kept of standard input")
	}
	if err := c.Process.Signal(how); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	if c.ProcessState.ExitCode() != exitFailed || !strings.Contains(log.String(), "quiver: interrupted; nothing was left half-done") {
		t.Errorf("exit code %d: %s", c.ProcessState.ExitCode(), log)
	}
	if names := listing(t, temp) + listing(t, out); names != "" {
		t.Errorf("left %s", names)
	}
}

// A reader of standard output that goes away ends the command, which cleans up.
func TestAClosedPipeLeavesNothing(t *testing.T) {
	dir := newProject(t)
	for _, format := range outputFormats() {
		manifest := filepath.Join(t.TempDir(), "m.json")
		c, log, temp := trainProcess(t, "-C", dir, "train", "--as-of", "2026-01-31", "--service", "churn_model", "--out", "-", "--format", format, "--manifest", manifest)
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		c.Stdout = writer
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
		_ = c.Run()
		_ = writer.Close()
		if c.ProcessState.ExitCode() != exitFailed || !strings.Contains(log.String(), "standard output can't be written (is its reader gone?)") {
			t.Errorf("%s: exit code %d: %s", format, c.ProcessState.ExitCode(), log)
		}
		if names := listing(t, temp) + listing(t, filepath.Dir(manifest)); names != "" {
			t.Errorf("%s: left %s", format, names)
		}
		if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			t.Errorf("%s: ended by %s", format, status.Signal())
		}
	}
}

// Interrupted at any point, a folder is not there, nor is what it is made from.
func TestAnInterruptedFolderLeavesNothing(t *testing.T) {
	dir := newProject(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	spine := largeSpine(t, 1000)
	for name, args := range map[string][]string{
		"folder":   {"--spine", spine, "--partition-by", "customer", "--format", "csv"},
		"snapshot": {"--as-of", "2026-01-31", "--file-rows", "1"},
	} {
		out := t.TempDir()
		interrupted := 0
		for looks := int64(1); ; looks = looks*5/4 + 1 {
			ctx := newCountdown(t.Context(), looks)
			got := do(ctx, append([]string{"-C", dir, "train", "--service", "churn_model", "--out", filepath.Join(out, "set")}, args...)...)
			ctx.cancel()
			if got.code == exitDone {
				break
			}
			interrupted++
			got.refused(t, exitFailed, "quiver: interrupted")
			if names := listing(t, out) + listing(t, temp); names != "" {
				t.Fatalf("%s, interrupted at look %d: left %s\n%s", name, looks, names, got.err)
			}
		}
		if interrupted < 3 || !strings.HasPrefix(listing(t, out), "set") || listing(t, temp) != "" {
			t.Errorf("%s: interrupted %d times; %s", name, interrupted, listing(t, out)+listing(t, temp))
		}
	}
}
