package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/quiver-features/quiver/internal/testenv"
)

// The commands of the README's sh blocks are run as they stand, in one shell each,
// in an empty folder.
func TestTheCommandsOfTheReadmeWork(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) == 0 {
		t.Fatal("the README has no sh block")
	}
	bin := filepath.Dir(testenv.Quiver(t))
	folder := t.TempDir()
	for _, block := range blocks {
		shell := exec.CommandContext(t.Context(), "bash", "-eu", "-c", string(block[1])) //nolint:gosec // our own README
		shell.Dir = folder
		shell.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		if out, err := shell.CombinedOutput(); err != nil {
			t.Errorf("%s\n%v\n%s", block[1], err, out)
		}
	}
}
