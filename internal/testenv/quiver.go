package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Quiver builds the binary as `make build` does and returns its path. Built with the same settings it comes from
// the same build cache, and costs a test little more than linking.
func Quiver(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "quiver")
	build := exec.CommandContext(tb.Context(), "make", "--no-print-directory", "build", "BIN="+path)
	build.Dir = Root(tb)
	// What a make around this one set up (its flags, its job slots) is not for this one.
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "MAKE") && !strings.HasPrefix(v, "MFLAGS=") {
			build.Env = append(build.Env, v)
		}
	}
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("testenv: make build: %v\n%s", err, out)
	}
	return path
}
