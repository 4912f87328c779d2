package online_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/onlinetest"
)

type goldenTiles struct {
	Values []struct {
		Comment  string
		Features []struct {
			Name, Type, Function, Input string
			N                           int
			Length, Granularity         int64
		}
		To, Run, At int64
		Events      [][2]any
		Word, Hex   string
		Answers     []string
	}
}

func TestValuesWithTilesHaveTheirGoldenBytes(t *testing.T) {
	var golden goldenTiles
	readGolden(t, "tiles.json", &golden)
	if len(golden.Values) < 2 {
		t.Fatalf("%d golden values were read", len(golden.Values))
	}
	for _, g := range golden.Values {
		storage := &feature.Storage{ID: 1, View: "v", Version: 1}
		for _, f := range g.Features {
			field := feature.Field{Name: f.Name, Type: parseType(t, f.Type)}
			if f.Function != "" {
				field.Aggregate = &feature.Aggregate{Function: feature.Function(f.Function), N: f.N, Window: feature.Window{Length: feature.Duration(f.Length), Granularity: feature.Duration(f.Granularity)}}
				if f.Input != "" {
					field.Aggregate.Column, field.Aggregate.Input = "c", parseType(t, f.Input)
				}
			}
			storage.Features = append(storage.Features, field)
		}
		l := newLayout(t, storage)
		plan, err := tiles.NewPlan(storage.Features, storage.Rule)
		if err != nil {
			t.Fatal(err)
		}
		b := &feature.Batch{Rows: 1, Event: []feature.Time{feature.MinTime}, Tiles: feature.NewColumn(feature.Scalar(feature.Bytes), 1)}
		builder := plan.NewBuilder(feature.Time(g.To))
		builder.Reset(true)
		for _, e := range g.Events {
			at, _ := e[0].(float64)
			b.Event[0] = max(b.Event[0], feature.Time(at))
			builder.Add(feature.Stamp{Event: feature.Time(at)}, []*feature.Column{column(t, plan.Columns()[0].Type, e[1])}, 0)
		}
		b.Tiles.AppendBytes(builder.Append(nil))
		into := make([]*feature.Column, len(l.Features()))
		for i, f := range l.Features() {
			into[i] = feature.NewColumn(f.Type, 1)
			b.Features = append(b.Features, nil)
			if f.Aggregate == nil {
				b.Features[i] = column(t, f.Type, g.Word)
			}
		}
		want := unhex(t, g.Hex)
		got, _, err := l.Merge([]byte("before"), nil, b, 0, feature.Origin{Run: g.Run, To: feature.Time(g.To), Known: 0})
		if err != nil || !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Errorf("%s:\n got % x, %v\nwant % x", g.Comment, got[len("before"):], err, want)
		}
		if _, _, err := l.NewDecoder().Decode(want, feature.Time(g.At), into); err != nil {
			t.Errorf("%s: %v", g.Comment, err)
			continue
		}
		for i, c := range into {
			if c.Text(0) != g.Answers[i] {
				t.Errorf("%s: feature %s is %s, want %s", g.Comment, l.Features()[i].Name, c.Text(0), g.Answers[i])
			}
		}
	}
}

// mixed is a view of two columns and aggregates between them, with all times.
func mixed(t testing.TB) (*online.Layout, *tiles.Plan) {
	t.Helper()
	num := feature.Scalar(feature.Float64)
	of := func(name string, f feature.Function, length feature.Duration) feature.Field {
		result, err := f.Of(num)
		if err != nil {
			t.Fatal(err)
		}
		return feature.Field{Name: name, Type: result, Aggregate: &feature.Aggregate{
			Function: f, Column: "c", Input: num, N: 3, Q: 0.5, Window: feature.Window{Length: length, Granularity: 10},
		}}
	}
	storage := &feature.Storage{ID: 1, View: "v", Version: 1, Rule: feature.Rule{Created: true, Available: true, TTL: feature.Hour}, Features: []feature.Field{
		of("a", feature.Sum, 100),
		{Name: "b", Type: feature.Scalar(feature.String)},
		of("c", feature.LastN, 100), of("d", feature.CountDistinct, 200),
		{Name: "e", Type: feature.Scalar(feature.Int64)},
		of("f", feature.Max, 0),
	}}
	plan, err := tiles.NewPlan(storage.Features, storage.Rule)
	if err != nil {
		t.Fatal(err)
	}
	return newLayout(t, storage), plan
}

