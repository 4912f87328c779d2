package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/arrowconv"
	"github.com/quiver-features/quiver/offline/atomicfile"
	"github.com/quiver-features/quiver/offline/csv"
	"github.com/quiver-features/quiver/offline/dataset"
	"github.com/quiver-features/quiver/offline/ipc"
	"github.com/quiver-features/quiver/offline/parquet"
)

// destination is where a training set goes, and how.
type destination struct {
	path, format string // "-": standard output
	manifest     string // path; empty: none
	force        bool
	partitionBy  []string
	fileRows     int64
	fileBytes    int64
}

func (d *destination) stdout() bool { return d.path == "-" }

// folder tells whether the output is one.
func (d *destination) folder() bool {
	return len(d.partitionBy) > 0 || d.fileRows > 0 || d.fileBytes > 0
}

// written gives the paths that are written.
func (d *destination) written() []string {
	var all []string
	if !d.stdout() {
		all = append(all, d.path)
	}
	if d.manifest != "" {
		all = append(all, d.manifest)
	}
	return all
}

func (d *destination) told(m *offline.Manifest) string {
	switch {
	case d.stdout():
		return "standard output"
	case d.folder():
		return fmt.Sprintf("%s of the folder %s", plural(len(m.Output.Files), "file", "files"), d.path)
	}
	return d.path
}

func (d *destination) manifestTold() string {
	if d.manifest == "" {
		return "no manifest: --manifest FILE writes one"
	}
	return "manifest " + d.manifest
}

func (f *trainFlags) destination() (destination, error) {
	d := destination{path: f.out, force: f.force, partitionBy: f.partitionBy, fileRows: f.fileRows, manifest: f.manifest}
	var err error
	if d.fileBytes, err = parseBytes(f.fileSize); err != nil {
		return d, usagef("--file-size: %w", err)
	}
	d.format = formatOf(f.out)
	switch {
	case f.format != "" && !slices.Contains(outputFormats(), f.format):
		return d, usagef("--format %q is unknown%s: expected parquet, csv, arrow or arrow-stream", f.format, didYouMean("", f.format, slices.Values(outputFormats())))
	case f.format != "":
		d.format = f.format
	case d.stdout():
		return d, usagef("--out - is standard output, which has no name that tells its format: add --format parquet, csv, arrow or arrow-stream")
	case d.format == "" && d.folder():
		d.format = formatParquet
	case d.format == "":
		return d, usagef("output %s: expected a name that ends in .parquet, .csv, .arrow, .feather or .arrows, or a --format", f.out)
	}
	if d.stdout() && d.folder() {
		return d, usagef("--out - is standard output, which takes no folder: name one, or leave out --partition-by, --file-rows and --file-size")
	}
	if d.manifest != "" && !d.stdout() && sameFile(d.manifest, d.path) {
		return d, usagef("--manifest %s is the output itself: name another file, or leave it out for %s", d.manifest, offline.ManifestPath(filepath.Clean(f.out)))
	}
	if d.manifest == "" && !d.stdout() {
		d.manifest = offline.ManifestPath(filepath.Clean(f.out))
	}
	return d, nil
}

// create begins one file.
func (d *destination) create(path string, schema *arrow.Schema, force bool) (offline.Output, error) {
	switch d.format {
	case formatCSV:
		return csv.Create(path, schema, csv.Options{Force: force})
	case formatArrow, formatArrowStream:
		return ipc.Create(path, schema, ipc.Options{Force: force, Stream: d.format == formatArrowStream})
	default:
		return parquet.Create(path, schema, parquet.Options{Force: force})
	}
}

// ending is that of a folder's files.
func (d *destination) ending() string {
	return map[string]string{formatCSV: ".csv", formatArrow: ".arrow", formatArrowStream: ".arrows", formatParquet: ".parquet"}[d.format]
}

