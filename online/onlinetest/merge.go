package onlinetest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
	"github.com/quiver-features/quiver/online"
)

// TilesKit makes batches of a view that has a column and counts events in windows: n of 40
// microseconds in steps of 10, and all of all time.
type TilesKit struct {
	t       testing.TB
	Storage *feature.Storage
	View    *feature.ViewVersion
	Layout  *online.Layout
	plan    *tiles.Plan
}

// NewTilesKit makes a kit of storage 9.
func NewTilesKit(t testing.TB) *TilesKit {
	t.Helper()
	count := func(w feature.Window) *feature.Aggregate {
		return &feature.Aggregate{Function: feature.Count, Window: w}
	}
	storage := &feature.Storage{
		ID: 9, View: "traffic", Version: 3, State: feature.StorageActive,
		Keys: []feature.JoinKey{{Name: "airport", Type: feature.Scalar(feature.String)}},
		Features: []feature.Field{
			{Name: "all", Type: feature.Scalar(feature.Int64), Aggregate: count(feature.Window{Granularity: feature.Day})},
			{Name: "n", Type: feature.Scalar(feature.Int64), Aggregate: count(feature.Window{Length: 40, Granularity: 10})},
			{Name: "word", Type: feature.Scalar(feature.String), Column: "word"},
		},
	}
	view := &feature.ViewVersion{Meta: feature.Meta{Name: "traffic"}, Version: 3, Keys: storage.Keys, Features: storage.Features}
	layout, err := online.NewLayout(storage)
	if err != nil {
		t.Fatalf("layout: %v", err)
	}
	plan, err := tiles.NewPlan(view.Features, view.Rule)
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	return &TilesKit{t, storage, view, layout, plan}
}

// Key gives the key of an airport.
func (k *TilesKit) Key(airport string) []byte {
	c := feature.NewColumn(feature.Scalar(feature.String), 1)
	c.AppendString(airport)
	return k.Layout.AppendKey(nil, []*feature.Column{c}, 0)
}

// Batch gives what a run brings for airports: all of each one's events, and the latest
// event's word.
func (k *TilesKit) Batch(word string, events []feature.Time, airports ...string) *feature.Batch {
	b := &feature.Batch{Keys: []*feature.Column{feature.NewColumn(feature.Scalar(feature.String), 1)}, Features: make([]*feature.Column, 3)}
	b.Features[2], b.Tiles = feature.NewColumn(feature.Scalar(feature.String), 1), feature.NewColumn(feature.Scalar(feature.Bytes), 1)
	builder := k.plan.NewBuilder(feature.MinTime)
	for _, airport := range airports {
		builder.Reset(true)
		last := feature.MinTime
		for _, e := range events {
			builder.Add(feature.Stamp{Event: e}, nil, 0)
			last = max(last, e)
		}
		b.Rows++
		b.Keys[0].AppendString(airport)
		b.Event = append(b.Event, last)
		b.Features[2].AppendString(word)
		b.Tiles.AppendBytes(builder.Append(nil))
	}
	return b
}

// Write writes a batch as a run does.
func (k *TilesKit) Write(s online.Store, b *feature.Batch, run int64, to feature.Time) (feature.WriteResult, error) {
	return online.NewSink(s).Write(k.t.Context(), k.Storage, k.View, b, feature.Origin{Run: run, To: to, Known: to, Now: Now})
}

// MustWrite writes, and checks how many values were written and that the others stayed.
func (k *TilesKit) MustWrite(s online.Store, b *feature.Batch, run int64, to feature.Time, written int) {
	k.t.Helper()
	got, err := k.Write(s, b, run, to)
	if err != nil {
		k.t.Fatalf("run %d: %v", run, err)
	}
	if got.Written != written || got.Skipped != b.Rows-written || got.Expired != 0 {
		k.t.Errorf("run %d: got %+v, want %d of %d written", run, got, written, b.Rows)
	}
}

