package testenv

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestASmallDiskFillsUp(t *testing.T) {
	SmallDisk(t, 64<<10, checkFillsUp)
}

func TestASmallDiskWorksWithoutRoot(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		rerunInNamespace(t)
		return
	}
	SmallDisk(t, 64<<10, checkFillsUp)
}

func checkFillsUp(t *testing.T, dir string) {
	if err := os.WriteFile(filepath.Join(dir, "fits"), make([]byte, 16<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	err := os.WriteFile(filepath.Join(dir, "large"), make([]byte, 128<<10), 0o600)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("write more than the disk holds: got %v, want %v", err, syscall.ENOSPC)
	}
}