// trainingSet is a training set on its way to its place: the output and its
// manifest, which come together or not at all.
type trainingSet struct {
	destination
	out      io.Writer               // standard output
	staged   *offline.StagedManifest // nil: no manifest is wanted
	old      string                  // a second name of the output that is replaced; empty: there is none
	moved    bool                    // which is its only one
	known    map[string]bool         // files of the folder that is replaced, by their paths below it
	schema   *arrow.Schema           // what is written
	placed   bool                    // what stands at path is this one
	dataset  *dataset.Output         // the folder that is written; nil: a file
	file     offline.Output          // the file that is written; nil: a folder, or standard output
	spool    string                  // folder of a file on its way to standard output
	streamed hash.Hash               // of what goes to standard output at once
}

// stage finds out, before there is work, whether output and manifest can be
// written. The caller calls close.
func (d *destination) stage(out io.Writer) (*trainingSet, error) {
	t := &trainingSet{destination: *d, out: out}
	if !d.stdout() {
		var err error
		if t.known, err = d.probe(); err != nil {
			return nil, err
		}
	}
	if d.manifest != "" {
		var err error
		if t.staged, err = offline.StageManifest(d.manifest, d.force); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// probe gives the files of a folder that is replaced.
func (d *destination) probe() (known map[string]bool, err error) {
	st, err := os.Stat(d.path)
	if d.folder() && err == nil {
		switch {
		case !d.force:
			return nil, fmt.Errorf("%s is there already: name another output, or replace it with --force: %w", d.path, feature.ErrConflict)
		case !st.IsDir():
			return nil, fmt.Errorf("%s is there and is no folder: name another output: %w", d.path, feature.ErrInvalid)
		}
		return d.ours()
	}
	probe, err := atomicfile.Create(d.path, d.force)
	if err != nil {
		return nil, err
	}
	return nil, probe.Abort()
}

// ours is an error where a folder holds anything that its manifest does not name: a
// folder is only replaced whole.
func (d *destination) ours() (known map[string]bool, err error) {
	m, err := offline.ReadManifest(d.manifest)
	if err != nil {
		return nil, fmt.Errorf("%s is a folder, and no manifest says that it is a training set: name another output, or remove it: %w: %w", d.path, err, feature.ErrConflict)
	}
	known = map[string]bool{}
	for _, f := range m.Output.Files {
		known[f.Path] = true
	}
	other, err := otherFile(d.path, known)
	if err == nil && other != "" {
		err = fmt.Errorf("%s is not of the training set that %s describes, and --force would remove it with the folder: move it away, or name another output: %w",
			other, d.manifest, feature.ErrConflict)
	}
	return known, err
}

// otherFile gives a file of a folder that is not known; empty: there is none.
func otherFile(folder string, known map[string]bool) (other string, err error) {
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if rel, err := filepath.Rel(folder, path); err != nil || !known[filepath.ToSlash(rel)] {
			other = path
			return fs.SkipAll
		}
		return nil
	})
	return other, err
}

// create begins the output.
func (t *trainingSet) create(schema *arrow.Schema) (offline.Output, error) {
	t.schema = schema
	if t.stdout() {
		return t.createStream(schema)
	}
	var out offline.Output
	var err error
	if t.folder() {
		out, err = t.createFolder(schema)
	} else {
		out, err = t.destination.create(t.path, schema, t.force)
		t.file = out
	}
	if err != nil {
		return nil, err
	}
	return &keptOutput{Output: out, set: t}, nil
}

func (t *trainingSet) createFolder(schema *arrow.Schema) (offline.Output, error) {
	path := t.path
	if t.force { // what is there goes when the new folder is whole
		path = filepath.Join(filepath.Dir(filepath.Clean(t.path)), fmt.Sprintf(".%s.new-%d", filepath.Base(t.path), os.Getpid()))
	}
	var err error
	t.dataset, err = dataset.Create(path, schema, dataset.Options{
		File: func(path string, schema *arrow.Schema) (offline.Output, error) {
			return t.destination.create(path, schema, false)
		},
		Ending: t.ending(), PartitionBy: t.partitionBy, Rows: t.fileRows, Bytes: t.fileBytes,
	})
	if err != nil {
		return nil, err
	}
	if path == t.path {
		return t.dataset, nil
	}
	return &renamed{Output: t.dataset, from: path, to: t.path}, nil
}