// mixedBatch is a row with the values 1 to n at the times 1 to n, and the run's own time n.
func mixedBatch(plan *tiles.Plan, n int, word string) *feature.Batch {
	b := &feature.Batch{
		Rows: 1, Event: []feature.Time{feature.Time(n)}, Available: []feature.Time{5}, Created: feature.NullColumn(feature.Scalar(feature.Timestamp), 1),
		Features: make([]*feature.Column, 6), Tiles: feature.NewColumn(feature.Scalar(feature.Bytes), 1),
	}
	b.Features[1], b.Features[4] = feature.NewColumn(feature.Scalar(feature.String), 1), feature.NullColumn(feature.Scalar(feature.Int64), 1)
	b.Features[1].AppendString(word)
	values := feature.NewColumn(feature.Scalar(feature.Float64), n)
	builder := plan.NewBuilder(feature.Time(n))
	builder.Reset(true)
	for i := range n {
		values.AppendFloat64(float64(i + 1))
		builder.Add(feature.Stamp{Event: feature.Time(i + 1)}, []*feature.Column{values}, i)
	}
	b.Tiles.AppendBytes(builder.Append(nil))
	return b
}

func mixedColumns(l *online.Layout) []*feature.Column {
	into := make([]*feature.Column, len(l.Features()))
	for i, f := range l.Features() {
		into[i] = feature.NewColumn(f.Type, 10)
	}
	return into
}

func TestADecoderGivesColumnsAndAggregates(t *testing.T) {
	l, plan := mixed(t)
	value, expires, err := l.Merge(nil, nil, mixedBatch(plan, 30, "w"), 0, feature.Origin{Run: 1, To: 30})
	if err != nil || expires != feature.MaxTime {
		t.Fatalf("got expiry %d, %v; what is of all time never expires", expires, err)
	}
	d := l.NewDecoder()
	for at, want := range map[feature.Time][]string{
		-100: {"465", "w", "[30, 29, 28]", "30", "", "30"}, // the value was computed for 30
		30:   {"465", "w", "[30, 29, 28]", "30", "", "30"},
		125:  {"255", "w", "[30, 29, 28]", "30", "", "30"}, // tiles from 20 on: 21 to 30
		130:  {"", "w", "", "30", "", "30"},
		240:  {"", "w", "", "0", "", "30"},
	} {
		into := mixedColumns(l)
		stamp, hasRow, err := d.Decode(value, at, into)
		if err != nil || !hasRow || stamp != (feature.Stamp{Event: 30, Available: 5}) {
			t.Fatalf("got %+v, %t, %v", stamp, hasRow, err)
		}
		for i, c := range into {
			if c.Len() != 1 || c.Text(0) != want[i] {
				t.Errorf("at %d, %s: got %q, want %q", at, l.Features()[i].Name, c.Text(0), want[i])
			}
		}
	}
	into := mixedColumns(l)
	into[0], into[1] = nil, nil
	if _, _, err := d.Decode(value, 30, into); err != nil || into[2].Text(0) != "[30, 29, 28]" || into[4].Len() != 1 {
		t.Errorf("some features: %v", err)
	}
	if _, hasRow, err := d.Decode(value, 30, nil); err != nil || !hasRow {
		t.Errorf("no features: %v", err)
	}
	into = mixedColumns(l)
	d.Empty(into)
	for i, want := range []string{"", "", "", "0", "", ""} {
		if into[i].Len() != 1 || into[i].Text(0) != want {
			t.Errorf("without a value, %s: got %q, want %q", l.Features()[i].Name, into[i].Text(0), want)
		}
	}
}

func TestTheLaterRowStaysBesideTheLaterRunsTiles(t *testing.T) {
	l, plan := mixed(t)
	first, _, err := l.Merge(nil, nil, mixedBatch(plan, 30, "later"), 0, feature.Origin{Run: 1, To: 30})
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := l.Merge(nil, first, mixedBatch(plan, 20, "earlier"), 0, feature.Origin{Run: 2, To: 31})
	if err != nil {
		t.Fatal(err)
	}
	into := mixedColumns(l)
	stamp, _, err := l.NewDecoder().Decode(second, 31, into)
	if err != nil || stamp.Event != 30 || into[1].Text(0) != "later" || into[0].Text(0) != "210" {
		t.Errorf("got a row of %d with %s, a sum of %s, %v", stamp.Event, into[1].Text(0), into[0].Text(0), err)
	}
	for _, again := range []feature.Origin{{Run: 2, To: 31}, {Run: 1, To: 31}, {Run: 1, To: 20}} {
		if value, _, err := l.Merge(nil, second, mixedBatch(plan, 20, "x"), 0, again); value != nil || err != nil {
			t.Errorf("run %d to %d: got %x, %v, want that the value stays", again.Run, again.To, value, err)
		}
	}
}

