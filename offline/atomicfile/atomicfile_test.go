package atomicfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/atomicfile"
)

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func begin(t *testing.T, path string, force bool, content string) *atomicfile.File {
	t.Helper()
	f, err := atomicfile.Create(path, force)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	return f
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAFileAppearsAtCommitAndNotBefore(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	f := begin(t, path, false, "whole")
	if got := names(t, dir); !strings.HasPrefix(got, ".out.tmp-") {
		t.Errorf("the folder holds %q before Commit", got)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); got != "out" || content(t, path) != "whole" {
		t.Errorf("the folder holds %q with %q", got, content(t, path))
	}
	if err := f.Abort(); err != nil || content(t, path) != "whole" {
		t.Errorf("Abort after Commit: %v", err)
	}
	if err := f.Commit(); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("a second Commit: %v", err)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("a Write after Commit: %v", err)
	}
}

func TestAbortLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f := begin(t, filepath.Join(dir, "out"), false, "part")
	for range 2 {
		if err := f.Abort(); err != nil {
			t.Error(err)
		}
	}
	if got := names(t, dir); got != "" {
		t.Errorf("the folder holds %q", got)
	}
}

func TestAnExistingFileIsReplacedOnlyWithForce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	if err := begin(t, path, false, "first").Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := atomicfile.Create(path, false); !errors.Is(err, feature.ErrConflict) || !strings.Contains(err.Error(), "--force") {
		t.Errorf("got %v, want a conflict that says what to do", err)
	}
	f := begin(t, path, true, "second")
	if content(t, path) != "first" {
		t.Error("the old file is gone before Commit")
	}
	if err := f.Commit(); err != nil || content(t, path) != "second" {
		t.Errorf("%v, %q", err, content(t, path))
	}
}

func TestOfTwoWritersOfOneNameOneWins(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	a, b := begin(t, path, false, "a"), begin(t, path, false, "b")
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := a.Commit(); !errors.Is(err, feature.ErrConflict) {
		t.Errorf("the second one: %v", err)
	}
	if got := names(t, dir); got != "out" || content(t, path) != "b" {
		t.Errorf("the folder holds %q with %q", got, content(t, path))
	}
}

func TestWhatIsNoFileIsNeverReplaced(t *testing.T) {
	dir := t.TempDir()
	for _, force := range []bool{false, true} {
		if _, err := atomicfile.Create(dir, force); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("a folder, force %t: %v", force, err)
		}
		if _, err := atomicfile.Create(os.DevNull, force); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("a device, force %t: %v", force, err)
		}
	}
	if _, err := atomicfile.Create(filepath.Join(dir, "none", "out"), false); !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("a missing folder: %v", err)
	}
}

func TestTheDigestIsThatOfTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f := begin(t, path, false, "ab")
	if _, err := f.Write([]byte("c")); err != nil {
		t.Fatal(err)
	}
	if at, err := f.Seek(0, io.SeekCurrent); err != nil || at != 3 { // as writers of Arrow files do
		t.Fatal(at, err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	// FIPS 180-2, appendix B.1.
	if want := "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; f.Digest() != want || content(t, path) != "abc" {
		t.Errorf("digest %s of %q, want %s", f.Digest(), content(t, path), want)
	}
	var none *atomicfile.File
	if none.Digest() != "" {
		t.Error("there is a digest of no file")
	}
	f = begin(t, path, true, "ab")
	if _, err := f.Seek(1, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if f.Digest() != "" {
		t.Error("the digest is known of bytes that may have been written over")
	}
	if err := f.Abort(); err != nil {
		t.Fatal(err)
	}
}