// renamed gives a folder its name when it is whole.
type renamed struct {
	offline.Output
	from, to string
}

// Commit implements offline.Output.
func (r *renamed) Commit() error {
	if err := r.Output.Commit(); err != nil {
		return err
	}
	if err := os.Rename(r.from, r.to); err != nil {
		return errors.Join(fmt.Errorf("%s can't be named so: %w: %w", r.to, err, feature.ErrUnavailable), os.RemoveAll(r.from))
	}
	return nil
}

// createStream writes to standard output: at once where the format allows that, else
// when the file is whole.
func (t *trainingSet) createStream(schema *arrow.Schema) (offline.Output, error) {
	t.streamed = sha256.New()
	to := io.MultiWriter(&standardOutput{t.out}, t.streamed)
	switch t.format {
	case formatCSV:
		return csv.NewOutput(to, "standard output", schema)
	case formatArrowStream:
		return ipc.NewStream(to, "standard output", schema), nil
	}
	var err error
	if t.spool, err = os.MkdirTemp("", "quiver-*"); err != nil {
		return nil, fmt.Errorf("a temporary folder can't be made: set TMPDIR to one that can be written: %w: %w", err, feature.ErrUnavailable)
	}
	path := filepath.Join(t.spool, "standard-output"+t.ending())
	out, err := t.destination.create(path, schema, false)
	if err != nil {
		return nil, err
	}
	return &spooled{Output: out, path: path, to: to}, nil
}

// spooled is copied to its place when it is whole.
type spooled struct {
	offline.Output
	path string
	to   io.Writer
}

// Commit implements offline.Output.
func (s *spooled) Commit() error {
	if err := s.Output.Commit(); err != nil {
		return err
	}
	f, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", s.path, err, feature.ErrUnavailable)
	}
	defer func() { _ = f.Close() }()
	if err := os.Remove(s.path); err != nil {
		return fmt.Errorf("%s: %w: %w", s.path, err, feature.ErrUnavailable)
	}
	_, err = io.Copy(s.to, f)
	return err
}

// standardOutput gives the errors of standard output a kind.
type standardOutput struct{ to io.Writer }

// Write implements io.Writer.
func (s *standardOutput) Write(b []byte) (int, error) {
	n, err := s.to.Write(b)
	if err != nil {
		return n, fmt.Errorf("standard output can't be written (is its reader gone?): %w: %w", err, feature.ErrUnavailable)
	}
	return n, nil
}

// ignoreBrokenPipe has a reader that goes away be an error like any other, after
// which temporary files are removed: else the signal would end the process.
func ignoreBrokenPipe() { signal.Ignore(syscall.SIGPIPE) }

// onStandardError prints where standard output belongs to the training set.
func (a *app) onStandardError() *app {
	b := *a
	b.env.out, b.env.width = a.env.err, 0
	return &b
}

// keptOutput keeps the output that it replaces until the manifest is there, too.
type keptOutput struct {
	offline.Output
	set *trainingSet
}

// Commit implements offline.Output.
func (o *keptOutput) Commit() error {
	if err := o.set.keepOld(); err != nil {
		return errors.Join(err, o.Abort())
	}
	if err := o.Output.Commit(); err != nil {
		return errors.Join(err, o.set.restore())
	}
	o.set.placed = true
	return nil
}

// keepOld gives the output that is replaced a second, hidden name; a folder loses
// its own.
func (t *trainingSet) keepOld() error {
	if _, err := os.Stat(t.path); !t.force || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	dir, name := filepath.Split(filepath.Clean(t.path))
	old := filepath.Join(dir, fmt.Sprintf(".%s.old-%d", name, os.Getpid()))
	err := os.RemoveAll(old)
	if t.moved = t.folder(); err == nil && !t.moved {
		t.moved = os.Link(t.path, old) != nil // a file system without links
	}
	if err == nil && t.moved {
		err = os.Rename(t.path, old)
	}
	if err != nil {
		return fmt.Errorf("the old %s can't be kept until the new one is whole: remove it, or name another output: %w", t.path, err)
	}
	t.old = old
	return nil
}

