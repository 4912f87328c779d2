package offline_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

// What windows keep of events counts against the memory, as soon as it was seen.
func TestWindowsThatKeepMuchMakeShortParts(t *testing.T) {
	const keys, each, memory = 500, 250, 128 << 10
	c := parse(t, `
source s
  k int64 | at event | v int64
  0 | 10:00 | 1
view last
  keys k
  features kinds = count_distinct of v over all
join
  k int64 | at event => last__kinds
  0 | 11:00 => 1
`)
	rows := c.Sources[0].Files[0].Columns
	for _, column := range rows {
		column.Values.Reset()
	}
	spine := c.Spine[0].Values
	spine.Reset()
	at := c.Spine[1].Values
	for k := range keys {
		if spine.AppendInt64(int64(k)); k > 0 {
			at.AppendFrom(at, 0)
		}
		for n := range each {
			rows[0].Values.AppendInt64(int64(k))
			rows[1].Values.AppendInt64(at.Int64s[0] - int64(n))
			rows[2].Values.AppendInt64(int64(n))
		}
	}
	c.Sources[0].Files[0].Groups = []int{keys * each}
	out := &memOutput{}
	engine := offline.New(&memFiles{sources: c.Sources, chunk: 100}, offline.Options{Workers: 2, Memory: memory})
	res, err := engine.Train(t.Context(), offline.Request{Spine: newMemSpine(t, c.Spine, 100), Selection: c.Selection, EventTimestamp: "at"},
		func(*arrow.Schema) (offline.Output, error) { return out, nil })
	if err != nil || res.Rows != keys {
		t.Fatalf("%+v, %v", res, err)
	}
	// The first part is taken before an event was seen. Parts have half of the memory, and a
	// row of theirs has the hashes of its values.
	if most := memory / 2 / (each * 8); res.Work.Parts < (keys-int(res.Work.PartRows))/most || res.Work.PartRows == keys {
		t.Errorf("%d parts, the first of %d rows: expected at most %d rows in each of the others", res.Work.Parts, res.Work.PartRows, most)
	}
}

// Rows wait until there is no room for more; what comes out is the same as if all, or none, had waited.
func TestWindowsOfManyRowsAreTheSameForAnyMemory(t *testing.T) {
	c := parse(t, `
source s
  k int64 | at event | known available | v float64 | n int32 | word string
  0 | 10:00 | 10:00 | 1 | 1 | a
view w
  keys k
  features rows = count over 1h by 10m, total = sum of v over 1h by 10m, least = min of v over 5h by 1h, n = sum of n over 5h by 1h, words = max of word over 1h by 10m, last = last of word over all
join
  k int64 | at event => w__rows | w__total | w__least | w__n | w__words | w__last
  0 | 11:00 => 1 | 1 | 1 | 1 | a | a
`)
	r := rand.New(rand.NewPCG(5, 8))
	rows := c.Sources[0].Files[0].Columns
	begin := rows[1].Values.Int64s[0]
	for _, column := range rows {
		column.Values.Reset()
	}
	for range 6000 {
		at := begin + r.Int64N(int64(10*feature.Hour))
		rows[0].Values.AppendInt64(r.Int64N(80))
		rows[1].Values.AppendInt64(at)
		rows[2].Values.AppendInt64(at + max(0, r.Int64N(int64(2*feature.Hour))-int64(feature.Hour)))
		rows[3].Values.AppendFloat64(float64(r.IntN(1000)) / 8)
		if r.IntN(4) == 0 {
			rows[4].Values.AppendNull()
		} else {
			rows[4].Values.AppendInt32(int32(r.IntN(100)))
		}
		rows[5].Values.AppendString(strings.Repeat("x", r.IntN(20)))
	}
	c.Sources[0].Files[0].Groups = []int{2500, 2500, 1000}
	for _, column := range c.Spine {
		column.Values.Reset()
	}
	for range 300 {
		c.Spine[0].Values.AppendInt64(r.Int64N(40)) // half of the keys are not asked for
		c.Spine[1].Values.AppendInt64(begin + r.Int64N(int64(10*feature.Hour)))
	}
	want, err := offlinetest.Oracle{}.Join(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, memory := range []int64{0, 1 << 20, 1 << 18, 1 << 15} {
		out := &memOutput{}
		engine := offline.New(&memFiles{sources: c.Sources, chunk: 700}, offline.Options{Workers: 2, Memory: memory})
		_, err := engine.Train(t.Context(), offline.Request{Spine: newMemSpine(t, c.Spine, 100), Selection: c.Selection, EventTimestamp: "at"},
			func(*arrow.Schema) (offline.Output, error) { return out, nil })
		if err != nil {
			t.Fatal(err)
		}
		got, err := out.answer(c)
		if err != nil {
			t.Fatal(err)
		}
		if d := offlinetest.Diff(c, got, want); d != "" {
			t.Fatalf("memory %d: %s", memory, d)
		}
	}
}
