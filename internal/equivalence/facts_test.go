package equivalence_test

import (
	"fmt"
	"math/big"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

// fact is one source row as a view reads it: its place in the files and its
// times. Times are kept as whole numbers without an end, and nothing of the rule
// in package feature is used, so that what is expected is derived a second time.
type fact struct {
	file, row        int
	key              string // of all join keys by value
	complete         bool   // T3
	event, available *big.Int
	visible          *big.Int // from when on
	counts           []bool   // per feature of the view: an aggregate counts the row
}

// factsOf reads the rows of a view out of a source.
func factsOf(v *feature.ViewVersion, s *offlinetest.Source) []fact {
	s = derived(v, s)
	var facts []fact
	for n := range s.Files {
		f := &s.Files[n]
		for row := range f.Rows() {
			a := fact{file: n, row: row, complete: true}
			keys := make([]*offlinetest.Column, len(v.KeyColumns))
			for i, name := range v.KeyColumns {
				keys[i] = columnOf(f.Columns, name)
			}
			a.key, a.complete = keyOf(keys, row)
			if a.event = micros(columnOf(f.Columns, v.Table.Event), row, false); a.event == nil {
				a.complete = false
			}
			if v.Table.Available != "" {
				if a.available = micros(columnOf(f.Columns, v.Table.Available), row, true); a.available == nil {
					a.complete = false
				}
			}
			if a.complete {
				a.visible = clamp(new(big.Int).Add(a.event, big.NewInt(int64(v.Rule.Delay))))
				if a.available != nil && a.available.Cmp(a.visible) > 0 {
					a.visible = a.available
				}
			}
			for i := range v.Features {
				a.counts = append(a.counts, counts(v.Features[i].Aggregate, f.Columns, row))
			}
			facts = append(facts, a)
		}
	}
	return facts
}

// derived gives a source as a view reads it, with what is computed of its rows.
func derived(v *feature.ViewVersion, s *offlinetest.Source) *offlinetest.Source {
	out, err := offlinetest.WithDerived(s, &v.Table)
	if err != nil {
		panic(err) // the case's own expressions
	}
	return out
}

// counts tells whether an aggregate counts a row: its condition holds, and the value is
// not null.
func counts(a *feature.Aggregate, columns []offlinetest.Column, row int) bool {
	if a == nil {
		return false
	}
	if a.Where != "" && columnOf(columns, a.Where).Values.Any(row) != true {
		return false
	}
	return a.Column == "" || !columnOf(columns, a.Column).Values.IsNull(row)
}

func columnOf(columns []offlinetest.Column, name string) *offlinetest.Column {
	for i := range columns {
		if columns[i].Name == name {
			return &columns[i]
		}
	}
	panic("equivalence: no column " + name)
}

// keyOf writes the join keys of a row so that equal keys have equal texts: integers
// of any width by value. ok is false where one is null.
func keyOf(columns []*offlinetest.Column, row int) (key string, ok bool) {
	for _, c := range columns {
		if c.Values.IsNull(row) {
			return "", false
		}
		if c.Values.Type == feature.Scalar(feature.Timestamp) {
			key += micros(c, row, false).String() + ","
			continue
		}
		switch v := c.Values.Any(row).(type) {
		case string:
			key += fmt.Sprintf("%q,", v)
		case []byte:
			key += fmt.Sprintf("%x,", v)
		default:
			key += fmt.Sprintf("%v,", v)
		}
	}
	return key, true
}

// micros gives a time in microseconds, or nil for null; what is finer is floored,
// or rounded up.
func micros(c *offlinetest.Column, row int, up bool) *big.Int {
	if c.Values.IsNull(row) {
		return nil
	}
	n := big.NewInt(c.Values.Int64s[row])
	if !c.Nanos {
		return n
	}
	if up {
		n.Add(n, big.NewInt(999))
	}
	return n.Div(n, big.NewInt(1000)) // Euclidean: downwards for a positive divisor
}

func clamp(n *big.Int) *big.Int {
	if least := big.NewInt(int64(feature.MinTime)); n.Cmp(least) < 0 {
		return least
	}
	if most := big.NewInt(int64(feature.MaxTime)); n.Cmp(most) > 0 {
		return most
	}
	return n
}

// until gives a source without the rows that a view did not know at a watermark.
func until(v *feature.ViewVersion, s *offlinetest.Source, watermark feature.Time) offlinetest.Source {
	known := make([][]int, len(s.Files))
	for _, f := range factsOf(v, s) {
		if f.complete && f.visible.Cmp(big.NewInt(int64(watermark))) <= 0 {
			known[f.file] = append(known[f.file], f.row)
		}
	}
	out := *s
	out.Files = nil
	for i, f := range s.Files {
		out.Files = append(out.Files, rowsOf(f, known[i]))
	}
	return out
}

// rowsOf gives a file with only some of its rows, in one row group.
func rowsOf(f offlinetest.File, rows []int) offlinetest.File {
	out := offlinetest.File{Name: f.Name, Groups: []int{len(rows)}}
	for _, c := range f.Columns {
		values := feature.NewColumn(c.Values.Type, len(rows))
		for _, row := range rows {
			values.AppendFrom(c.Values, row)
		}
		out.Columns = append(out.Columns, offlinetest.Column{Name: c.Name, Nanos: c.Nanos, Values: values})
	}
	return out
}