// A registry that was restored from an older copy gives numbers again.
func TestARunFromNothingThatLeadsFurtherReplacesWhatALaterNumberLeft(t *testing.T) {
	l, plan := mixed(t)
	old, _, err := l.Merge(nil, nil, mixedBatch(plan, 30, "w"), 0, feature.Origin{Run: 9, To: 30})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Merge(nil, old, mixedBatch(plan, 40, "w"), 0, feature.Origin{Run: 2, To: 40, Known: 20}); !errors.Is(err, feature.ErrConflict) {
		t.Errorf("a run that knows something: got error %v, want a conflict", err)
	}
	if _, _, err := l.Merge(nil, old, mixedBatch(plan, 20, "w"), 0, feature.Origin{Run: 10, To: 20, Known: feature.MinTime}); !errors.Is(err, feature.ErrConflict) {
		t.Errorf("a run that leads less far: got error %v, want a conflict", err)
	}
	value, _, err := l.Merge(nil, old, mixedBatch(plan, 40, "w"), 0, feature.Origin{Run: 2, To: 40, Known: feature.MinTime})
	if err != nil {
		t.Fatal(err)
	}
	into := mixedColumns(l)
	if _, _, err := l.NewDecoder().Decode(value, 40, into); err != nil || into[0].Text(0) != "820" {
		t.Errorf("got a sum of %s, %v, want 820 of 1 to 40", into[0].Text(0), err)
	}
}

// Expiry is that of what is shown longest: of columns an hour after their event, of tiles
// when the newest has left its window; and the grace.
func TestAValueWithTilesExpiresWithTheLastThatItShows(t *testing.T) {
	count := func(length feature.Duration) feature.Field {
		return feature.Field{Name: "n", Type: feature.Scalar(feature.Int64), Aggregate: &feature.Aggregate{Function: feature.Count, Window: feature.Window{Length: length, Granularity: 10}}}
	}
	word := feature.Field{Name: "word", Type: feature.Scalar(feature.String)}
	for _, c := range []struct {
		fields []feature.Field
		ttl    feature.Duration
		want   feature.Time
	}{
		{[]feature.Field{count(100)}, 0, 130},
		{[]feature.Field{count(100)}, 50, 130},
		{[]feature.Field{count(0)}, 50, feature.MaxTime},
		{[]feature.Field{count(100), word}, 0, feature.MaxTime},
		{[]feature.Field{count(100), word}, 50, 130},
		{[]feature.Field{count(100), word}, 500, 525},
	} {
		storage := &feature.Storage{ID: 1, View: "v", Version: 1, Features: c.fields, Rule: feature.Rule{TTL: c.ttl}}
		plan, err := tiles.NewPlan(c.fields, storage.Rule)
		if err != nil {
			t.Fatal(err)
		}
		builder := plan.NewBuilder(25)
		builder.Reset(true)
		builder.Add(feature.Stamp{Event: 25}, nil, 0) // in the tile that ends at 30
		b := &feature.Batch{Rows: 1, Event: []feature.Time{25}, Features: []*feature.Column{nil, feature.NullColumn(word.Type, 1)}[:len(c.fields)], Tiles: feature.NewColumn(feature.Scalar(feature.Bytes), 1)}
		b.Tiles.AppendBytes(builder.Append(nil))
		want := c.want
		if want != feature.MaxTime {
			want = want.Add(online.Grace)
		}
		if _, got, err := newLayout(t, storage).Merge(nil, nil, b, 0, feature.Origin{Run: 1, To: 25}); err != nil || got != want {
			t.Errorf("%d features, TTL %d: got %s, %v, want %s", len(c.fields), c.ttl, got, err, want)
		}
	}
}

// FuzzTiles reads any bytes as a value: an error, or columns that have all grown by one.
func FuzzTiles(f *testing.F) {
	l, plan := mixed(f)
	value, _, err := l.Merge(nil, nil, mixedBatch(plan, 30, "word"), 0, feature.Origin{Run: 1, To: 30})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(value[2:])
	d, batch := l.NewDecoder(), mixedBatch(plan, 40, "next")
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, value := range [][]byte{body, append(bytes.Clone(value[:2]), body...)} {
			into := mixedColumns(l)
			_, _, err := d.Decode(value, 50, into)
			for i, c := range into {
				if (c.Len() == 1) != (err == nil) || c.Len() > 1 {
					t.Fatalf("feature %d: %d values, error %v", i, c.Len(), err)
				}
			}
			next, _, err := l.Merge(nil, value, batch, 0, feature.Origin{Run: 9, To: 1 << 40})
			if err == nil && next != nil {
				if _, _, err := d.Decode(next, 50, mixedColumns(l)); err != nil {
					t.Fatalf("%x became %x, which can't be read: %v", value, next, err)
				}
			}
		}
	})
}

// merger is a store of values that calls merge twice for each key, as if another writer
// had come between.
type merger struct {
	online.Store
	values map[string][]byte
	calls  int
}

