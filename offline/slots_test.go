package offline

import (
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/feature"
)

// Rows of a hot key, more than a batch holds, and of others have the slots of their keys and
// times: one for each pair, in the order of time, however many batches they came in.
func TestRowsShareASlotWhereKeyAndTimeAreEqual(t *testing.T) {
	const rows, expected = 60_000, 20_000 // more than was expected
	r := rand.New(rand.NewPCG(7, 8))
	keys := array.NewInt64Builder(memory.DefaultAllocator)
	times := feature.NewColumn(feature.Scalar(feature.Timestamp), rows)
	for range rows {
		key := int64(0) // half of them
		if r.IntN(2) == 0 {
			key = r.Int64N(500)
		}
		keys.Append(key)
		times.AppendInt64(r.Int64N(40_000) - 20_000)
	}
	arr := keys.NewInt64Array()
	defer arr.Release()
	schema := arrow.NewSchema([]arrow.Field{{Name: "k", Type: arrow.PrimitiveTypes.Int64}}, nil)
	rec := array.NewRecord(schema, []arrow.Array{arr}, rows)
	defer rec.Release()
	plan := &spinePlan{name: "s", fields: schema.Fields(), read: []int{0}}
	g := newGroupReader(&groupPlan{at: []int{0}, types: []feature.Type{feature.Scalar(feature.Int64)}}, expected)
	if err := g.take(plan, spineRecord{rec: rec, time: times}); err != nil {
		t.Fatal(err)
	}
	if err := g.flush(); err != nil {
		t.Fatal(err)
	}
	most := 0
	for _, batches := range g.full {
		most = max(most, len(batches))
	}
	if most < 3 {
		t.Fatalf("the hot key's rows are in %d batches: the test wants several", most)
	}
	s, err := newSlots(t.Context(), g.full, g.keys.seed, true, rows, 2)
	if err != nil {
		t.Fatal(err)
	}
	type pair struct{ key, time int64 }
	slotOf, pairOf := map[pair]uint32{}, map[uint32]pair{}
	for row, slot := range s.ofRow {
		p := pair{arr.Value(row), times.Int64s[row]}
		had, known := slotOf[p]
		other, taken := pairOf[slot]
		if known && had != slot || taken && other != p {
			t.Fatalf("row %d of %+v has slot %d; the pair had %d (%t), the slot %+v (%t)", row, p, slot, had, known, other, taken)
		}
		slotOf[p], pairOf[slot] = slot, p
	}
	if len(slotOf) != s.n {
		t.Errorf("%d slots for %d pairs", s.n, len(slotOf))
	}
	for _, part := range s.parts {
		for at, time := range part.times {
			if p := pairOf[part.base+uint32(at)]; p.time != int64(time) {
				t.Fatalf("slot %d has time %d, its rows %d", part.base+uint32(at), time, p.time)
			}
		}
		for k := range part.keys.n {
			for at := part.starts[k] + 1; at < part.starts[k+1]; at++ {
				if before := pairOf[part.base+at-1]; before.key != pairOf[part.base+at].key || part.times[at-1] >= part.times[at] {
					t.Fatalf("slot %d does not follow the one before it in time", part.base+at)
				}
			}
		}
	}
}

// Wherever the search begins, it finds the slot that looking at all of them finds.
func TestFirstSlotIsFoundFromAnywhere(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2_000 {
		p := slotPart{keys: &keyTable{n: 2}, starts: []uint32{0}}
		for range 2 {
			at := feature.Time(r.Int64N(5))
			for range 1 + r.IntN(60) {
				p.times = append(p.times, at)
				at += feature.Time(1 + r.Int64N(1+r.Int64N(9)))
			}
			p.starts = append(p.starts, uint32(len(p.times)))
		}
		near := p.near()
		for range 50 {
			key := uint32(r.IntN(2))
			from := feature.Time(r.Int64N(300) - 3)
			want := noSlot
			for slot := p.starts[key]; slot < p.starts[key+1] && want == noSlot; slot++ {
				if p.times[slot] >= from {
					want = slot
				}
			}
			if near != nil && r.IntN(3) == 0 {
				n := p.starts[key+1] - p.starts[key]
				near[key] = p.starts[key] + r.Uint32N(n)
			}
			if got := p.first(key, from, near); got != want {
				t.Fatalf("slots %v of key %d: the first from %d is %d, want %d", p.times[p.starts[key]:p.starts[key+1]], key, from, got, want)
			}
		}
	}
}
