package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/offline"
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

// late is an output whose place somebody else takes while it is made.
type late struct {
	offline.Output
	take func()
}

// Commit implements offline.Output.
func (l late) Commit() error { l.take(); return feature.ErrConflict }

func TestAFailedCommitLeavesWhatSomebodyElseHasPutThere(t *testing.T) {
	for _, folder := range []bool{false, true} {
		for _, before := range []bool{false, true} {
			path := filepath.Join(t.TempDir(), "t.parquet")
			theirs := path
			set := &trainingSet{destination: destination{path: path, force: before}}
			if folder {
				set.fileRows = 10
				theirs = filepath.Join(path, "thesis.txt")
			}
			write := func(name, text string) {
				if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o750), os.WriteFile(name, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			if before {
				write(theirs, "old")
			}
			out := &keptOutput{set: set, Output: late{take: func() { write(theirs, "theirs") }}}
			if err := out.Commit(); !errors.Is(err, feature.ErrConflict) {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(theirs); err != nil || string(b) != "theirs" {
				t.Errorf("folder %v, one before %v: %s holds %q (%v)", folder, before, theirs, b, err)
			}
		}
	}
}

func TestTheManifestIsNotTheOutput(t *testing.T) {
	project := newProject(t)
	out := filepath.Join(t.TempDir(), "t.csv")
	args := []string{"-C", project, "train", "--spine", filepath.Join(project, "data", "labels.csv"), "--service", "churn_model", "--out", out, "--force"}
	must(t, args...)
	do(t.Context(), append(args, "--manifest", out)...).refused(t, exitUsage, "--manifest "+out+" is the output itself")
	if b, err := os.ReadFile(out); err != nil || len(b) == 0 || b[0] == '{' {
		t.Errorf("the training set was replaced: %q (%v)", b, err)
	}
}

func TestWhatCameToAFolderThatIsReplacedIsKept(t *testing.T) {
	project := newProject(t)
	out := filepath.Join(t.TempDir(), "parts")
	args := []string{
		"-C", project, "train", "--spine", filepath.Join(project, "data", "labels.csv"), "--service", "churn_model", "--out", out, "--partition-by", "churned", "--force",
	}
	must(t, args...)
	d := destination{path: out, manifest: offline.ManifestPath(out), force: true, partitionBy: []string{"churned"}, format: formatParquet}
	set, err := d.stage(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, "thesis.txt"), []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := set.keepOld(); err != nil {
		t.Fatal(err)
	}
	if err := set.close(); !errors.Is(err, feature.ErrConflict) || !strings.Contains(err.Error(), "thesis.txt was put into "+out) {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(set.old, "thesis.txt")); err != nil || string(b) != "theirs" {
		t.Errorf("%q, %v", b, err)
	}
}
