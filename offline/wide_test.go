package offline_test

import (
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
)

// Values that many rows show are small in the source and large in the output: its
// records end before they grow beyond reason.
func TestRecordsOfWideValuesAreShort(t *testing.T) {
	const rows, wide = 100, 4 << 20
	c := parse(t, `
source s
  k int64 | at event | name string
  1 | 10:00 | a
view last
  keys k
  features name
join
  k int64 | at event => last__name
  1 | 10:00 => a
`)
	text := c.Sources[0].Files[0].Columns[2].Values
	text.Reset()
	text.AppendString(strings.Repeat("x", wide))
	for i := range c.Spine {
		for range rows - 1 {
			c.Spine[i].Values.AppendFrom(c.Spine[i].Values, 0)
		}
	}
	out, res, err := setup{workers: 2, chunk: 10, record: rows}.train(t, c)
	if err != nil || res.Rows != rows {
		t.Fatalf("%v, %v", res, err)
	}
	got := 0
	for _, rec := range out.records {
		names, ok := rec.Column(len(c.Spine)).(*array.String)
		if !ok {
			t.Fatalf("a %T", rec.Column(len(c.Spine)))
		}
		if n := len(names.ValueBytes()); n > 80<<20 {
			t.Errorf("a record has %d bytes of text", n)
		}
		for i := range names.Len() {
			if len(names.Value(i)) != wide {
				t.Fatalf("row %d has %d bytes", got+i, len(names.Value(i)))
			}
		}
		got += names.Len()
	}
	if got != rows || len(out.records) < 5 {
		t.Errorf("%d rows in %d records", got, len(out.records))
	}
}
