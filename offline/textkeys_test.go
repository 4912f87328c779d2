package offline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/offline"
)

// Keys of text count against the memory as long as they are.
func TestLongKeysMakeShortParts(t *testing.T) {
	const rows, memory, length = 4000, 1 << 20, 1000
	c := parse(t, `
source s
  k string | at event | v int64
  a | 10:00 | 1
view last
  keys k
  features v
join
  k string | at event => last__v
  a | 10:00 => 1
`)
	k, at := c.Spine[0].Values, c.Spine[1].Values
	k.Reset()
	for i := range rows {
		k.AppendString(strings.Repeat("k", length) + fmt.Sprint(i))
		if i > 0 {
			at.AppendFrom(at, 0)
		}
	}
	out := &memOutput{}
	engine := offline.New(&memFiles{sources: c.Sources, chunk: 10}, offline.Options{Workers: 2, Memory: memory})
	res, err := engine.Train(t.Context(), offline.Request{Spine: newMemSpine(t, c.Spine, 500), Selection: c.Selection, EventTimestamp: "at"},
		func(*arrow.Schema) (offline.Output, error) { return out, nil })
	if err != nil || res.Rows != rows {
		t.Fatalf("%+v, %v", res, err)
	}
	// The first part is taken before a key was seen. A row of the others has its key twice, and
	// parts have half of the memory.
	if most := memory / 2 / (2 * length); res.Work.Parts < (rows-int(res.Work.PartRows))/most {
		t.Errorf("%d parts, the first of %d rows: expected at most %d rows in each of the others", res.Work.Parts, res.Work.PartRows, most)
	}
}
