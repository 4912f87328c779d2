package offline_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

// row is a source row or a latest row, boxed.
type row struct {
	key       string
	stamp     feature.Stamp
	visible   feature.Time
	values    []any
	batch     *feature.Batch // and where it is in it, to compare values by
	at        int
	file      string
	satisfies bool // T3
}

// keyText writes a composite key so that integers of any width are the same.
func keyText(keys []*feature.Column, i int) string {
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, "%q,", fmt.Sprint(k.Any(i)))
	}
	return b.String()
}

func batchRow(b *feature.Batch, rule feature.Rule, i int) row {
	r := row{key: keyText(b.Keys, i), stamp: b.Stamp(i), visible: rule.VisibleFrom(b.Event[i], b.Stamp(i).Available), batch: b, at: i}
	for _, f := range b.Features {
		r.values = append(r.values, f.Any(i))
	}
	return r
}

// latestRows runs Latest and keeps the rows in the order of delivery.
func latestRows(ctx context.Context, e *offline.Engine, v *feature.ViewVersion, scans []feature.Scan, to feature.Time) ([]row, feature.ScanResult, error) {
	var rows []row
	res, err := e.Latest(ctx, v, feature.Pass{Scans: scans, To: to}, func(b *feature.Batch) error {
		for i := range b.Rows {
			rows = append(rows, batchRow(b, v.Rule, i))
		}
		return nil
	})
	return rows, res, err
}

func allOf(files []feature.File) []feature.Scan {
	scans := make([]feature.Scan, len(files))
	for i, f := range files {
		scans[i] = feature.Scan{File: f, All: true}
	}
	return scans
}

// latestPoint answers requests at t from the latest rows up to t, and applies the
// TTL when it answers.
type latestPoint struct {
	t      *testing.T
	engine *offline.Engine
	c      *offlinetest.Case
}

