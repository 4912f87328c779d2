package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/quiver-features/quiver/internal/testenv"
)

const page = 4096

// fill takes all but some pages of a small disk, and gives the file that does.
func fill(t *testing.T, dir string, free int64) string {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for {
		n, err := f.Write(make([]byte, page))
		size += int64(n)
		if errors.Is(err, syscall.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Truncate(size-free*page), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFullDiskLeavesNoPartOfATrainingSet(t *testing.T) {
	testenv.SmallDisk(t, 64*page, func(t *testing.T, dir string) {
		project, spine := newProject(t), largeSpine(t, 20_000)
		small := filepath.Join(project, "data", "labels.csv")
		for _, name := range []string{"t.parquet", "t.arrow", "t.arrows", "t.csv"} {
			out := filepath.Join(dir, name)
			train := func(spine string, more ...string) outcome {
				return do(t.Context(), append([]string{"-C", project, "train", "--spine", spine, "--service", "churn_model", "--out", out}, more...)...)
			}
			train(spine).refused(t, exitFailed, out, "no space left on device")
			if names := listing(t, dir); names != "" {
				t.Errorf("left %s", names)
			}
			if got := train(small); got.code != exitDone {
				t.Fatal(got.err)
			}
			before, err := readTree(dir)
			if err != nil {
				t.Fatal(err)
			}
			train(spine, "--force").refused(t, exitFailed, out, "no space left on device")
			after, err := readTree(dir)
			if err != nil {
				t.Fatal(err)
			}
			if diff := differ(before, after); len(diff) > 0 {
				t.Errorf("the old output was touched: %v", diff)
			}
			for path := range after {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// A folder is replaced whole, and comes back whole when its manifest fails.
func TestAFullDiskLeavesNoPartOfAFolder(t *testing.T) {
	testenv.SmallDisk(t, 64*page, func(t *testing.T, dir string) {
		project, spine := newProject(t), largeSpine(t, 20_000)
		out := filepath.Join(dir, "set")
		train := func(spine string, more ...string) outcome {
			return do(t.Context(), append([]string{"-C", project, "train", "--spine", spine, "--service", "churn_model", "--out", out, "--partition-by", "customer"}, more...)...)
		}
		train(spine).refused(t, exitFailed, "no space left on device")
		if names := listing(t, dir); names != "" {
			t.Errorf("left %s", names)
		}
		if got := train(filepath.Join(project, "data", "labels.csv")); got.code != exitDone {
			t.Fatal(got.err)
		}
		before, err := readTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		train(spine, "--force").refused(t, exitFailed, "no space left on device")
		after, err := readTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		if diff := differ(before, after); len(diff) > 0 {
			t.Errorf("the old folder was touched: %v", diff)
		}
	})
}

func TestNoTrainingSetIsLeftWithoutItsManifest(t *testing.T) {
	testenv.SmallDisk(t, 64*page, func(t *testing.T, dir string) {
		project := newProject(t)
		filler := fill(t, dir, 1) // the output is one page
		out := filepath.Join(dir, "t.parquet")
		args := []string{"-C", project, "train", "--spine", filepath.Join(project, "data", "labels.csv"), "--service", "churn_model", "--out", out}
		do(t.Context(), args...).refused(t, exitFailed, "the manifest of "+out+" can't be written", "no space left on device")
		if names := listing(t, dir); names != filepath.Base(filler) {
			t.Errorf("left %s", names)
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		must(t, args...)
	})
}

func TestAFullDiskLeavesTheRegistryAsItWas(t *testing.T) {
	testenv.SmallDisk(t, 128*page, func(t *testing.T, dir string) {
		failed := 0
		for free := int64(0); free < 40; free += 2 {
			project := filepath.Join(dir, fmt.Sprint("shop", free))
			must(t, "init", project)
			filler := fill(t, dir, free)
			got := do(t.Context(), "-C", project, "apply", "--yes")
			if got.code != exitDone {
				failed++
				got.refused(t, exitFailed, "registry ")
				if !strings.Contains(got.err, "the disk is full") && !strings.Contains(got.err, "no space left on device") {
					t.Errorf("%d pages free: the message does not tell of the disk: %s", free, got.err)
				}
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			revisions := strings.Count(must(t, "-C", project, "history", "-o", "json"), `"number"`)
			if done := got.code == exitDone; done != (revisions == 1) {
				t.Errorf("%d pages free: exit code %d and %d revisions", free, got.code, revisions)
			}
			must(t, "-C", project, "apply", "--yes")
			if plan := must(t, "-C", project, "plan", "--exit-code"); !strings.Contains(plan, "revision 1 ") {
				t.Errorf("%d pages free: %s", free, plan)
			}
			if err := os.RemoveAll(project); err != nil {
				t.Fatal(err)
			}
		}
		if failed == 0 {
			t.Error("the disk was never full")
		}
	})
}

func TestAFullDiskLeavesTheOnlineStoreWhole(t *testing.T) {
	testenv.SmallDisk(t, 256*page, func(t *testing.T, dir string) {
		project := filepath.Join(t.TempDir(), "shop")
		initShop(t, project)
		largeOrders(t, project, 3000)
		setting(t, project, "online", "sqlite:"+filepath.Join(dir, "online.db"))
		must(t, "-C", project, "apply", "--yes")
		failed := 0
		for free := int64(0); free < 60; free += 6 {
			filler := fill(t, dir, free)
			got := do(t.Context(), "-C", project, "materialize")
			if got.code != exitDone {
				failed++
				got.refused(t, exitFailed, "online.db")
				if !strings.Contains(got.err, "the disk is full") && !strings.Contains(got.err, "no space left on device") {
					t.Errorf("%d pages free: the message does not tell of the disk: %s", free, got.err)
				}
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
		}
		if failed == 0 {
			t.Error("the disk was never full")
		}
		must(t, "-C", project, "materialize")
		if status := must(t, "-C", project, "status"); !strings.Contains(status, "fresh") {
			t.Errorf("status\n%s", status)
		}
		values := must(t, "-C", project, "get", "--service", "churn_model", "--key", "customer=0,2999")
		if !strings.Contains(values, "last_order__amount  0.5  PRESENT  1d12h  2999.5  PRESENT  1d12h") {
			t.Errorf("values\n%s", values)
		}
	})
}

func TestInitOnAFullDiskLeavesNoFile(t *testing.T) {
	testenv.SmallDisk(t, 64*page, func(t *testing.T, dir string) {
		for free := range int64(6) {
			filler := fill(t, dir, free)
			project := filepath.Join(dir, "shop")
			got := do(t.Context(), "init", project)
			if got.code != exitDone {
				got.refused(t, exitFailed, "no space left on device")
				tree, err := readTree(dir)
				if err != nil {
					t.Fatal(err)
				}
				if len(tree) != 1 {
					t.Errorf("%d pages free: left %v", free, tree)
				}
			}
			if err := errors.Join(os.RemoveAll(project), os.Remove(filler)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
