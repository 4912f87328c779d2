// Package onlinetest is the conformance suite of online.Store: what every store has
// to do, whatever it is made of. A new store is tested by one call of Run.
package onlinetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

// Open opens a handle on one place. Called again it opens the same place again, as
// another process would.
type Open func(ctx context.Context, registry string, clock func() feature.Time) (online.Store, error)

// Registry is the id of the registry that the suite's stores belong to.
const Registry = "6f1c2b8e-the-suites-own"

// Now is what the clock of the suite's stores says.
const Now = feature.Time(1_700_000_000_000_000)

// Run tests a store. Each call of place gives a place of its own, which is empty.
func Run(t *testing.T, place func(t *testing.T) Open) {
	t.Helper()
	cases := []struct {
		name string
		test func(t *testing.T, open Open)
	}{
		{"A value that was put is what get gives", putGet},
		{"Get keeps the order of keys, with repeats and gaps", getOrder},
		{"The later row stays whatever the order of writes", laterStays},
		{"A full tie is settled by the values", fullTies},
		{"Rows of one call may repeat a key", repeatsInOneCall},
		{"Any interleaving of writers ends in the greatest rows", interleavings},
		{"Awkward keys are kept apart", awkwardKeys},
		{"Values may be large and calls many rows", largeCalls},
		{"A value of another layout is not overwritten", otherLayout},
		{"A row with an expiry stays until then", expiry},
		{"Merged tiles are answered at any later time", mergedTiles},
		{"A run that wakes up late changes nothing", lateSleepers},
		{"Runs that write the same keys at once end in the last one", racingRuns},
		{"No merge is lost between writers", noMergeIsLost},
		{"Merge keeps what it is told to", mergeKeeps},
		{"A value of no bytes is not absent", emptyValue},
		{"What can't be merged is named and left as it is", mergeFails},
		{"A merged value stays until it expires", mergedExpiry},
		{"A watermark goes forward only", watermarks},
		{"A watermark is kept over closing and seen by others", watermarksShared},
		{"A dropped storage is gone and the others stay", dropping},
		{"A drop that is cut off can be told and repeated", dropCutOff},
		{"Others read and write while a storage is dropped", dropBesideOthers},
		{"Another registry is refused", otherRegistry},
		{"A context that has ended ends every call", endedContext},
		{"Close may be called twice and ends the calls", closing},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.test(t, place(t)) })
	}
}

