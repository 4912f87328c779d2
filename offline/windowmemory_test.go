package offline_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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

// Of a key with very many late rows that wait, some are placed while others are put: none is lost or comes twice.
func TestManyLateRowsOfOneKeyAllCount(t *testing.T) {
	const rows, requests = 600_000, 40
	c := parse(t, `
source s
  k int64 | at event | seen available | v int64
  0 | 10:00 | 10:00 | 1
view w
  keys k
  features n = count of v over 2h by 1m, total = sum of v over 2h by 1m, most = max of v over 2h by 1m, all = sum of v over all
join
  k int64 | at event => w__n | w__total | w__most | w__all
  0 | 12:00 => 0 | null | null | 1
`)
	r := rand.New(rand.NewPCG(9, 2))
	columns := c.Sources[0].Files[0].Columns
	begin := columns[1].Values.Int64s[0]
	for _, column := range columns {
		column.Values.Reset()
	}
	for range rows {
		at := begin + r.Int64N(int64(10*feature.Hour))
		columns[0].Values.AppendInt64(0)
		columns[1].Values.AppendInt64(at)
		columns[2].Values.AppendInt64(at + r.Int64N(int64(3*feature.Hour)))
		columns[3].Values.AppendInt64(r.Int64N(1_000_000))
	}
	c.Sources[0].Files[0].Groups = []int{rows / 2, rows / 2}
	for _, column := range c.Spine {
		column.Values.Reset()
	}
	whole := feature.NewColumn(feature.Scalar(feature.Int64), requests)
	want := []*feature.Column{whole, feature.NewColumn(whole.Type, requests), feature.NewColumn(whole.Type, requests), feature.NewColumn(whole.Type, requests)}
	for range requests {
		at := begin + r.Int64N(12*60)*int64(feature.Minute)
		c.Spine[0].Values.AppendInt64(0)
		c.Spine[1].Values.AppendInt64(at)
		var n, seen, total, most, all int64
		for i, event := range columns[1].Values.Int64s {
			if v := columns[3].Values.Int64s[i]; columns[2].Values.Int64s[i] <= at {
				all, seen = all+v, seen+1
				if event > at-int64(2*feature.Hour) {
					n, total, most = n+1, total+v, max(most, v)
				}
			}
		}
		want[0].AppendInt64(n)
		for f, v := range []int64{total, most, all} {
			if f < 2 && n == 0 || seen == 0 {
				want[f+1].AppendNull()
			} else {
				want[f+1].AppendInt64(v)
			}
		}
	}
	out := &memOutput{}
	_, err := offline.New(&memFiles{sources: c.Sources, chunk: 8000}, offline.Options{Workers: 2}).Train(t.Context(),
		offline.Request{Spine: newMemSpine(t, c.Spine, 100), Selection: c.Selection, EventTimestamp: "at"},
		func(*arrow.Schema) (offline.Output, error) { return out, nil })
	if err != nil {
		t.Fatal(err)
	}
	got, err := out.answer(c)
	if err != nil {
		t.Fatal(err)
	}
	if d := offlinetest.Diff(c, got, want); d != "" {
		t.Fatal(d)
	}
}

