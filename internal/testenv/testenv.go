// Package testenv gives tests the real things that they run against: a Redis and a PostgreSQL server of their own, the
// Python environment of the SQL oracle, a small disk that fills up.
//
// What a test needs and the machine lacks fails the test, with how to install it: a test that skips itself
// looks like one that passed. `make deps` installs everything that is named here.
//
// Everything that is started belongs to the test that asked for it and has ended when that test's cleanup has
// run. Helpers must be called from the test's own goroutine, as they may call FailNow.
package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Root returns the folder of the module: the nearest one at or above the test's folder that holds go.mod.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	root, err := moduleRoot(dir)
	if err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	return root
}

func moduleRoot(dir string) (string, error) {
	for at := dir; ; {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
		parent := filepath.Dir(at)
		if parent == at {
			return "", fmt.Errorf("no go.mod at or above %s", dir)
		}
		at = parent
	}
}

// Python returns the path of the Python interpreter that has the packages of
// offline/offlinetest/requirements.txt.
func Python(tb testing.TB) string {
	tb.Helper()
	python := filepath.Join(Root(tb), ".tools", "venv", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		tb.Fatalf("testenv: no Python environment for tests: %v\nrun `make deps` in the repository's root: "+
			"it makes .tools/venv from offline/offlinetest/requirements.txt (needs python3 with venv)", err)
	}
	return python
}

// Tool returns the path of a program that `make tools` builds from tools/go.mod.
func Tool(tb testing.TB, name string) string {
	tb.Helper()
	path := filepath.Join(Root(tb), ".tools", name)
	if _, err := os.Stat(path); err != nil {
		tb.Fatalf("testenv: %v\nrun `make tools` in the repository's root: it builds %s", err, name)
	}
	return path
}

// binary finds a program on the PATH.
func binary(name, install string) (string, error) {
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("%s is not installed on this machine: %s", name, install)
	}
	return path, err
}
