// Package atomicfile writes files that appear under their name whole or not at
// all.
//
// The bytes go to a hidden file in the same folder (.name.tmp-…). Commit flushes
// it to the disk and gives it its name in one step; Abort, and every failure,
// removes it. A process that is killed can leave the hidden file behind, never a
// part of an output under its final name.
package atomicfile

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/quiver-features/quiver/feature"
)

// File is a file that is being written. It is not safe for concurrent use.
type File struct {
	path   string
	force  bool
	file   *os.File  // nil after Commit or Abort
	digest hash.Hash // of what was written; nil: not one byte after the other
}

// Create begins a file. A file that is there already is an error that wraps
// feature.ErrConflict, unless force allows to replace it; what is no regular file
// is never replaced (feature.ErrInvalid); a folder that is not there is
// feature.ErrNotFound.
func Create(path string, force bool) (*File, error) {
	switch st, err := os.Stat(path); {
	case err == nil && !st.Mode().IsRegular():
		return nil, fmt.Errorf("%s is there and is no regular file: name another output: %w", path, feature.ErrInvalid)
	case err == nil && !force:
		return nil, exists(path)
	}
	suffix := make([]byte, 6)
	if _, err := rand.Read(suffix); err != nil {
		return nil, fmt.Errorf("%s: a temporary name: %w: %w", path, err, feature.ErrUnavailable)
	}
	dir, name := filepath.Split(path)
	temp := filepath.Join(dir, "."+name+".tmp-"+hex.EncodeToString(suffix))
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, Explain(path, "can't be created", err)
	}
	return &File{path: path, force: force, file: f, digest: sha256.New()}, nil
}

func exists(path string) error {
	return fmt.Errorf("%s is there already: name another output, or replace it with --force: %w", path, feature.ErrConflict)
}

// Write appends to the file.
func (f *File) Write(b []byte) (int, error) {
	if f.file == nil {
		return 0, fmt.Errorf("%s: written after its end: %w", f.path, feature.ErrInvalid)
	}
	n, err := f.file.Write(b)
	if f.digest != nil {
		_, _ = f.digest.Write(b[:n]) // a hash takes everything
	}
	if err != nil {
		return n, Explain(f.path, "can't be written", err)
	}
	return n, nil
}

// Digest gives "sha256:" and the hex of the hash of all bytes, so that who asks for it
// need not read them again; empty where it is not known, as after a Seek that moved, and of nil.
func (f *File) Digest() string {
	if f == nil || f.digest == nil {
		return ""
	}
	return "sha256:" + hex.EncodeToString(f.digest.Sum(nil))
}

// Seek moves the place of the next Write.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	if f.file == nil {
		return 0, fmt.Errorf("%s: written after its end: %w", f.path, feature.ErrInvalid)
	}
	if offset != 0 || whence != io.SeekCurrent { // who only asks where it is moves nothing
		f.digest = nil
	}
	n, err := f.file.Seek(offset, whence)
	if err != nil {
		return n, Explain(f.path, "can't be written", err)
	}
	return n, nil
}

// Commit flushes the file to the disk and gives it its name. A file that came to
// stand there since Create is an error that wraps feature.ErrConflict, unless it
// may be replaced. Whatever fails, nothing is left behind.
func (f *File) Commit() error {
	if f.file == nil {
		return fmt.Errorf("%s: ended twice: %w", f.path, feature.ErrInvalid)
	}
	temp := f.file.Name()
	err := f.file.Sync()
	if cerr := f.file.Close(); err == nil {
		err = cerr
	}
	f.file = nil
	if err == nil {
		err = f.name(temp)
	}
	if err != nil {
		_ = os.Remove(temp)
		return Explain(f.path, "can't be completed", err)
	}
	return SyncFolder(filepath.Dir(f.path))
}

// name gives the temporary file its name.
func (f *File) name(temp string) error {
	if f.force {
		return os.Rename(temp, f.path)
	}
	// A link never replaces a file, as a rename does.
	switch err := os.Link(temp, f.path); {
	case err == nil:
		return os.Remove(temp)
	case errors.Is(err, fs.ErrExist):
		return exists(f.path)
	default: // a file system without links
		if _, err := os.Lstat(f.path); err == nil {
			return exists(f.path)
		}
		return os.Rename(temp, f.path)
	}
}

// SyncFolder makes a new name last. Where folders can't be flushed, the name
// stands all the same.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil //nolint:nilerr // the file itself is complete
	}
	_ = d.Sync()
	_ = d.Close()
	return nil
}

// Abort removes what was written. After Commit or Abort it does nothing.
func (f *File) Abort() error {
	if f.file == nil {
		return nil
	}
	temp := f.file.Name()
	err := f.file.Close()
	f.file = nil
	if rerr := os.Remove(temp); err == nil {
		err = rerr
	}
	if err != nil {
		return Explain(temp, "can't be removed", err)
	}
	return nil
}

// Explain gives an error of the file system a kind, and says what to do about it. what
// is what path can't be: "can't be created". An error that has the kind of a conflict
// stays as it is.
func Explain(path, what string, err error) error {
	switch {
	case errors.Is(err, feature.ErrConflict):
		return err
	case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
		return fmt.Errorf("%s %s, because too many files are open: raise the limit (ulimit -n): %w: %w", path, what, err, feature.ErrUnavailable)
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%s %s, because the disk is full: free some space or write elsewhere; nothing is left behind: %w: %w",
			path, what, err, feature.ErrUnavailable)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s %s: its folder does not exist, make it first: %w", path, what, feature.ErrNotFound)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s %s: check the permissions of its folder: %w: %w", path, what, err, feature.ErrInvalid)
	default:
		return fmt.Errorf("%s %s: %w: %w", path, what, err, feature.ErrUnavailable)
	}
}
