// Package snapshotfile keeps one state of a registry in a local file, for a server
// that has to start while the registry can't be reached.
//
// A file is one line of text and a JSON document:
//
//	quiver registry snapshot 1 sha256:<64 hex digits>
//	{"identity":…,"head":…,"objects":[…],"pointers":[…],"storages":[…]}
//
// The number is the format's, the sum that of all bytes behind the line. A file is
// replaced as a whole and is readable by its owner only. Its modification time is
// when the registry last confirmed what is in it (see Touch).
package snapshotfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

const (
	magic  = "quiver registry snapshot "
	format = 1
)

// document is registry.State under names that stay.
type document struct {
	Identity registry.Identity `json:"identity"`
	Head     registry.Head     `json:"head"`
	Objects  []object          `json:"objects"`
	Pointers []pointer         `json:"pointers"`
	Storages []feature.Storage `json:"storages"`
}

type object struct {
	Kind    string          `json:"kind"`
	Name    string          `json:"name"`
	Version int             `json:"version,omitzero"`
	Spec    json.RawMessage `json:"spec"`
}

type pointer struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Current int    `json:"current"`
	Defined int    `json:"defined"`
}

// Write replaces the file, and makes its folder where that is missing. When it
// returns nil the file is durable; after an error, which wraps
// feature.ErrUnavailable where the disk is to blame, the file is what it was.
func Write(path string, s *registry.Snapshot) error {
	state, err := s.State()
	if err != nil {
		return err
	}
	d := document{Identity: state.Identity, Head: state.Head, Storages: state.Storages}
	for _, o := range state.Objects {
		d.Objects = append(d.Objects, object(o))
	}
	for _, p := range state.Pointers {
		d.Pointers = append(d.Pointers, pointer(p))
	}
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("write snapshot %s: %w: %w", path, err, feature.ErrInvalid)
	}
	text := fmt.Appendf(nil, "%s%d sha256:%x\n", magic, format, sha256.Sum256(body))
	if err := replace(path, append(text, body...)); err != nil {
		return fmt.Errorf("write snapshot: %w: %w", err, feature.ErrUnavailable)
	}
	return nil
}

// replace gives a file new contents, at once and durably.
func replace(path string, contents []byte) (err error) {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // as all folders of a project
		return err
	}
	f, err := os.CreateTemp(folder, "."+filepath.Base(path)+"-*") // of mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // twice, where Close has failed
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(contents); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(folder)
	if err != nil {
		return nil // the file stands; whether its name is durable can't be asked for here
	}
	_ = dir.Sync()
	return dir.Close()
}

// Touch notes that the registry has confirmed, at a time, what the file holds.
func Touch(path string, at time.Time) error {
	if err := os.Chtimes(path, at, at); err != nil {
		return fmt.Errorf("touch snapshot: %w: %w", err, feature.ErrUnavailable)
	}
	return nil
}

// Read gives the snapshot of a project's registry, and when the registry last
// confirmed it. A missing file is an error that wraps feature.ErrNotFound, a
// snapshot of another project feature.ErrConflict, one that is damaged or of
// another format feature.ErrInvalid, one that can't be read feature.ErrUnavailable.
func Read(path, project string) (*registry.Snapshot, time.Time, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, time.Time{}, fmt.Errorf("there is no snapshot %s: %w", path, feature.ErrNotFound)
	case err != nil:
		return nil, time.Time{}, fmt.Errorf("read snapshot: %w: %w", err, feature.ErrUnavailable)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read snapshot: %w: %w", err, feature.ErrUnavailable)
	}
	s, err := parse(text)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("snapshot %s %w", path, err)
	}
	if got := s.Identity().Project; got != project {
		return nil, time.Time{}, fmt.Errorf("snapshot %s is of project %s, not of %s: %w", path, got, project, feature.ErrConflict)
	}
	return s, info.ModTime(), nil
}

func parse(text []byte) (*registry.Snapshot, error) {
	line, body, whole := bytes.Cut(text, []byte("\n"))
	rest, known := strings.CutPrefix(string(line), magic)
	number, sum, two := strings.Cut(rest, " ")
	version, err := strconv.Atoi(number)
	switch {
	case !whole || !known || !two || err != nil || version < 1:
		return nil, fmt.Errorf("is damaged, or no snapshot of a registry: remove it: %w", feature.ErrInvalid)
	case version > format:
		return nil, fmt.Errorf("has format %d, and this version of Quiver reads up to %d: start the version that wrote it, or remove it: %w", version, format, feature.ErrInvalid)
	case sum != fmt.Sprintf("sha256:%x", sha256.Sum256(body)):
		return nil, fmt.Errorf("is damaged: its checksum is not that of its contents: remove it: %w", feature.ErrInvalid)
	}
	var d document
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, fmt.Errorf("can't be read: %w: %w", err, feature.ErrInvalid)
	}
	state := registry.State{Identity: d.Identity, Head: d.Head, Storages: d.Storages}
	for _, o := range d.Objects {
		state.Objects = append(state.Objects, registry.Object(o))
	}
	for _, p := range d.Pointers {
		state.Pointers = append(state.Pointers, registry.Pointer(p))
	}
	s, err := registry.NewSnapshot(state)
	if err != nil {
		return nil, fmt.Errorf("can't be used: %w", err)
	}
	return s, nil
}
