package onlinetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

// inOrder gives rows from the earliest to the latest, each decided by the next part
// of the rule.
func inOrder(k *Kit) []online.Row {
	const e, c, a = 100, 200, 300
	at := func(event, created, available feature.Time) Stamp {
		return Stamp{Event: event, Created: created, HasCreated: true, Available: available}
	}
	return []online.Row{
		k.Row("a", at(feature.MinTime, c+9, a+9), 9.0, "z"),
		k.Row("a", at(-1, c+9, a+9), 9.0, "z"),
		k.Row("a", at(0, c+9, a+9), 9.0, "z"),
		k.Row("a", at(e-1, c+9, a+9), 9.0, "z"),
		k.Row("a", Stamp{Event: e, Available: a - 1}, 9.0, "z"),
		k.Row("a", Stamp{Event: e, Available: a}, 9.0, "z"), // a null created timestamp is before all others
		k.Row("a", at(e, feature.MinTime, a), 1.0, "a"),
		k.Row("a", at(e, -c, a), 1.0, "a"),
		k.Row("a", at(e, c, -a), 1.0, "z"),
		k.Row("a", at(e, c, 0x7c), 1.0, "z"), // where bytes of the stamps differ in their highest bit
		k.Row("a", at(e, c, 0x80), 1.0, "z"),
		k.Row("a", at(e, c, 0xff), 1.0, "z"),
		k.Row("a", at(e, c, a), 1.0, "z"),
		k.Row("a", at(e, c+1, a), nil, nil),
		k.Row("a", at(e+1, c, a), nil, nil),
		k.Row("a", at(1<<53, c, a), nil, nil), // numbers that a double can't tell apart
		k.Row("a", at(1<<53+1, c, a), nil, nil),
		k.Row("a", at(feature.MaxTime, feature.MinTime, feature.MinTime), nil, nil),
	}
}

func laterStays(t *testing.T, open Open) {
	k := NewKit(t)
	s := MustOpen(t, open)
	rows := inOrder(k)
	for i := 1; i < len(rows); i++ {
		for _, forward := range []bool{true, false} {
			early, late := rows[i-1], rows[i]
			key := k.Key(fmt.Sprintf("pair %d %t", i, forward))
			early.Key, late.Key = key, key
			first, second := early, late
			if !forward {
				first, second = late, early
			}
			Put(t, s, k.Layout, first)
			if got := Put(t, s, k.Layout, second); got.Written == 1 != forward {
				t.Errorf("rows %d and %d, forward %t: got %+v", i-1, i, forward, got)
			}
			Expect(t, s, late)
		}
	}
	for _, row := range slices.Backward(rows) {
		Put(t, s, k.Layout, row)
	}
	Expect(t, s, rows[len(rows)-1])
}

// valuesInOrder is the order of values in a full tie, from the least to the greatest.
func valuesInOrder(k *Kit) []online.Row {
	s := Stamp{Event: 5, Created: 6, HasCreated: true, Available: 7}
	return []online.Row{
		k.Row("a", s, nil, nil),
		k.Row("a", s, nil, ""),
		k.Row("a", s, nil, "zzz"),
		k.Row("a", s, math.Inf(-1), nil),
		k.Row("a", s, -3.0, nil),
		k.Row("a", s, math.Copysign(0, -1), "zzz"),
		k.Row("a", s, 0.0, nil),
		k.Row("a", s, 0.0, ""),
		k.Row("a", s, 0.0, "B"),
		k.Row("a", s, 0.0, "a"),
		k.Row("a", s, 0.0, "ab"),
		k.Row("a", s, 0.0, "\xff"),
		k.Row("a", s, 255.0, nil), // its bytes are less than those of 2
		k.Row("a", s, 256.0, nil),
		k.Row("a", s, math.Inf(1), "zzz"),
		k.Row("a", s, math.NaN(), nil),
		k.Row("a", s, math.NaN(), "a"),
	}
}

func fullTies(t *testing.T, open Open) {
	k := NewKit(t)
	s := MustOpen(t, open)
	rows := valuesInOrder(k)
	for i := range rows {
		for j := range rows {
			key := k.Key(fmt.Sprintf("pair %d %d", i, j))
			first, second := rows[i], rows[j]
			first.Key, second.Key = key, key
			Put(t, s, k.Layout, first)
			if got := Put(t, s, k.Layout, second); (got.Written == 1) != (j > i) {
				t.Errorf("values %d and %d: got %+v", i, j, got)
			}
			want := rows[max(i, j)]
			want.Key = key
			Expect(t, s, want)
		}
	}
}

func interleavings(t *testing.T, open Open) {
	const (
		keys    = 12
		rows    = 500
		writers = 6
		seed    = 20261123
	)
	k := NewKit(t)
	handles := []online.Store{MustOpen(t, open), MustOpen(t, open)}
	rng := rand.New(rand.NewPCG(seed, 1))
	numbers := []float64{math.Inf(-1), -3, math.Copysign(0, -1), 0, 8, math.Inf(1), math.NaN()}
	words := []string{"", "a", "b", "\xff"}
	greatest := make([]*plain, keys)
	all := make([]online.Row, 0, rows)
	for range rows {
		p := plain{event: rng.Int64N(3) - 1, hasCreated: rng.IntN(3) > 0, available: rng.Int64N(2)}
		if p.hasCreated {
			p.created = rng.Int64N(2)
		}
		if p.hasNumber = rng.IntN(4) > 0; p.hasNumber {
			p.number = numbers[rng.IntN(len(numbers))]
		}
		if p.hasWord = rng.IntN(4) > 0; p.hasWord {
			p.word = words[rng.IntN(len(words))]
		}
		at := rng.IntN(keys)
		all = append(all, p.row(k, fmt.Sprint(at)))
		if greatest[at] == nil || p.after(*greatest[at]) {
			greatest[at] = &p
		}
	}
	var running sync.WaitGroup
	for w := range writers {
		own := rand.New(rand.NewPCG(seed, uint64(w)+2))
		running.Go(func() {
			for range 2 { // the second time is a replay
				mine := slices.Clone(all)
				own.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
				for len(mine) > 0 {
					n := min(1+own.IntN(150), len(mine))
					if _, err := handles[w%2].Put(t.Context(), k.Layout, mine[:n]); err != nil {
						t.Errorf("writer %d: put: %v", w, err)
						return
					}
					mine = mine[n:]
				}
			}
		})
	}
	running.Wait()
	var want []online.Row
	for i, p := range greatest {
		want = append(want, p.row(k, fmt.Sprint(i)))
	}
	Expect(t, handles[0], want...)
	Expect(t, MustOpen(t, open), want...)
}