// MustOpen opens a handle that is closed with the test.
func MustOpen(t *testing.T, open Open) online.Store {
	t.Helper()
	s, err := open(t.Context(), Registry, func() feature.Time { return Now })
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// Put writes rows and checks that all of them were counted.
func Put(t *testing.T, s online.Store, l *online.Layout, rows ...online.Row) online.PutResult {
	t.Helper()
	result, err := s.Put(t.Context(), l, rows)
	if err != nil {
		t.Fatalf("put: %v", err)
	}
	if result.Written+result.Kept != len(rows) {
		t.Errorf("put counts %d written and %d kept of %d rows", result.Written, result.Kept, len(rows))
	}
	return result
}

// Expect checks that the value of each row is what is stored under its key.
func Expect(t *testing.T, s online.Store, rows ...online.Row) {
	t.Helper()
	keys := make([][]byte, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key
	}
	values, err := s.Get(t.Context(), keys)
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	if len(values) != len(rows) {
		t.Fatalf("get gives %d values for %d keys", len(values), len(rows))
	}
	for i := range rows {
		if !bytes.Equal(values[i], rows[i].Value) || (values[i] == nil) != (rows[i].Value == nil) {
			t.Errorf("key %x: got %s, want %s", keys[i], brief(values[i]), brief(rows[i].Value))
		}
	}
}

func brief(v []byte) string {
	if len(v) > 80 {
		return fmt.Sprintf("%x… (%d bytes)", v[:80], len(v))
	}
	return fmt.Sprintf("%x", v)
}

func putGet(t *testing.T, open Open) {
	k := NewKit(t)
	s := MustOpen(t, open)
	row := k.Row("SFO", Stamp{Event: 7, Created: 8, HasCreated: true, Available: 9}, 1.5, "late")
	result := Put(t, s, k.Layout, row)
	if want := (online.PutResult{Written: 1, Bytes: len(row.Key) + len(row.Value)}); result != want {
		t.Errorf("first put: got %+v, want %+v", result, want)
	}
	if again := Put(t, s, k.Layout, row); again != (online.PutResult{Kept: 1}) {
		t.Errorf("second put of the same row: got %+v, want one kept", again)
	}
	Expect(t, s, row, online.Row{Key: k.Key("JFK")})
	if got := Put(t, s, k.Layout); got != (online.PutResult{}) {
		t.Errorf("put of nothing: got %+v", got)
	}
	Expect(t, MustOpen(t, open), row)
}

func getOrder(t *testing.T, open Open) {
	k := NewKit(t)
	s := MustOpen(t, open)
	var rows []online.Row
	for i := range 700 {
		rows = append(rows, k.Row(fmt.Sprintf("entity %d", i), Stamp{Event: feature.Time(i)}, float64(i), nil))
	}
	Put(t, s, k.Layout, rows...)
	var want []online.Row
	for i := range 1500 {
		if i%3 == 0 {
			want = append(want, online.Row{Key: k.Key(fmt.Sprintf("nobody %d", i))})
		} else {
			want = append(want, rows[i*37%len(rows)])
		}
	}
	for _, n := range []int{0, 1, 2, 8, 9, 64, 65, 511, 512, 513, len(want)} {
		Expect(t, s, want[:n]...)
	}
}

func repeatsInOneCall(t *testing.T, open Open) {
	k := NewKit(t)
	s := MustOpen(t, open)
	early, late := k.Row("a", Stamp{Event: 1}, 9.0, nil), k.Row("a", Stamp{Event: 2}, 1.0, nil)
	tied := k.Row("a", Stamp{Event: 2}, 2.0, nil)
	other := k.Row("b", Stamp{Event: 0}, nil, nil)
	Put(t, s, k.Layout, late, early, other, tied, late, early)
	Expect(t, s, tied, other)
}

func awkwardKeys(t *testing.T, open Open) {
	k := NewKit(t)
	s := MustOpen(t, open)
	var rows []online.Row
	for i, name := range awkwardNames() {
		rows = append(rows, k.Row(name, Stamp{Event: feature.Time(i)}, float64(i), name))
	}
	if got := Put(t, s, k.Layout, rows...); got.Written != len(rows) {
		t.Errorf("%d of %d rows written: two keys are the same to the store", got.Written, len(rows))
	}
	Expect(t, s, rows...)
}

// awkwardNames are join keys that a store could take for something else.
func awkwardNames() []string {
	names := []string{
		"", "{", "}", "{}", "}{", "{{", "}}", "a}b", "\x00", "\x00\x00", "a\x00", "|", "||", "|]", "|\\", "~", "|}~", "|}|}", "\\", "]",
		"\r\n", "*1\r\n$4\r\nPING\r\n", "'; DROP TABLE row; --", "ä", "\xff\xfe", "registry", "watermark:1", "q:registry",
		strings.Repeat("}", 1000), strings.Repeat("long", 20_000),
	}
	for b := range 256 {
		names = append(names, "x"+string([]byte{byte(b)}), "x"+string([]byte{byte(b), '}'}))
	}
	return names
}

func largeCalls(t *testing.T, open Open) {
	k := NewKit(t)
	s := MustOpen(t, open)
	big := k.Row("big", Stamp{Event: 1}, nil, strings.Repeat("\x00}x", 1<<20))
	rows := []online.Row{big}
	for i := range 25_000 {
		rows = append(rows, k.Row(fmt.Sprint(i), Stamp{Event: feature.Time(i)}, float64(i), nil))
	}
	if got := Put(t, s, k.Layout, rows...); got.Written != len(rows) {
		t.Errorf("got %+v, want %d written", got, len(rows))
	}
	if got := Put(t, s, k.Layout, rows...); got.Kept != len(rows) {
		t.Errorf("again: got %+v, want %d kept", got, len(rows))
	}
	Expect(t, s, rows...)
}

func otherLayout(t *testing.T, open Open) {
	k := NewKit(t)
	s := MustOpen(t, open)
	good := k.Row("SFO", Stamp{Event: 5}, 1.0, "x")
	Put(t, s, k.Layout, good)
	strange := online.Row{Key: good.Key, Value: bytes.Clone(good.Value), Expires: feature.MaxTime}
	strange.Value[1] ^= 0xff
	strange.Value[online.StampAt] = 0xff // later than what is there
	_, err := s.Put(t.Context(), k.Layout, []online.Row{strange})
	if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(fmt.Sprint(err), `"SFO"`) {
		t.Errorf("got error %v, want one that is invalid and names SFO", err)
	}
	Expect(t, s, good)
}

func expiry(t *testing.T, open Open) {
	k := NewKit(t)
	s := MustOpen(t, open)
	fresh := k.Row("fresh", Stamp{Event: Now}, 1.0, nil)
	fresh.Expires = Now.Add(feature.Hour)
	far := k.Row("far", Stamp{Event: Now}, 2.0, nil)
	far.Expires = feature.MaxTime - 1
	never := k.Row("never", Stamp{Event: 0}, 3.0, nil)
	gone := k.Row("gone", Stamp{Event: 0}, 4.0, nil)
	gone.Expires = Now.Add(-feature.Hour)
	Put(t, s, k.Layout, fresh, far, never, gone)
	Advance(t, s, 1, Now, 1)
	Expect(t, s, fresh, far, never) // gone may be there or not
	// A later row brings its own expiry, an earlier one changes nothing.
	later := k.Row("fresh", Stamp{Event: Now + 1}, 5.0, nil)
	Put(t, s, k.Layout, later)
	Put(t, s, k.Layout, fresh)
	Expect(t, s, later)
}

func otherRegistry(t *testing.T, open Open) {
	k := NewKit(t)
	s := MustOpen(t, open)
	row := k.Row("a", Stamp{Event: 1}, 1.0, nil)
	Put(t, s, k.Layout, row)
	const stranger = "another-registry"
	_, err := open(t.Context(), stranger, func() feature.Time { return Now })
	if !errors.Is(err, feature.ErrConflict) {
		t.Fatalf("got error %v, want a conflict", err)
	}
	for _, id := range []string{Registry, stranger} {
		if !strings.Contains(err.Error(), id) {
			t.Errorf("the error does not name the registry %s: %v", id, err)
		}
	}
	Expect(t, MustOpen(t, open), row)
}

func endedContext(t *testing.T, open Open) {
	k := NewKit(t)
	s := MustOpen(t, open)
	row := k.Row("a", Stamp{Event: 1}, 1.0, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, get := s.Get(ctx, [][]byte{row.Key})
	_, put := s.Put(ctx, k.Layout, []online.Row{row})
	_, merge := s.Merge(ctx, k.Layout, [][]byte{row.Key}, func(int, []byte) ([]byte, feature.Time, error) {
		return row.Value, feature.MaxTime, nil
	})
	_, marks := s.Watermarks(ctx, []uint64{1})
	calls := map[string]error{"get": get, "put": put, "merge": merge, "watermarks": marks, "advance": s.Advance(ctx, 1, 1, 1, 1), "drop": s.Drop(ctx, 1)}
	for name, err := range calls {
		if !errors.Is(err, context.Canceled) || !errors.Is(err, feature.ErrUnavailable) {
			t.Errorf("%s: got error %v, want one of canceled and unavailable", name, err)
		}
	}
	Expect(t, s, online.Row{Key: row.Key})
	Put(t, s, k.Layout, row)
	Expect(t, s, row)
}

func closing(t *testing.T, open Open) {
	k := NewKit(t)
	s := MustOpen(t, open)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if _, err := s.Get(t.Context(), [][]byte{k.Key("a")}); !errors.Is(err, feature.ErrUnavailable) {
		t.Errorf("get after close: got error %v, want unavailable", err)
	}
}