// How much texts and lists take is known only as they are made: a part with too much of them is given up, and
// its rows are taken in fewer, as if nothing had been.
func TestPartsWithTooLongListsAreTakenAgain(t *testing.T) {
	c := parse(t, `
source s
  k int64 | at event | made created | v string | big int64
  0 | 10:00 | 10:00 | a | 1
view w
  derive twice:string = v + v
  keys k
  features v, twice, latest = last_n(20) of v over all, often = top_k(3) of v over 1d by 1h, most = max of v over 1d by 1h, total = sum of big over all
  expression both:string = coalesce(v, "") + coalesce(most, "")
  expression much:string = both + both + both + both + both + both + both + both + both + both + both + both + both + both + both + both + both + both + both + both + both + both + both + both + both
use w
join
  k int64 | at event => w__v | w__twice | w__latest | w__often | w__most | w__total | w__both | w__much
  0 | 11:00 => a | aa | [a] | [a] | a | 1 | aa | aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
`)
	r := rand.New(rand.NewPCG(6, 1))
	rows := c.Sources[0].Files[0].Columns
	begin := rows[1].Values.Int64s[0]
	for _, column := range rows {
		column.Values.Reset()
	}
	for i := range 800 {
		rows[0].Values.AppendInt64(r.Int64N(20))
		rows[1].Values.AppendInt64(begin + int64(i)*int64(feature.Minute))
		rows[2].Values.AppendInt64(begin + int64(i)*int64(feature.Minute) + r.Int64N(int64(30*feature.Minute)))
		rows[3].Values.AppendString(strings.Repeat(string(rune('a'+r.IntN(20))), 50+r.IntN(100)))
		rows[4].Values.AppendInt64(r.Int64N(1 << 62)) // sums overflow
	}
	c.Sources[0].Files[0].Groups = []int{500, 300}
	for _, column := range c.Spine {
		column.Values.Reset()
	}
	for range 150 {
		c.Spine[0].Values.AppendInt64(r.Int64N(25)) // some of which have no rows
		c.Spine[1].Values.AppendInt64(begin + r.Int64N(int64(16*feature.Hour)))
	}
	want, err := offlinetest.Oracle{}.Join(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	train := func(memory int64) *offline.Result {
		t.Helper()
		out := &memOutput{}
		res, err := offline.New(&memFiles{sources: c.Sources, chunk: 700}, offline.Options{Workers: 2, Memory: memory}).Train(t.Context(),
			offline.Request{Spine: newMemSpine(t, c.Spine, 100), Selection: c.Selection, EventTimestamp: "at", Audit: true},
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
		return res
	}
	whole := train(0)
	if whole.Work.Parts != 1 || whole.Views[0].Overflows == 0 || whole.Views[0].Audit.Changed == 0 {
		t.Fatalf("the rows are not as they are meant: %d parts, %+v", whole.Work.Parts, whole.Views[0])
	}
	// 150 rows have lists of up to 20 texts of 100 bytes, and 5 KB of what is derived of them: 1 MB in all.
	for memory, parts := range map[int64]int{64 << 20: 1, 2 << 20: 2, 512 << 10: 8, 1: 150} {
		res := train(memory)
		if res.Work.Parts < parts || parts == 1 && res.Work.Parts > 1 {
			t.Errorf("memory %d: %d parts, expected %d or more", memory, res.Work.Parts, parts)
		}
		if d := cmp.Diff(whole.Views, res.Views, cmpopts.IgnoreFields(offline.ViewResult{}, "Scanned", "Skipped")); d != "" {
			t.Errorf("memory %d: views (-whole +got):\n%s", memory, d)
		}
		if d := cmp.Diff(whole.Features, res.Features); d != "" {
			t.Errorf("memory %d: features (-whole +got):\n%s", memory, d)
		}
	}
}

// A part that is given up is taken again in fewer rows, whatever the width of a list's items.
func TestPartsOfNarrowListsBecomeShorter(t *testing.T) {
	for kind, one := range map[string]string{"bool": "true", "int32": "1", "int64": "1"} {
		t.Run(kind, func(t *testing.T) {
			c := parse(t, `
source s
  k int64 | at event | v `+kind+`
  0 | 10:00 | `+one+`
view w
  keys k
  features latest = last_n(1000) of v over all
join
  k int64 | at event => w__latest
  0 | 11:00 => [`+one+`]
`)
			rows := c.Sources[0].Files[0].Columns
			begin := rows[1].Values.Int64s[0]
			for i := range 999 {
				rows[0].Values.AppendInt64(0)
				rows[1].Values.AppendInt64(begin + int64(i))
				rows[2].Values.AppendFrom(rows[2].Values, 0)
			}
			c.Sources[0].Files[0].Groups = []int{1000}
			for i := range 1999 {
				c.Spine[0].Values.AppendInt64(0)
				c.Spine[1].Values.AppendInt64(begin + int64(feature.Hour) + int64(i))
			}
			res, taken := trainInParts(t, c, 1<<20, 1000)
			if res.Rows != 2000 || res.Work.Parts < 2 || taken > 2*res.Work.Parts {
				t.Errorf("%d rows in %d parts, which were taken %d times", res.Rows, res.Work.Parts, taken)
			}
		})
	}
}

// Where the first values that are made are the longest by far, the rows are not divided as if all were as long.
func TestAFewLongValuesDoNotMakeManyParts(t *testing.T) {
	const rows, hot, long = 40_000, 20, 20_800
	c := parse(t, `
source s
  k int64 | at event | v string
  0 | 10:00 | a
view w
  keys k
  features latest = last of v over all
join
  k int64 | at event => w__latest
  0 | 11:00 => a
`)
	columns := c.Sources[0].Files[0].Columns
	begin := columns[1].Values.Int64s[0]
	for i := range 3_000 { // so that the partition of this key has the most rows, and comes first
		columns[0].Values.AppendInt64(0)
		columns[1].Values.AppendInt64(begin + int64(i))
		columns[2].Values.AppendString(strings.Repeat("x", long))
	}
	for i := range rows {
		columns[0].Values.AppendInt64(int64(1 + i))
		columns[1].Values.AppendInt64(begin)
		columns[2].Values.AppendString("x")
	}
	c.Sources[0].Files[0].Groups = []int{3_001 + rows}
	for i := range rows {
		k := int64(i)
		if i%hot == 0 {
			k = 0
		}
		c.Spine[0].Values.AppendInt64(k)
		c.Spine[1].Values.AppendInt64(begin + int64(feature.Hour) + int64(i))
	}
	const memory, all = 24 << 20, rows / hot * long
	res, taken := trainInParts(t, c, memory, 1000)
	// A quarter of the memory is for texts, so 6 parts are the least.
	if least := all / (memory / 4); res.Rows != rows+1 || res.Work.Parts < least || taken > 10*least {
		t.Errorf("%d rows in %d parts, which were taken %d times: expected at least %d, and at most %d times", res.Rows, res.Work.Parts, taken, least, 10*least)
	}
	if told := 2 * res.Work.Memory.Part; told > 3*memory {
		t.Errorf("the greatest part of %d rows is told to take %d bytes, of a memory of %d", res.Work.PartRows, res.Work.Memory.Part, memory)
	}
}

// trainInParts trains in a memory, and tells how many times a part was taken: at most so many times.
func trainInParts(t *testing.T, c *offlinetest.Case, memory int64, most int) (res *offline.Result, taken int) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	out := &memOutput{}
	res, err := offline.New(&memFiles{sources: c.Sources, chunk: 700}, offline.Options{Workers: 1, Memory: memory, Progress: func(p offline.Progress) {
		if p.Stage != offline.StageSpine || p.Done != 0 {
			return
		}
		if taken++; taken > most {
			cancel(fmt.Errorf("parts were taken %d times", taken))
		}
	}}).Train(ctx, offline.Request{Spine: newMemSpine(t, c.Spine, 100), Selection: c.Selection, EventTimestamp: "at"},
		func(*arrow.Schema) (offline.Output, error) { return out, nil })
	if err != nil {
		t.Fatalf("%v: %v", context.Cause(ctx), err)
	}
	return res, taken
}

// What a hot key keeps of its events is the same for any number of rows: parts don't become ever shorter for it.
func TestPartsOfAHotKeyDoNotShrinkForEver(t *testing.T) {
	const events, rows = 5000, 400
	c := parse(t, `
source s
  k int64 | at event | v int64
  0 | 10:00 | 1
view w
  keys k
  features often = top_k(1) of v over 1d by 1d
join
  k int64 | at event => w__often
  0 | 12:00 => [1]
`)
	columns := c.Sources[0].Files[0].Columns
	begin := columns[1].Values.Int64s[0]
	for _, column := range columns {
		column.Values.Reset()
	}
	for i := range events {
		columns[0].Values.AppendInt64(0)
		columns[1].Values.AppendInt64(begin + int64(i))
		columns[2].Values.AppendInt64(int64(i / 2 * 2)) // each twice, but for the least three times
	}
	columns[2].Values.Int64s[1], columns[2].Values.Int64s[2] = 0, 0
	c.Sources[0].Files[0].Groups = []int{events}
	noon := c.Spine[1].Values.Int64s[0]
	for _, column := range c.Spine {
		column.Values.Reset()
	}
	for i := range rows {
		c.Spine[0].Values.AppendInt64(0)
		c.Spine[1].Values.AppendInt64(noon + int64(i))
	}
	out := &memOutput{}
	// A part of half of this has some hundred rows; the events take ten times as much.
	engine := offline.New(&memFiles{sources: c.Sources, chunk: 1000}, offline.Options{Workers: 2, Memory: 64 << 10})
	res, err := engine.Train(t.Context(), offline.Request{Spine: newMemSpine(t, c.Spine, 100), Selection: c.Selection, EventTimestamp: "at"},
		func(*arrow.Schema) (offline.Output, error) { return out, nil })
	if err != nil {
		t.Fatal(err)
	}
	if res.Work.Parts < 2 || res.Work.Parts > rows/8 {
		t.Errorf("%d parts", res.Work.Parts)
	}
	got, err := out.column(2, feature.ListOf(feature.Int64, 0))
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if d := cmp.Diff([]any{int64(0)}, got.Any(i)); d != "" {
			t.Fatalf("row %d: %s", i, d)
		}
	}
}