func (m *merger) Merge(_ context.Context, _ *online.Layout, keys [][]byte, merge online.MergeFunc) (online.PutResult, error) {
	var result online.PutResult
	m.calls++
	for i, key := range keys {
		_, _, _ = merge(i, m.values[string(key)])
		value, _, err := merge(i, m.values[string(key)])
		switch {
		case err != nil:
			return result, err
		case value == nil:
			result.Kept++
		default:
			m.values[string(key)] = bytes.Clone(value)
			result.Written++
			result.Bytes += len(value)
		}
	}
	return result, nil
}

func TestTheSinkMergesTilesAndLeavesOutWhatShowsNothing(t *testing.T) {
	k := onlinetest.NewTilesKit(t)
	storage, view := *k.Storage, *k.View
	storage.Features, view.Features = k.Storage.Features[1:2], k.View.Features[1:2] // n alone, of 40 us
	plan, err := tiles.NewPlan(storage.Features, storage.Rule)
	if err != nil {
		t.Fatal(err)
	}
	const keys = 3000
	batch := func(event feature.Time) *feature.Batch {
		b := &feature.Batch{
			Rows: keys, Event: make([]feature.Time, keys), Keys: []*feature.Column{feature.NewColumn(feature.Scalar(feature.String), keys)},
			Features: []*feature.Column{nil}, Tiles: feature.NewColumn(feature.Scalar(feature.Bytes), keys),
		}
		builder := plan.NewBuilder(100)
		for i := range keys {
			b.Keys[0].AppendString(fmt.Sprint(i))
			builder.Reset(true)
			if i%3 == 0 {
				builder.Add(feature.Stamp{Event: event}, nil, 0)
			}
			b.Tiles.AppendBytes(builder.Append(nil))
		}
		return b
	}
	store := &merger{values: map[string][]byte{}}
	write := func(run int64, event feature.Time) feature.WriteResult {
		t.Helper()
		got, err := online.NewSink(store).Write(t.Context(), &storage, &view, batch(event), feature.Origin{Run: run, To: 100, Now: 100})
		if err != nil {
			t.Fatal(err)
		}
		largest := 0
		for _, value := range store.values {
			largest = max(largest, len(value))
		}
		if got.Written == 0 {
			largest = 0
		}
		if got.Largest != largest {
			t.Errorf("run %d: the largest value written has %d bytes, got %d", run, largest, got.Largest)
		}
		got.Bytes, got.Largest = 0, 0
		return got
	}
	if got, want := write(1, 95), (feature.WriteResult{Written: keys / 3, Expired: keys * 2 / 3}); got != want || store.calls < 2 {
		t.Errorf("got %+v in %d calls, want %+v in bounded ones", got, store.calls, want)
	}
	// Again: nothing to write, and what shows nothing is still left out.
	if got, want := write(1, 95), (feature.WriteResult{Skipped: keys / 3, Expired: keys * 2 / 3}); got != want {
		t.Errorf("again: got %+v, want %+v", got, want)
	}
	// A value that is there is replaced even by one that shows nothing.
	if got, want := write(2, 5), (feature.WriteResult{Written: keys / 3, Expired: keys * 2 / 3}); got != want {
		t.Errorf("emptied: got %+v, want %+v", got, want)
	}
	for _, bad := range []func(b *feature.Batch){
		func(b *feature.Batch) { b.Tiles = nil },
		func(b *feature.Batch) { b.Tiles = feature.NullColumn(feature.Scalar(feature.Bytes), keys) },
		func(b *feature.Batch) { b.Tiles = feature.NewColumn(feature.Scalar(feature.Bytes), 0) },
	} {
		b := batch(95)
		bad(b)
		if _, err := online.NewSink(store).Write(t.Context(), &storage, &view, b, feature.Origin{Run: 3, To: 100, Now: 100}); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("got error %v, want invalid", err)
		}
	}
}

func TestAnsweringExactAggregatesAllocatesNothingWhereColumnsHaveRoom(t *testing.T) {
	k := onlinetest.NewTilesKit(t)
	b, err := k.Layout.Arrange(k.View, k.Batch("word", []feature.Time{5, 15, 25}, "SFO"))
	if err != nil {
		t.Fatal(err)
	}
	value, _, err := k.Layout.Merge(nil, nil, b, 0, feature.Origin{Run: 1, To: 30})
	if err != nil {
		t.Fatal(err)
	}
	d, into := k.Layout.NewDecoder(), mixedColumns(k.Layout)
	decode := func() {
		for _, c := range into {
			c.Reset()
		}
		if _, _, err := d.Decode(value, 40, into); err != nil {
			t.Fatal(err)
		}
	}
	decode()
	if n := testing.AllocsPerRun(100, decode); n != 0 {
		t.Errorf("%v allocations a value", n)
	}
	if got := []string{into[0].Text(0), into[1].Text(0), into[2].Text(0)}; !slices.Equal(got, []string{"3", "3", "word"}) {
		t.Errorf("got %v", got)
	}
}