func (p latestPoint) Get(ctx context.Context, t feature.Time, rows []int) ([]*feature.Column, error) {
	out := make([]*feature.Column, len(p.c.Selection.Outputs))
	for i, o := range p.c.Selection.Outputs {
		out[i] = feature.NewColumn(p.c.Selection.Field(o).Type, len(rows))
	}
	for u := range p.c.Selection.Uses {
		use := &p.c.Selection.Uses[u]
		files, err := p.engine.Files(ctx, use.View)
		if err != nil {
			return nil, err
		}
		latest, _, err := latestRows(ctx, p.engine, use.View, allOf(files), t)
		if err != nil {
			return nil, err
		}
		byKey := map[string]row{}
		for _, r := range latest {
			if _, twice := byKey[r.key]; twice {
				p.t.Errorf("key %s was delivered twice", r.key)
			}
			byKey[r.key] = r
		}
		for _, spineRow := range rows {
			keys := make([]*feature.Column, len(use.Keys))
			for k, name := range use.Keys {
				raw := p.c.SpineColumn(name)
				if keys[k], err = readRaw(*raw, raw.Values.Type, false); err != nil {
					return nil, err
				}
			}
			r, found := byKey[keyText(keys, spineRow)]
			for i, o := range p.c.Selection.Outputs {
				if o.Use != u {
					continue
				}
				var v any
				if found && use.View.Rule.Fresh(t, r.stamp.Event) {
					v = r.values[o.Feature]
				}
				if err := out[i].AppendAny(v); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

func (latestPoint) Close() error { return nil }

func latestEngine(t *testing.T, workers, chunk int, memory int64) offlinetest.Engine {
	return offlinetest.ByPoint(func(_ context.Context, c *offlinetest.Case) (offlinetest.Point, error) {
		files := &memFiles{sources: c.Sources, chunk: chunk}
		return latestPoint{t, offline.New(files, offline.Options{Workers: workers, Memory: memory}), c}, nil
	})
}

func TestLatestRowsAnswerEveryScriptAtEachOfItsTimes(t *testing.T) {
	offlinetest.Run(t, latestEngine(t, 2, 3, 0))
}

func TestLatestRowsAgreeWithTheOracle(t *testing.T) {
	offlinetest.Check(t, latestEngine(t, 3, 2, 1), 150)
}

// naive finds the latest rows that scans ask for by looking at all of them.
func naive(c *offlinetest.Case, v *feature.ViewVersion, scans []feature.Scan, to feature.Time) (map[string]row, []feature.File) {
	latest := map[string]row{}
	names := make([]int, len(v.Features))
	for i := range names {
		names[i] = i
	}
	slices.SortFunc(names, func(a, b int) int { return strings.Compare(v.Features[a].Name, v.Features[b].Name) })
	var files []feature.File
	for _, s := range scans {
		f := s.File
		f.Scanned, f.MinVisible, f.MaxVisible = true, feature.MaxTime, feature.MinTime
		for _, r := range sourceRows(c, v, f.Path) {
			if !r.satisfies {
				continue
			}
			f.MinVisible, f.MaxVisible = min(f.MinVisible, r.visible), max(f.MaxVisible, r.visible)
			if r.visible > to || !s.All && r.visible <= s.After {
				continue
			}
			have, ok := latest[r.key]
			order := r.stamp.Compare(have.stamp)
			for _, n := range names {
				if ok && order == 0 {
					order = feature.Compare(r.batch.Features[n], r.at, have.batch.Features[n], have.at)
				}
			}
			if !ok || order > 0 {
				latest[r.key] = r
			}
		}
		files = append(files, f)
	}
	return latest, files
}

// sourceRows reads a file of a case as rows of a view.
func sourceRows(c *offlinetest.Case, v *feature.ViewVersion, path string) []row {
	var file *offlinetest.File
	for i := range c.Source(v.Table.Source).Files {
		if f := &c.Source(v.Table.Source).Files[i]; f.Name == path {
			file = f
		}
	}
	read := func(name string, up bool) *feature.Column {
		tc := v.Table.Column(name)
		for _, raw := range file.Columns {
			if raw.Name == tc.Column {
				column, err := readRaw(raw, tc.Type, up)
				if err != nil {
					panic(err)
				}
				return column
			}
		}
		panic("no column " + name)
	}
	b := &feature.Batch{Rows: file.Rows()}
	event := read(v.Table.Event, false)
	named := []*feature.Column{event}
	for _, t := range event.Int64s {
		b.Event = append(b.Event, feature.Time(t))
	}
	if v.Table.Created != "" {
		b.Created = read(v.Table.Created, false)
	}
	if v.Table.Available != "" {
		available := read(v.Table.Available, true)
		named = append(named, available)
		for _, t := range available.Int64s {
			b.Available = append(b.Available, feature.Time(t))
		}
	}
	for _, k := range v.KeyColumns {
		b.Keys = append(b.Keys, read(k, false))
	}
	for _, f := range v.Features {
		b.Features = append(b.Features, read(f.Column, false))
	}
	rows := make([]row, b.Rows)
	for i := range rows {
		rows[i] = batchRow(b, v.Rule, i)
		rows[i].file = path
		rows[i].satisfies = !slices.ContainsFunc(append(named, b.Keys...), func(c *feature.Column) bool { return c.IsNull(i) })
	}
	return rows
}

func TestLatestTakesTheRowsThatScansAskFor(t *testing.T) {
	for seed := range uint64(300) {
		c := offlinetest.Generate(seed)
		r := rand.New(rand.NewPCG(seed, 7))
		v := c.Views[r.IntN(len(c.Views))]
		files := &memFiles{sources: c.Sources, chunk: 1 + r.IntN(4), noTimes: r.IntN(3) == 0}
		engine := offline.New(files, offline.Options{Workers: 1 + r.IntN(3)})
		list, err := engine.Files(t.Context(), v)
		if err != nil {
			t.Fatal(err)
		}
		var times []feature.Time // of rows, and around them
		for _, f := range list {
			for _, row := range sourceRows(c, v, f.Path) {
				times = append(times, row.visible, row.visible.Add(-1), row.visible.Add(1))
			}
		}
		times = append(times, feature.MinTime, feature.MaxTime)
		scans := allOf(list)
		for i := range scans {
			scans[i].All = r.IntN(2) == 0
			scans[i].After = times[r.IntN(len(times))]
		}
		to := times[r.IntN(len(times))]
		got, res, err := latestRows(t.Context(), engine, v, scans, to)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want, wantFiles := naive(c, v, scans, to)
		if int(res.Keys) != len(got) || len(got) != len(want) {
			t.Fatalf("seed %d: %d rows delivered, %d counted, want %d", seed, len(got), res.Keys, len(want))
		}
		for _, g := range got {
			w := want[g.key]
			if diff := cmp.Diff(fmt.Sprint(w.stamp, w.values), fmt.Sprint(g.stamp, g.values)); diff != "" {
				t.Fatalf("seed %d: key %s (-want +got):\n%s", seed, g.key, diff)
			}
		}
		for i, f := range res.Files {
			switch {
			case f.Scanned && (f.MinVisible != wantFiles[i].MinVisible || f.MaxVisible != wantFiles[i].MaxVisible):
				t.Fatalf("seed %d: file %s is visible from %s to %s, want %s to %s",
					seed, f.Path, f.MinVisible, f.MaxVisible, wantFiles[i].MinVisible, wantFiles[i].MaxVisible)
			case scans[i].All && !f.Scanned:
				t.Fatalf("seed %d: file %s was asked for whole and is not scanned", seed, f.Path)
			}
		}
	}
}

func TestLatestComesInTheSameOrderForAnyNumberOfWorkers(t *testing.T) {
	c := big(t, 20_000, 3000, 9)
	var first []string
	for _, workers := range []int{1, 2, 5} {
		engine := offline.New(&memFiles{sources: c.Sources, chunk: 700}, offline.Options{Workers: workers, Memory: 1 << 14})
		files, err := engine.Files(t.Context(), c.Views[0])
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		res, err := engine.Latest(t.Context(), c.Views[0], feature.Pass{Scans: allOf(files), To: feature.MaxTime}, func(b *feature.Batch) error {
			if b.Rows == 0 || b.Rows > 8192 {
				t.Errorf("a batch of %d rows", b.Rows)
			}
			for i := range b.Rows {
				got = append(got, fmt.Sprint(b.Keys[0].Any(i), b.Stamp(i), b.Features[0].Any(i)))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		}
		if diff := cmp.Diff(first, got); diff != "" {
			t.Fatalf("%d workers: %s", workers, diff)
		}
		if res.Rows != 20_000 || res.Keys != int64(len(got)) {
			t.Errorf("counted %d rows and %d keys, delivered %d", res.Rows, res.Keys, len(got))
		}
	}
}

func TestLatestEndsWithTheErrorOfDeliver(t *testing.T) {
	c := big(t, 20_000, 9000, 3)
	files := &memFiles{sources: c.Sources, chunk: 700}
	engine := offline.New(files, offline.Options{Workers: 2})
	list, err := engine.Files(t.Context(), c.Views[0])
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("the store is full")
	calls := 0
	_, err = engine.Latest(t.Context(), c.Views[0], feature.Pass{Scans: allOf(list), To: feature.MaxTime}, func(*feature.Batch) error {
		calls++
		if calls == 2 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || calls != 2 {
		t.Errorf("got %v after %d calls", err, calls)
	}
	if files.opened.Load() != files.closed.Load() {
		t.Errorf("%d files opened, %d closed", files.opened.Load(), files.closed.Load())
	}
}

func TestLatestKeepsWhatIsKnownOfFilesThatItReadsInPart(t *testing.T) {
	c := parse(t, `
source s
  k int64 | at event | v int64
  1 | 10:00 | 1
  --
  1 | 11:00 | 2
view last
  keys k
  delay 1m
  features v
join
  k int64 | at event => last__v
  1 | 12:00 => 2
`)
	files := &memFiles{sources: c.Sources, chunk: 10, recording: true}
	engine := offline.New(files, offline.Options{Workers: 1})
	list, err := engine.Files(t.Context(), c.Views[0])
	if err != nil {
		t.Fatal(err)
	}
	at := func(clock string) feature.Time {
		tm, err := feature.ParseTime("2001-06-30T" + clock + "Z")
		if err != nil {
			t.Fatal(err)
		}
		return tm
	}
	list[0].Scanned, list[0].MinVisible, list[0].MaxVisible = true, at("10:01:00"), at("11:01:00")
	for name, tc := range map[string]struct {
		after, to feature.Time
		groups    int
		value     []any
	}{
		"the second row":          {at("10:01:00"), at("11:01:00"), 1, []any{int64(2)}},
		"just before the second":  {at("10:01:00"), at("11:00:59"), 0, nil},
		"the first row":           {at("10:00:59"), at("11:00:59"), 1, []any{int64(1)}},
		"both, and the later one": {at("10:00:59"), at("11:01:00"), 2, []any{int64(2)}},
	} {
		t.Run(name, func(t *testing.T) {
			files.scanned = nil
			rows, res, err := latestRows(t.Context(), engine, c.Views[0], []feature.Scan{{File: list[0], After: tc.after}}, tc.to)
			if err != nil {
				t.Fatal(err)
			}
			var values []any
			for _, r := range rows {
				values = append(values, r.values...)
			}
			if diff := cmp.Diff(tc.value, values); diff != "" {
				t.Error(diff)
			}
			if len(files.scanned) != tc.groups || res.Rows != int64(tc.groups) {
				t.Errorf("read row groups %v, %d rows, want %d", files.scanned, res.Rows, tc.groups)
			}
			if diff := cmp.Diff(list[0], res.Files[0]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLatestOfAFileWithoutUsableRowsHasEmptyBounds(t *testing.T) {
	c := parse(t, `
source s
  k int64 | at event | v int64
  null | 10:00 | 1
  1 | null | 1
view last
  keys k
  features v
join
  k int64 | at event => last__v
  1 | 12:00 => null
`)
	engine := offline.New(&memFiles{sources: c.Sources, chunk: 10}, offline.Options{})
	files, err := engine.Files(t.Context(), c.Views[0])
	if err != nil {
		t.Fatal(err)
	}
	rows, res, err := latestRows(t.Context(), engine, c.Views[0], allOf(files), feature.MaxTime)
	if err != nil || len(rows) != 0 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if f := res.Files[0]; !f.Scanned || f.MinVisible <= f.MaxVisible {
		t.Errorf("got bounds %v, %s to %s", f.Scanned, f.MinVisible, f.MaxVisible)
	}
}
