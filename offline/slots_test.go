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
