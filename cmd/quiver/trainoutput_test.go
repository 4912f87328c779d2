package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/quiver-features/quiver/internal/testenv"
)

// The manifest is larger than what is free once the output has its place.
func TestAReplacedTrainingSetComesBackWhenTheManifestFails(t *testing.T) {
	testenv.SmallDisk(t, 64*page, func(t *testing.T, dir string) {
		project := newProject(t)
		out := filepath.Join(dir, "t.parquet")
		args := []string{"-C", project, "train", "--spine", filepath.Join(project, "data", "labels.csv"), "--service", "churn_model", "--out", out, "--force"}
		must(t, args...)
		filler := fill(t, dir, 1)
		before, err := readTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		do(t.Context(), args...).refused(t, exitFailed, "the manifest of "+out+" can't be written", "no space left on device")
		after, err := readTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		if diff := differ(before, after); len(diff) > 0 {
			t.Errorf("the old training set was touched: %v", diff)
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		must(t, args...)
	})
}
