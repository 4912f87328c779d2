package aggregate_test

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

type entry = aggregate.Entry

func addEntry(l *aggregate.LastN, e entry) { l.Add(e.Stamp, e.Value) }

// entries are random rows of few distinct times and values, so that many tie.
func entries(seed uint64, n int) []entry {
	r := newRand(seed)
	extremes := []feature.Time{feature.MinTime, feature.MaxTime, 0, -1, 1, 1e15}
	rows := make([]entry, n)
	for i := range rows {
		s := feature.Stamp{Event: feature.Time(r.IntN(20)) * 1e6}
		if r.IntN(20) == 0 {
			s.Event = extremes[r.IntN(len(extremes))]
		}
		switch seed % 4 {
		case 1:
			s.Created, s.HasCreated = feature.Time(r.IntN(3)), r.IntN(3) > 0
		case 2:
			s.Available = s.Event + feature.Time(r.IntN(3))
		case 3:
			s.Created, s.HasCreated = extremes[r.IntN(len(extremes))], true
			s.Available = extremes[r.IntN(len(extremes))]
		}
		rows[i] = entry{s, bytes.Repeat([]byte{byte('a' + r.IntN(2))}, r.IntN(3))}
	}
	return rows
}

// lastOf is an oracle: the fields one by one, sorted and cut.
func lastOf(rows []entry, n int, first bool) []entry {
	sorted := slices.Clone(rows)
	slices.SortFunc(sorted, func(x, y entry) int {
		a, b := x.Stamp, y.Stamp
		has := func(s feature.Stamp) int {
			if s.HasCreated {
				return 1
			}
			return 0
		}
		created := 0
		if a.HasCreated && b.HasCreated {
			created = cmp.Compare(a.Created, b.Created)
		}
		c := cmp.Or(cmp.Compare(a.Event, b.Event), cmp.Compare(has(a), has(b)), created,
			cmp.Compare(a.Available, b.Available), bytes.Compare(x.Value, y.Value))
		if first {
			return c
		}
		return -c
	})
	return sorted[:min(n, len(sorted))]
}

func TestLastNKeepsTheLatest(t *testing.T) {
	for seed := range uint64(200) {
		r := newRand(seed)
		n, first := 1+r.IntN(12), seed%2 == 0
		if seed%10 == 0 {
			n = feature.MaxLastN
		}
		rows := entries(seed/2, r.IntN(60))
		fresh := func() *aggregate.LastN { return aggregate.NewLastN(n) }
		read := func(b []byte) (aggregate.LastN, []byte, error) { return aggregate.ReadLastN(b, n) }
		if first {
			fresh = func() *aggregate.LastN { return aggregate.NewFirstN(n) }
			read = func(b []byte) (aggregate.LastN, []byte, error) { return aggregate.ReadFirstN(b, n) }
		}
		b := checkMultiset(t, r, fresh, rows, addEntry)
		l := checkCode[aggregate.LastN](t, b, read)
		check := func(want []entry) {
			t.Helper()
			if l.Len() != len(want) {
				t.Fatalf("seed %d: %d entries, want %d", seed, l.Len(), len(want))
			}
			for i, w := range want {
				if got := l.At(i); got.Stamp.Compare(w.Stamp) != 0 || !bytes.Equal(got.Value, w.Value) {
					t.Fatalf("seed %d: entry %d of %d is %v, want %v", seed, i, n, got, w)
				}
			}
		}
		check(lastOf(rows, n, first))
		if most := aggregate.LastNMaxBytes(n, 2, true, true); len(b) > most {
			t.Errorf("%d bytes, more than the %d that are possible", len(b), most)
		}
		l.Merge(&l) // a state that was read goes on
		check(lastOf(append(slices.Clone(rows), rows...), n, first))
		for _, e := range rows {
			addEntry(&l, e)
		}
		check(lastOf(slices.Concat(rows, rows, rows), n, first))
	}
}

// Long runs in order, against it and mixed, with memory used again and again.
func TestLastNOverLongRuns(t *testing.T) {
	for _, n := range []int{1, 2, 7, 100} {
		for _, order := range []string{"ascending", "descending", "mixed"} {
			r := newRand(uint64(n))
			rows := make([]entry, 3000)
			for i := range rows {
				at := feature.Time(i)
				switch order {
				case "descending":
					at = -at
				case "mixed":
					at = feature.Time(r.IntN(4000))
				}
				rows[i] = entry{feature.Stamp{Event: at}, aggregate.AppendInt(nil, int64(r.Uint64())>>r.IntN(64))}
			}
			l := aggregate.NewLastN(n)
			for i, e := range rows {
				addEntry(l, e)
				if i%97 != 0 {
					continue
				}
				for j, want := range lastOf(rows[:i+1], n, false) {
					if got := l.At(j); got.Stamp != want.Stamp || !bytes.Equal(got.Value, want.Value) {
						t.Fatalf("%s, n = %d, after %d rows: entry %d is %v, want %v", order, n, i+1, j, got, want)
					}
				}
			}
		}
	}
}

func TestLastNRefusesMoreThanItKeeps(t *testing.T) {
	l := aggregate.NewLastN(3)
	for i := range 3 {
		l.Add(feature.Stamp{Event: feature.Time(i)}, nil)
	}
	if _, _, err := aggregate.ReadLastN(l.Append(nil), 2); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("three entries were read as two: %v", err)
	}
	var nothing aggregate.LastN
	nothing.Add(feature.Stamp{}, nil)
	if nothing.Len() != 0 {
		t.Error("the zero value keeps something")
	}
	l.Reset()
	l.Add(feature.Stamp{Event: math.MaxInt64}, []byte("x"))
	if l.Len() != 1 {
		t.Error("a state that was reset keeps nothing")
	}
}

func FuzzLastN(f *testing.F) {
	var seeds [][]byte
	for seed := range uint64(8) {
		l := aggregate.NewLastN(6)
		for _, e := range entries(seed, 10) {
			addEntry(l, e)
		}
		seeds = append(seeds, l.Append(nil))
	}
	use := func(l *aggregate.LastN) {
		for i := range l.Len() {
			l.At(i)
		}
		l.Add(feature.Stamp{Event: 5}, []byte("abc"))
	}
	fuzzCode(f, seeds, func(b []byte) (aggregate.LastN, []byte, error) { return aggregate.ReadLastN(b, 6) }, use)
}
