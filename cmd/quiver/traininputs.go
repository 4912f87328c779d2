package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/csv"
	"github.com/quiver-features/quiver/offline/eventspine"
	"github.com/quiver-features/quiver/offline/ipc"
	"github.com/quiver-features/quiver/offline/parquet"
	"github.com/quiver-features/quiver/offline/sample"
	"github.com/quiver-features/quiver/registry"
)

// withDefinitions opens the registry's head, or what the project's files would
// make of an empty one.
func (a *app) withDefinitions(ctx context.Context, fromFiles bool, f func(*project, *registry.Snapshot) error) error {
	if !fromFiles {
		return a.withSnapshot(ctx, func(p *project, _ registry.Store, s *registry.Snapshot) error { return f(p, s) })
	}
	p, err := a.project()
	if err != nil {
		return err
	}
	empty, err := registry.NewSnapshot(registry.State{Identity: registry.Identity{Project: p.Name}})
	if err != nil {
		return err
	}
	plan, _, err := p.plan(ctx, empty)
	if err != nil {
		return err
	}
	s, err := plan.Preview(empty)
	if err != nil {
		return err
	}
	return f(p, s)
}

// rowsWanted is where the rows come from: one of a file, a range and a snapshot.
type rowsWanted struct {
	path, format   string // "-": standard input
	from, to, asOf *feature.Time
	sample         sample.Size
	sampled        bool
}

// whyNone says why there are no rows.
func (r *rowsWanted) whyNone() string {
	switch {
	case r.asOf != nil:
		return "no key of the views was visible at " + instant(*r.asOf)
	case r.from != nil:
		return fmt.Sprintf("the views have none from %s to before %s", instant(*r.from), instant(*r.to))
	case r.sampled:
		return "the sample has none of the spine's"
	}
	return "the spine has none"
}

func (f *trainFlags) rowsWanted() (rowsWanted, error) {
	r := rowsWanted{path: f.spine}
	var err error
	if r.from, err = parseTimeFlag("--from", f.from); err != nil {
		return r, err
	}
	if r.to, err = parseTimeFlag("--to", f.to); err != nil {
		return r, err
	}
	if r.asOf, err = parseTimeFlag("--as-of", f.asOf); err != nil {
		return r, err
	}
	ranged := r.from != nil || r.to != nil
	switch {
	case f.spine == "" && !ranged && r.asOf == nil:
		return r, usagef("--spine is missing: name the file with the rows to build for, or take the views' own with --from and --to, or with --as-of")
	case f.spine != "" && (ranged || r.asOf != nil), ranged && r.asOf != nil:
		return r, usagef("--spine, --from with --to, and --as-of are three ways to say which rows: give one of them")
	case ranged && (r.from == nil || r.to == nil):
		return r, usagef("--from and --to go together: both ends of the range are needed")
	case ranged && *r.from >= *r.to:
		return r, usagef("--from %s is not before --to %s: the range has no time in it", *r.from, *r.to)
	case f.spine == "" && f.time != "":
		return r, usagef("--event-timestamp names a column of a spine, and there is no --spine")
	}
	if f.spine != "" {
		if r.format, err = spineFormat(f.spine, f.spineFormat); err != nil {
			return r, err
		}
	}
	if r.sampled = f.sample != ""; r.sampled {
		if r.sample, err = sample.Parse(f.sample); err != nil {
			return r, usagef("--sample: %w", err)
		}
	}
	return r, nil
}

const (
	formatParquet     = "parquet"
	formatCSV         = "csv"
	formatArrow       = "arrow"
	formatArrowStream = "arrow-stream"
)

func outputFormats() []string {
	return []string{formatParquet, formatCSV, formatArrow, formatArrowStream}
}

// formatOf tells the format by a name's ending; empty: it does not tell.
func formatOf(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".parquet", ".pq", ".parq":
		return formatParquet
	case ".csv":
		return formatCSV
	case ".arrow", ".feather", ".ipc":
		return formatArrow
	case ".arrows":
		return formatArrowStream
	}
	return ""
}

