package offline_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

// audited runs a case with an audit, in parts of one row where memory is 1.
func audited(t *testing.T, c *offlinetest.Case, workers, chunk int, memory int64) *offline.Result {
	t.Helper()
	out := &memOutput{}
	res, err := offline.New(&memFiles{sources: c.Sources, chunk: chunk}, offline.Options{Workers: workers, Memory: memory}).Train(t.Context(),
		offline.Request{Spine: newMemSpine(t, c.Spine, 3), Selection: c.Selection, EventTimestamp: c.Spine[c.Time].Name, Audit: true},
		func(*arrow.Schema) (offline.Output, error) { return out, nil })
	if err != nil {
		t.Fatal(err)
	}
	if !out.committed {
		t.Error("the training set was not written")
	}
	return res
}

func TestAnAuditShowsExamplesAndWhatTheCreatedTimestampWouldChange(t *testing.T) {
	c := parse(t, `
source s
  k string | at event | made created | a int64 | b int64
  late | 09:00 | 09:00 | 1 | 1
  late | 10:00 | 10:30 | 2 | 1
  alike | 09:00 | 09:00 | 7 | 1
  alike | 10:00 | 10:30 | 7 | 2
  only | 10:00 | 11:00 | null | 1
  never | 10:00 | null | 3 | 1
  tie | 10:00 | 10:00 | 4 | 1
  tie | 10:00 | 10:00 | 5 | 1
view v
  keys k
  features a, b
use v
  only a
join
  k string | at event => v__a
  late | 10:00 => 2
  late | 10:29 => 2
  late | 10:30 => 2
  alike | 10:15 => 7
  only | 10:15 => null
  never | 10:15 => 3
  tie | 10:15 => 5
  late | 10:20 => 2
  null | 10:20 => null
`)
	for _, memory := range []int64{0, 1} {
		t.Run(fmt.Sprint("memory ", memory), func(t *testing.T) {
			v := audited(t, c, 2, 3, memory).Views[0]
			// Created after: late at 10:00, 10:29 and 10:20, alike, only. Of these the
			// three of late would show 1; the others show what they show.
			if got, want := []int64{v.SameTime, v.CreatedAfter, v.Ties, v.Audit.Changed}, []int64{1, 5, 1, 3}; !cmp.Equal(got, want) {
				t.Errorf("same time, created after, ties, changed: %v, want %v", got, want)
			}
			if !v.Audit.Created {
				t.Error("the source's created timestamp is not seen")
			}
			day := feature.Time(0)
			for _, e := range v.Audit.Examples {
				day = e.Event - e.Event%feature.Time(24*feature.Hour)
			}
			at := func(hour, minute int) feature.Time {
				return day + feature.Time(hour)*feature.Time(feature.Hour) + feature.Time(minute)*feature.Time(feature.Minute)
			}
			example := func(f offline.Finding, row int64, key string, time, created feature.Time, value any) offline.Example {
				return offline.Example{Finding: f, Row: row, Keys: []string{key}, Time: time, Event: at(10, 0), Created: &created, Values: []any{value}}
			}
			want := map[offline.Finding][]offline.Example{
				offline.FindingSameTime: {example(offline.FindingSameTime, 0, "late", at(10, 0), at(10, 30), int64(2))},
				offline.FindingCreatedAfter: {
					example(offline.FindingCreatedAfter, 0, "late", at(10, 0), at(10, 30), int64(2)),
					example(offline.FindingCreatedAfter, 1, "late", at(10, 29), at(10, 30), int64(2)),
					example(offline.FindingCreatedAfter, 3, "alike", at(10, 15), at(10, 30), int64(7)),
				},
				offline.FindingTie: {example(offline.FindingTie, 6, "tie", at(10, 15), at(10, 0), int64(5))},
			}
			got := map[offline.Finding][]offline.Example{}
			for _, e := range v.Audit.Examples {
				got[e.Finding] = append(got[e.Finding], e)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("examples (-want +got):\n%s", diff)
			}
		})
	}
}