// Expect checks what an airport shows at a time: how many events, in the window and in all,
// and its word.
func (k *TilesKit) Expect(s online.Store, airport string, t feature.Time, n, all int64, word string) {
	k.t.Helper()
	values, err := s.Get(k.t.Context(), [][]byte{k.Key(airport)})
	if err != nil {
		k.t.Fatalf("get: %v", err)
	}
	into := []*feature.Column{feature.NewColumn(feature.Scalar(feature.Int64), 1), feature.NewColumn(feature.Scalar(feature.Int64), 1), feature.NewColumn(feature.Scalar(feature.String), 1)}
	if _, _, err := k.Layout.NewDecoder().Decode(values[0], t, into); err != nil {
		k.t.Errorf("%s: %v", airport, err)
		return
	}
	if into[0].Int64s[0] != all || into[1].Int64s[0] != n || into[2].Text(0) != word {
		k.t.Errorf("%s at %d: got %d of all, %d in the window, word %q; want %d, %d, %q",
			airport, t, into[0].Int64s[0], into[1].Int64s[0], into[2].Text(0), all, n, word)
	}
}

func mergedTiles(t *testing.T, open Open) {
	k := NewTilesKit(t)
	s := MustOpen(t, open)
	k.MustWrite(s, k.Batch("first", []feature.Time{5, 15, 25}, "SFO", "LAX"), 1, 30, 2)
	for _, airport := range []string{"SFO", "LAX"} {
		k.Expect(s, airport, 30, 3, 3, "first")
		k.Expect(s, airport, 59, 2, 3, "first") // (10, 59]
		k.Expect(s, airport, 70, 0, 3, "first")
		k.Expect(s, airport, 20, 3, 3, "first") // not before the time that it was computed for
	}
	k.MustWrite(s, k.Batch("first", []feature.Time{5, 15, 25}, "SFO", "LAX"), 1, 30, 0) // again
	k.MustWrite(s, k.Batch("second", []feature.Time{5, 15, 25, 31}, "SFO", "JFK"), 2, 40, 2)
	other := MustOpen(t, open)
	k.Expect(other, "SFO", 40, 4, 4, "second")
	k.Expect(other, "JFK", 40, 4, 4, "second")
	k.Expect(other, "LAX", 40, 3, 3, "first")
	// A run that leads to the same time and has read more.
	k.MustWrite(other, k.Batch("second", []feature.Time{4, 5, 15, 25, 31}, "SFO"), 3, 40, 1)
	k.Expect(s, "SFO", 40, 5, 5, "second")
	// The row goes forward only, whatever its tiles do.
	k.MustWrite(other, k.Batch("none", []feature.Time{4}, "SFO"), 4, 40, 1)
	k.Expect(s, "SFO", 40, 1, 1, "second")
}

func lateSleepers(t *testing.T, open Open) {
	k := NewTilesKit(t)
	s := MustOpen(t, open)
	k.MustWrite(s, k.Batch("third", []feature.Time{5, 15, 25}, "SFO"), 3, 30, 1)
	for _, sleeper := range []struct {
		run int64
		to  feature.Time
	}{{3, 30}, {2, 30}, {2, 20}, {1, feature.MinTime}} {
		k.MustWrite(s, k.Batch("late", []feature.Time{5, 15, 26}, "SFO"), sleeper.run, sleeper.to, 0)
	}
	k.Expect(s, "SFO", 30, 3, 3, "third")
	// Neither of these knows all that the other does.
	for _, stranger := range []struct {
		run int64
		to  feature.Time
	}{{2, 31}, {4, 29}, {3, 31}} {
		_, err := k.Write(s, k.Batch("strange", []feature.Time{26}, "SFO"), stranger.run, stranger.to)
		if !errors.Is(err, feature.ErrConflict) || !strings.Contains(fmt.Sprint(err), `"SFO"`) {
			t.Errorf("run %d to %d: got error %v, want a conflict that names SFO", stranger.run, stranger.to, err)
		}
	}
	k.Expect(s, "SFO", 30, 3, 3, "third")
}