func spineFormat(path, named string) (string, error) {
	switch {
	case named != "" && !slices.Contains(outputFormats(), named):
		return "", usagef("--spine-format %q is unknown%s: expected parquet, csv, arrow or arrow-stream", named, didYouMean("", named, slices.Values(outputFormats())))
	case named != "":
		return named, nil
	case path == "-":
		return "", usagef("--spine - is standard input, which has no name that tells its format: add --spine-format parquet, csv, arrow or arrow-stream")
	}
	if format := formatOf(path); format != "" {
		return format, nil
	}
	return "", usagef("spine %s: expected a file that ends in .parquet, .csv, .arrow, .feather or .arrows, or a --spine-format", path)
}

// openRows opens or makes the spine, of the bytes of memory that the command has.
func (a *app) openRows(ctx context.Context, engine *offline.Engine, memory int64, selection *feature.Selection, t *training) (offline.Spine, error) {
	spine, err := a.openWhole(ctx, engine, memory, selection, t)
	if err != nil || !t.rows.sampled {
		return spine, err
	}
	return sample.Of(spine, t.rows.sample, t.seed), nil
}

func (a *app) openWhole(ctx context.Context, engine *offline.Engine, memory int64, selection *feature.Selection, t *training) (offline.Spine, error) {
	r := t.rows
	o := eventspine.Options{Memory: memory / 4, Workers: t.workers}
	switch {
	case r.asOf != nil:
		return eventspine.AsOf(ctx, engine, selection, *r.asOf, o)
	case r.from != nil:
		return eventspine.InRange(ctx, engine, selection, *r.from, *r.to, o)
	case r.path == "-":
		return a.openStandardInput(ctx, r.format, selection, t.time)
	}
	return openSpine(ctx, r.path, r.format, selection, t.time)
}

// openSpine opens a file. A CSV file says nothing of types, so keys are read in the
// types that the features want.
func openSpine(ctx context.Context, path, format string, selection *feature.Selection, timeColumn string) (offline.Spine, error) {
	switch format {
	case formatParquet:
		return parquet.OpenSpine(path)
	case formatCSV:
		keys, err := selection.KeyColumns()
		if err != nil {
			return nil, err
		}
		if timeColumn == "" {
			timeColumn = "event_timestamp"
		}
		hints := map[string]feature.Type{timeColumn: feature.Scalar(feature.Timestamp)}
		for _, k := range keys {
			hints[k.Name] = k.Type
		}
		return csv.OpenSpine(ctx, path, hints)
	}
	return ipc.OpenSpine(ctx, path)
}