// The created timestamp is a feature, too, so that the oracle says what was shown;
// and for a spine of one row over the source rows that were created by its time, what
// would be.
func TestAnAuditCountsWhatTheOracleCounts(t *testing.T) {
	c := createdLater(t, 600, 120)
	shown, err := offlinetest.Oracle{}.Join(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	after, changed := int64(0), int64(0)
	for row := range c.Rows() {
		at, _ := c.RequestTime(row)
		made := shown[len(shown)-1]
		if made.IsNull(row) || feature.Time(made.Int64s[row]) <= at {
			continue
		}
		after++
		then, err := offlinetest.Oracle{}.Join(t.Context(), createdBy(c, row, at))
		if err != nil {
			t.Fatal(err)
		}
		for o := range shown {
			if feature.Compare(shown[o], row, then[o], 0) != 0 {
				changed++
				break
			}
		}
	}
	if after < 30 || changed < 20 || after == int64(c.Rows()) {
		t.Errorf("%d created after, %d changed: the case does not test much", after, changed)
	}
	for _, memory := range []int64{0, 1 << 12} {
		v := audited(t, c, 3, 50, memory).Views[0]
		if v.CreatedAfter != after || v.Audit.Changed != changed {
			t.Errorf("memory %d: %d created after, %d changed; want %d and %d", memory, v.CreatedAfter, v.Audit.Changed, after, changed)
		}
	}
}

// createdLater makes a case of source rows that are created some time after they
// happen, or nobody knows when, and a spine.
func createdLater(t *testing.T, rows, spine int) *offlinetest.Case {
	t.Helper()
	c := parse(t, `
source s
  k int64 | at event | made created | v int64
  1 | 10:00 | 10:00 | 1
view s
  keys k
  ttl 25s
  delay 2s
  features v, made
join
  k int64 | at event => s__v | s__made
  1 | 10:01 => 1 | 10:00
`)
	r := rand.New(rand.NewPCG(uint64(rows), 3))
	f := &c.Sources[0].Files[0]
	*f = offlinetest.File{Name: f.Name, Columns: rowsOf(f.Columns, func(int) bool { return false }), Groups: []int{rows / 3, rows - rows/3}}
	for range rows {
		at := int64(r.IntN(60)) * int64(feature.Second)
		f.Columns[0].Values.AppendInt64(int64(r.IntN(20)))
		f.Columns[1].Values.AppendInt64(at)
		if r.IntN(8) == 0 {
			f.Columns[2].Values.AppendNull()
		} else {
			f.Columns[2].Values.AppendInt64(at + int64(r.IntN(12))*int64(feature.Second))
		}
		f.Columns[3].Values.AppendInt64(int64(r.IntN(9)))
	}
	c.Spine = rowsOf(c.Spine, func(int) bool { return false })
	for range spine {
		c.Spine[0].Values.AppendInt64(int64(r.IntN(22)))
		c.Spine[1].Values.AppendInt64(int64(r.IntN(70)) * int64(feature.Second))
	}
	return c
}

// createdBy gives a case of one spine row and the source rows that were created by its
// time, or nobody knows when.
func createdBy(c *offlinetest.Case, row int, at feature.Time) *offlinetest.Case {
	one := *c
	one.Spine = rowsOf(c.Spine, func(i int) bool { return i == row })
	f := c.Sources[0].Files[0]
	made := f.Columns[2].Values
	f.Columns = rowsOf(f.Columns, func(i int) bool { return made.IsNull(i) || feature.Time(made.Int64s[i]) <= at })
	f.Groups = []int{f.Rows()}
	source := c.Sources[0]
	source.Files = []offlinetest.File{f}
	one.Sources = []offlinetest.Source{source}
	return &one
}

// rowsOf gives columns with some of their rows.
func rowsOf(columns []offlinetest.Column, wanted func(int) bool) []offlinetest.Column {
	var out []offlinetest.Column
	for _, c := range columns {
		some := offlinetest.Column{Name: c.Name, Nanos: c.Nanos, Values: feature.NewColumn(c.Values.Type, 0)}
		for i := range c.Values.Len() {
			if wanted(i) {
				some.Values.AppendFrom(c.Values, i)
			}
		}
		out = append(out, some)
	}
	return out
}
