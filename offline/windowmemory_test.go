package offline_test

import (
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/offline"
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