// restore removes what is new, and brings the output back that was replaced. What
// somebody else has put in its place meanwhile stays.
func (t *trainingSet) restore() error {
	if t.stdout() {
		return nil
	}
	if t.placed && (t.old == "" || t.folder()) {
		if err := os.RemoveAll(t.path); err != nil {
			return err
		}
	}
	old, gone := t.old, t.placed || t.moved
	t.old, t.placed = "", false
	if old == "" {
		return nil
	}
	if !gone {
		return os.Remove(old) // a second name of what still has its first
	}
	if err := os.Rename(old, t.path); err != nil {
		return fmt.Errorf("what %s was before is kept as %s: %w", t.path, old, err)
	}
	return os.RemoveAll(old) // two names of one file both outlive a rename
}

// finish writes the manifest of an output that is in its place. Where that fails
// the output goes, and the one that it has replaced comes back.
func (t *trainingSet) finish(request offline.Request, result *offline.Result, origin offline.Origin) (*offline.Manifest, error) {
	var err error
	if origin.Output, err = t.describe(); err == nil {
		manifest := offline.NewManifest(request, result, origin)
		if t.staged == nil {
			return manifest, nil
		}
		if err = t.staged.Commit(manifest); err == nil {
			return manifest, nil
		}
	}
	err = fmt.Errorf("the manifest of %s can't be written, and no training set is left without one: %w", t.path, err)
	return nil, errors.Join(err, t.restore())
}

// columnTypes gives the types of those columns that have one of Quiver's scalar types.
func columnTypes(schema *arrow.Schema) map[string]feature.Type {
	types := map[string]feature.Type{}
	for _, f := range schema.Fields() {
		for k := feature.Bool; k <= feature.Timestamp; k++ {
			if t := feature.Scalar(k); arrow.TypeEqual(arrowconv.DataType(t), f.Type) {
				types[f.Name] = t
			}
		}
	}
	return types
}

// describe tells what was written, with digests.
func (t *trainingSet) describe() (offline.ManifestOutput, error) {
	o := offline.ManifestOutput{Path: t.path, Format: t.format}
	if t.format == formatCSV {
		o.Columns = columnTypes(t.schema)
	}
	var err error
	switch {
	case t.stdout():
		o.Digest = "sha256:" + hex.EncodeToString(t.streamed.Sum(nil))
	case t.folder():
		o.Files = []offline.ManifestPart{}
		for _, f := range t.dataset.Files() {
			digest := f.Digest
			if digest == "" {
				if digest, err = offline.DigestFile(filepath.Join(t.path, filepath.FromSlash(f.Path))); err != nil {
					return o, err
				}
			}
			o.Files = append(o.Files, offline.ManifestPart{Path: f.Path, Rows: f.Rows, Digest: digest})
		}
		o.Digest = offline.DigestFolder(o.Files)
	default:
		if d, ok := t.file.(dataset.Digester); ok {
			o.Digest = d.Digest()
		}
		if o.Digest == "" {
			o.Digest, err = offline.DigestFile(t.path)
		}
	}
	return o, err
}

// removeOld removes what was replaced, unless somebody has put files there since it was
// looked at.
func (t *trainingSet) removeOld() error {
	if t.folder() {
		other, err := otherFile(t.old, t.known)
		if err != nil {
			return fmt.Errorf("what %s was before is kept as %s: %w: %w", t.path, t.old, err, feature.ErrUnavailable)
		}
		if other != "" {
			return fmt.Errorf("%s was put into %s while that was replaced: it is kept in %s, move it away: %w", filepath.Base(other), t.path, t.old, feature.ErrConflict)
		}
	}
	return os.RemoveAll(t.old)
}

// close gives up what was not finished.
func (t *trainingSet) close() error {
	var err error
	if t.staged != nil {
		err = t.staged.Abort()
	}
	if t.old != "" {
		err = errors.Join(err, t.removeOld())
	}
	if t.spool != "" {
		err = errors.Join(err, os.RemoveAll(t.spool))
	}
	return err
}
