package materialize_test

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/quiver-features/quiver/feature"
)

// world is a source, a sink and a ledger in memory, written from the contracts
// alone, with a fuse: after so many operations everything fails, as it does for a
// process that was killed.
type world struct {
	files    map[string]file
	now      feature.Time
	wall     feature.Time
	store    map[uint64]map[int64]row
	marks    map[uint64]feature.Watermark
	lost     bool
	runs     []feature.Run
	active   uint64
	storages uint64
	fuse     int // operations until everything fails; negative: never
	opened   []string

	forgotten []uint64
}

type row struct {
	key            int64
	event, visible feature.Time
	value          float64
}

type file struct {
	version int64
	rows    []row
}

var errKilled = errors.New("killed")

func newWorld() *world {
	return &world{
		files: map[string]file{}, store: map[uint64]map[int64]row{}, marks: map[uint64]feature.Watermark{},
		active: 1, storages: 1, fuse: -1, wall: 1_000_000_000,
	}
}

// step burns the fuse.
func (w *world) step(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.fuse == 0 {
		return errKilled
	}
	w.fuse--
	return nil
}

func (w *world) Files(ctx context.Context, _ *feature.ViewVersion) ([]feature.File, error) {
	var list []feature.File
	for path, f := range w.files {
		list = append(list, feature.File{Path: path, Size: int64(len(f.rows)), Modified: f.version, Digest: fmt.Sprint(f.version), Rows: int64(len(f.rows))})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Path < list[j].Path })
	return list, w.step(ctx)
}

func later(a, b row) bool {
	if a.event != b.event {
		return a.event > b.event
	}
	return a.value > b.value
}