// racingRuns lets runs of growing knowledge write the same keys at once, in any order and
// again: the end is the last one's.
func racingRuns(t *testing.T, open Open) {
	const runs, keys = 12, 40
	k := NewTilesKit(t)
	handles := []online.Store{MustOpen(t, open), MustOpen(t, open)}
	var airports []string
	for i := range keys {
		airports = append(airports, fmt.Sprint("airport ", i))
	}
	var running sync.WaitGroup
	for w := range 4 {
		rng := rand.New(rand.NewPCG(20261201, uint64(w)))
		running.Go(func() {
			for _, i := range rng.Perm(2 * runs) {
				run := i%runs + 1
				var events []feature.Time
				for e := range run {
					events = append(events, feature.Time(e))
				}
				if _, err := k.Write(handles[w%2], k.Batch(fmt.Sprintf("%02d", run), events, airports...), int64(run), feature.Time(run)); err != nil {
					t.Errorf("writer %d, run %d: %v", w, run, err)
				}
			}
		})
	}
	running.Wait()
	for _, airport := range airports {
		k.Expect(handles[0], airport, runs, runs, runs, fmt.Sprint(runs))
	}
}

// counted makes values that count how often they were merged; no two of a key begin alike.
func counted(old []byte) []byte {
	n := uint64(1)
	if old != nil {
		n = binary.BigEndian.Uint64(old[online.HeadLen-8:]) + 1
	}
	value := append(make([]byte, online.HeadLen-8), binary.BigEndian.AppendUint64(nil, n)...)
	return append(value, bytes.Repeat([]byte("tail"), int(n%7))...)
}

