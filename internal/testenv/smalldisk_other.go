//go:build !linux

package testenv

import "testing"

// SmallDisk needs Linux: elsewhere the test fails.
func SmallDisk(t *testing.T, _ int64, _ func(t *testing.T, dir string)) {
	t.Helper()
	t.Fatal("testenv: tests on a full disk run on Linux only")
}