func (w *world) Latest(ctx context.Context, view *feature.ViewVersion, pass feature.Pass, deliver func(*feature.Batch) error) (feature.ScanResult, error) {
	var result feature.ScanResult
	latest := map[int64]row{}
	for _, s := range pass.Scans {
		w.opened = append(w.opened, s.File.Path)
		if w.files[s.File.Path].version != s.File.Modified {
			return result, fmt.Errorf("%s changed since it was listed: %w", s.File.Path, feature.ErrConflict)
		}
		f := s.File
		if s.All {
			f.Scanned, f.MinVisible, f.MaxVisible = true, feature.MaxTime, feature.MinTime
		}
		for _, r := range w.files[f.Path].rows {
			result.Rows++
			if s.All {
				f.MinVisible, f.MaxVisible = min(f.MinVisible, r.visible), max(f.MaxVisible, r.visible)
			}
			if r.visible > pass.To || !s.All && r.visible <= s.After {
				continue
			}
			if old, ok := latest[r.key]; !ok || later(r, old) {
				latest[r.key] = r
			}
		}
		result.Files = append(result.Files, f)
	}
	keys := make([]int64, 0, len(latest))
	for k := range latest {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
	keys = keys[min(int(pass.Skip), len(keys)):]
	for len(keys) > 0 {
		n := min(2, len(keys))
		b := &feature.Batch{Rows: n, Keys: []*feature.Column{feature.NewColumn(feature.Scalar(feature.Int64), n)}, Features: []*feature.Column{feature.NewColumn(feature.Scalar(feature.Float64), n)}}
		for _, k := range keys[:n] {
			b.Keys[0].AppendInt64(k)
			b.Event = append(b.Event, latest[k].event)
			b.Features[0].AppendFloat64(latest[k].value)
		}
		keys = keys[n:]
		if err := deliver(b); err != nil {
			return result, err
		}
		result.Keys += int64(n)
	}
	return result, w.step(ctx)
}

func (w *world) Watermark(ctx context.Context, s *feature.Storage) (feature.Watermark, error) {
	m := w.marks[s.ID]
	m.Lost = m.Known && w.lost
	return m, w.step(ctx)
}

func (w *world) Write(ctx context.Context, s *feature.Storage, _ *feature.ViewVersion, b *feature.Batch, _ feature.Origin) (feature.WriteResult, error) {
	var result feature.WriteResult
	if w.store[s.ID] == nil {
		w.store[s.ID] = map[int64]row{}
	}
	for i := range b.Rows {
		if err := w.step(ctx); err != nil {
			return result, err
		}
		r := row{key: b.Keys[0].Int64s[i], event: b.Event[i], value: b.Features[0].Float64s[i]}
		if old, ok := w.store[s.ID][r.key]; ok && !later(r, old) {
			result.Skipped++
			continue
		}
		w.store[s.ID][r.key] = r
		result.Written++
	}
	w.wall += 3_000_000 // a checkpoint is due after every batch
	return result, nil
}

func (w *world) Advance(ctx context.Context, s *feature.Storage, to feature.Time, run, since int64) error {
	if err := w.step(ctx); err != nil {
		return err
	}
	m := w.marks[s.ID]
	holds := m.Known && !w.lost
	switch {
	case to == feature.MinTime && holds:
		return nil
	case to == feature.MinTime:
		w.lost = false
		w.marks[s.ID] = feature.Watermark{Known: true, Time: to, Run: run, Since: run}
		return nil
	case !holds || since == 0 || m.Since != since:
		return fmt.Errorf("storage %d lost values since the run began: %w", s.ID, feature.ErrUnavailable)
	case to < m.Time || to == m.Time && run <= m.Run:
		return nil
	}
	m.Time, m.Run = to, run
	w.marks[s.ID] = m
	return nil
}

func (w *world) Watermarks(ctx context.Context, storages []*feature.Storage) ([]feature.Watermark, error) {
	marks := make([]feature.Watermark, len(storages))
	for i, s := range storages {
		marks[i] = w.marks[s.ID]
	}
	return marks, w.step(ctx)
}

// Drop removes one row a step, then the watermark.
func (w *world) Drop(ctx context.Context, s *feature.Storage) error {
	for key := range w.store[s.ID] {
		if err := w.step(ctx); err != nil {
			return err
		}
		delete(w.store[s.ID], key)
	}
	if err := w.step(ctx); err != nil {
		return err
	}
	delete(w.marks, s.ID)
	return nil
}

func (w *world) StartRun(ctx context.Context, run feature.Run) (int64, error) {
	if err := w.step(ctx); err != nil {
		return 0, err
	}
	run.Number = int64(len(w.runs) + 1)
	run.Files = append([]feature.File{}, run.Files...)
	w.runs = append(w.runs, run)
	return run.Number, nil
}

func (w *world) SaveRun(ctx context.Context, run feature.Run) error {
	if err := w.step(ctx); err != nil {
		return err
	}
	if w.runs[run.Number-1].State != feature.RunRunning {
		return fmt.Errorf("run %d is closed: %w", run.Number, feature.ErrConflict)
	}
	run.Files = append([]feature.File{}, run.Files...)
	w.runs[run.Number-1] = run
	return nil
}

func (w *world) Run(ctx context.Context, number int64) (feature.Run, error) {
	if number < 1 || number > int64(len(w.runs)) {
		return feature.Run{}, feature.ErrNotFound
	}
	return w.runs[number-1], w.step(ctx)
}

func (w *world) Runs(ctx context.Context, storage uint64, limit int) ([]feature.Run, error) {
	var list []feature.Run
	for i := len(w.runs) - 1; i >= 0 && (limit == 0 || len(list) < limit); i-- {
		if storage == 0 || w.runs[i].Storage == storage {
			list = append(list, w.runs[i])
		}
	}
	return list, w.step(ctx)
}

func (w *world) NewStorage(ctx context.Context, view string, version int) (feature.Storage, error) {
	w.storages++
	return feature.Storage{ID: w.storages, View: view, Version: version, State: feature.StorageFilling}, w.step(ctx)
}

func (w *world) ForgetStorage(ctx context.Context, storage uint64) error {
	if err := w.step(ctx); err != nil {
		return err
	}
	w.forgotten = append(w.forgotten, storage)
	return nil
}

func (w *world) served() feature.Served {
	served := feature.Served{Storage: w.active}
	for _, run := range w.runs {
		if run.Storage == w.active && run.State == feature.RunDone {
			served.Runs++
		}
	}
	return served
}

func (w *world) Served(ctx context.Context, _ string, _ int) (feature.Served, error) {
	return w.served(), w.step(ctx)
}

func (w *world) ActivateStorage(ctx context.Context, storage uint64, served feature.Served) error {
	if storage != w.active && served != w.served() {
		return fmt.Errorf("served are %+v, not %+v: %w", w.served(), served, feature.ErrConflict)
	}
	w.active = storage
	return w.step(ctx)
}