func noMergeIsLost(t *testing.T, open Open) {
	const writers, rounds, keys = 6, 15, 20
	k := NewTilesKit(t)
	handles := []online.Store{MustOpen(t, open), MustOpen(t, open)}
	var all [][]byte
	for i := range keys {
		all = append(all, k.Key(fmt.Sprint(i)))
	}
	var running sync.WaitGroup
	for w := range writers {
		running.Go(func() {
			for range rounds {
				got, err := handles[w%2].Merge(t.Context(), k.Layout, all, func(_ int, old []byte) ([]byte, feature.Time, error) {
					return counted(old), feature.MaxTime, nil
				})
				if err != nil || got.Written != keys || got.Kept != 0 {
					t.Errorf("writer %d: got %+v, %v, want %d written", w, got, err, keys)
				}
			}
		})
	}
	running.Wait()
	values, err := handles[0].Get(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range values {
		if n := binary.BigEndian.Uint64(v[online.HeadLen-8:]); n != writers*rounds {
			t.Errorf("key %d was merged %d times, and shows %d", i, writers*rounds, n)
		}
	}
}

func mergeKeeps(t *testing.T, open Open) {
	k := NewTilesKit(t)
	s := MustOpen(t, open)
	var all [][]byte
	for i := range 1200 {
		all = append(all, k.Key(fmt.Sprint(i)))
	}
	calls := make([]int, len(all))
	size := 0
	got, err := s.Merge(t.Context(), k.Layout, all, func(i int, old []byte) ([]byte, feature.Time, error) {
		if calls[i]++; old != nil {
			t.Errorf("key %d: it was %x before it was written", i, old)
		}
		if i%3 == 0 {
			return nil, 0, nil
		}
		size += len(all[i]) + len(counted(nil))
		return counted(nil), feature.MaxTime, nil
	})
	if want := (online.PutResult{Written: 800, Kept: 400, Bytes: size}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	var want []online.Row
	for i, key := range all {
		if calls[i] != 1 {
			t.Errorf("key %d was merged %d times, with nobody else", i, calls[i])
		}
		row := online.Row{Key: key}
		if i%3 != 0 {
			row.Value = counted(nil)
		}
		want = append(want, row)
	}
	Expect(t, s, want...)
	if got, err := s.Merge(t.Context(), k.Layout, nil, nil); err != nil || got != (online.PutResult{}) {
		t.Errorf("merge of nothing: got %+v, %v", got, err)
	}
}

// No writer of ours writes one: it is damage, and no key that never was.
func emptyValue(t *testing.T, open Open) {
	k := NewTilesKit(t)
	s := MustOpen(t, open)
	keys := [][]byte{k.Key("absent"), k.Key("empty")}
	for merges := range 2 {
		_, err := s.Merge(t.Context(), k.Layout, keys[1:], func(_ int, old []byte) ([]byte, feature.Time, error) {
			if absent := old == nil; absent != (merges == 0) {
				t.Errorf("merge %d: the value that was there is absent: %v", merges, absent)
			}
			return []byte{}, feature.MaxTime, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	values, err := s.Get(t.Context(), keys)
	if err != nil || values[0] != nil || values[1] == nil || len(values[1]) != 0 {
		t.Errorf("got %#v, %v, want nil and a value of no bytes", values, err)
	}
}

func mergeFails(t *testing.T, open Open) {
	k := NewTilesKit(t)
	s := MustOpen(t, open)
	k.MustWrite(s, k.Batch("word", []feature.Time{5, 15, 25}, "SFO", "LAX"), 1, 30, 2)
	values, err := s.Get(t.Context(), [][]byte{k.Key("SFO")})
	if err != nil {
		t.Fatal(err)
	}
	strange := errors.New("strange")
	_, err = s.Merge(t.Context(), k.Layout, [][]byte{k.Key("LAX"), k.Key("SFO")}, func(i int, old []byte) ([]byte, feature.Time, error) {
		if i == 1 {
			return nil, 0, fmt.Errorf("%w: %w", strange, feature.ErrConflict)
		}
		return nil, 0, nil
	})
	if !errors.Is(err, strange) || !errors.Is(err, feature.ErrConflict) || !strings.Contains(fmt.Sprint(err), `"SFO"`) {
		t.Errorf("got error %v, want merge's own with SFO", err)
	}
	Expect(t, s, online.Row{Key: k.Key("SFO"), Value: values[0]})
	// Whatever is there and is not understood stays as it is.
	for name, damage := range map[string]func(v []byte) []byte{
		"another format": func(v []byte) []byte { v[0]++; return v },
		"another layout": func(v []byte) []byte { v[1]++; return v },
		"cut off":        func(v []byte) []byte { return v[:len(v)-1] },
		"head only":      func(v []byte) []byte { return v[:online.HeadLen] },
		"one byte":       func(v []byte) []byte { return v[:1] },
		"one byte more":  func(v []byte) []byte { return append(v, 0) },
	} {
		damaged := damage(bytes.Clone(values[0]))
		plant := func(_ int, _ []byte) ([]byte, feature.Time, error) { return damaged, feature.MaxTime, nil }
		if _, err := s.Merge(t.Context(), k.Layout, [][]byte{k.Key("SFO")}, plant); err != nil {
			t.Fatal(err)
		}
		_, err := k.Write(s, k.Batch("later", []feature.Time{5, 15, 25, 35}, "SFO"), 2, 40)
		// A whole patch does not look at what it replaces, but for its head and row.
		if name == "cut off" || name == "one byte more" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(fmt.Sprint(err), `"SFO"`) {
			t.Errorf("%s: got error %v, want one that is invalid and names SFO", name, err)
		}
		Expect(t, s, online.Row{Key: k.Key("SFO"), Value: damaged})
	}
}

func mergedExpiry(t *testing.T, open Open) {
	k := NewTilesKit(t)
	s := MustOpen(t, open)
	expires := map[string]feature.Time{"soon": Now.Add(feature.Hour), "never": feature.MaxTime, "gone": Now.Add(-feature.Hour)}
	names := []string{"soon", "never", "gone"}
	merge := func(names ...string) {
		t.Helper()
		var all [][]byte
		for _, name := range names {
			all = append(all, k.Key(name))
		}
		_, err := s.Merge(t.Context(), k.Layout, all, func(i int, old []byte) ([]byte, feature.Time, error) {
			return counted(old), expires[names[i]], nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	merge(names...)
	Advance(t, s, 9, Now, 1)
	once, twice := counted(nil), counted(counted(nil))
	Expect(t, s, online.Row{Key: k.Key("soon"), Value: once}, online.Row{Key: k.Key("never"), Value: once}) // gone may be there or not
	expires["soon"] = feature.MaxTime
	merge("soon", "never")
	Expect(t, s, online.Row{Key: k.Key("soon"), Value: twice}, online.Row{Key: k.Key("never"), Value: twice})
}