// openStandardInput spools standard input, because a spine is read twice. The
// file's name is gone when this returns, and the file when the process ends.
func (a *app) openStandardInput(ctx context.Context, format string, selection *feature.Selection, timeColumn string) (_ offline.Spine, err error) {
	folder, err := os.MkdirTemp("", "quiver-*")
	if err != nil {
		return nil, fmt.Errorf("standard input can't be kept: set TMPDIR to a folder that can be written: %w: %w", err, feature.ErrUnavailable)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path := filepath.Join(folder, "standard-input."+format)
	file, err := os.Create(path) //nolint:gosec // in a folder of our own
	if err != nil {
		return nil, fmt.Errorf("standard input can't be kept: %w: %w", err, feature.ErrUnavailable)
	}
	copied := make(chan error, 1)
	go func() { // a read can't be interrupted; after Ctrl-C it ends with the process
		_, err := io.Copy(file, a.env.in)
		copied <- errors.Join(err, file.Close())
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case err := <-copied:
		if err != nil {
			return nil, fmt.Errorf("standard input can't be kept in %s: set TMPDIR to a larger disk: %w: %w", folder, err, feature.ErrUnavailable)
		}
	}
	spine, err := openSpine(ctx, path, format, selection, timeColumn)
	if err != nil {
		return nil, ofStandardInput{err, path}
	}
	return standardInput{spine, path}, nil
}

// standardInput is a spine of which nothing but the content is known.
type standardInput struct {
	offline.Spine
	path string // where it was kept
}

// Scan implements offline.Spine.
func (s standardInput) Scan(ctx context.Context, columns []int, fn func(arrow.Record) error) error {
	if err := s.Spine.Scan(ctx, columns, fn); err != nil {
		return ofStandardInput{err, s.path}
	}
	return nil
}

// ofStandardInput is an error that names standard input, not the file where it was kept.
type ofStandardInput struct {
	error
	path string
}

// Error implements error.
func (e ofStandardInput) Error() string {
	return strings.ReplaceAll(e.error.Error(), e.path, "standard input")
}

// Unwrap gives the error as it was.
func (e ofStandardInput) Unwrap() error { return e.error }

// Source implements offline.Spine.
func (s standardInput) Source() feature.File {
	info := s.Spine.Source()
	info.Path, info.Modified = "-", 0
	return info
}

// fixedFiles lists the files of each source once, so that all that a command does
// is about the same files. It is safe for concurrent use.
type fixedFiles struct {
	offline.Files
	mu    sync.Mutex
	lists map[string][]feature.File
	left  map[string]int // files that are not in the manifest, by source
}

func newFixedFiles(files offline.Files) *fixedFiles {
	return &fixedFiles{Files: files, lists: map[string][]feature.File{}, left: map[string]int{}}
}

func tableKey(t *feature.Table) string { return t.Source + "\x00" + strings.Join(t.Parquet, "\x00") }

// List implements offline.Files.
func (f *fixedFiles) List(ctx context.Context, table *feature.Table) ([]feature.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if list, ok := f.lists[tableKey(table)]; ok {
		return list, nil
	}
	list, err := f.Files.List(ctx, table)
	if err == nil {
		f.lists[tableKey(table)] = list
	}
	return list, err
}

// asIn leaves the files that a manifest names, as they are now. One that is gone is
// an error: nothing can stand in for it.
func (f *fixedFiles) asIn(ctx context.Context, selection *feature.Selection, m *offline.Manifest) error {
	for i := range selection.Uses {
		view := selection.Uses[i].View
		at := slices.IndexFunc(m.Views, func(v offline.ManifestView) bool { return v.View == view.ID() })
		if at < 0 {
			continue
		}
		all, err := f.Files.List(ctx, &view.Table)
		if err != nil {
			return err
		}
		var kept []feature.File
		for _, was := range m.Views[at].Files {
			now := slices.IndexFunc(all, func(file feature.File) bool { return file.Path == was.Path })
			if now < 0 {
				return fmt.Errorf("%s of source %s is gone, and the training set was built from it (view %s): bring it back, or build a new training set: %w",
					was.Path, view.Table.Source, view.ID(), feature.ErrNotFound)
			}
			kept = append(kept, all[now])
		}
		f.lists[tableKey(&view.Table)] = kept
		f.left[view.Table.Source] = len(all) - len(kept)
	}
	return nil
}

// keepInputs refuses an output that would replace, itself or by its manifest, the
// spine or a source file that is read.
func (p *project) keepInputs(ctx context.Context, files offline.Files, written []string, spine string, selection *feature.Selection) error {
	for _, w := range written {
		if spine != "" && sameFile(w, spine) {
			return usagef("output %s is the spine: name another output", w)
		}
	}
	for i := range selection.Uses {
		view := selection.Uses[i].View
		list, err := files.List(ctx, &view.Table)
		if err != nil {
			return err
		}
		for _, f := range list {
			path := f.Path
			if !filepath.IsAbs(path) {
				path = filepath.Join(p.Data.Value, path)
			}
			for _, w := range written {
				if sameFile(w, path) {
					return usagef("output %s is a file of source %s, which view %s reads: name another output", w, view.Table.Source, view.ID())
				}
			}
		}
	}
	return nil
}

// sameFile tells whether two paths lead to one file, or would if it were there.
func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	second, other := os.Stat(b)
	if err == nil && other == nil {
		return os.SameFile(first, second)
	}
	a, err = filepath.Abs(a)
	b, other = filepath.Abs(b)
	return err == nil && other == nil && a == b
}
