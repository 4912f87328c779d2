package equivalence_test

import (
	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

// everyKey gives the case as the last runs read it, with a spine that asks at the
// clock's time for every key that any file has or will have, for keys that none
// has, and for nulls.
func (l *life) everyKey() *offlinetest.Case {
	c := *l.read
	c.Spine, c.Want = nil, nil
	for _, s := range l.whole().Spine {
		c.Spine = append(c.Spine, offlinetest.Column{Name: s.Name, Values: feature.NewColumn(s.Values.Type, 0)})
	}
	for _, use := range c.Selection.Uses {
		source := derived(use.View, l.whole().Source(use.View.Table.Source))
		seen := map[string]bool{}
		for n := range source.Files {
			f := &source.Files[n]
			columns := make([]*offlinetest.Column, len(use.View.KeyColumns))
			for i, name := range use.View.KeyColumns {
				columns[i] = columnOf(f.Columns, name)
			}
			for row := range f.Rows() {
				if key, ok := keyOf(columns, row); ok && !seen[key] {
					seen[key] = true
					l.addRow(&c, use.Keys, columns, row)
				}
			}
		}
	}
	for range 4 {
		l.addRow(&c, nil, nil, 0)
	}
	return &c
}

func (l *life) whole() *offlinetest.Case { return l.landing.whole }

// addRow adds a spine row with the given keys and, where there is none, values of
// the case's own spine (which are those of other keys), new ones, or nulls.
func (l *life) addRow(c *offlinetest.Case, names []string, columns []*offlinetest.Column, row int) {
	given := map[string]any{}
	for i, name := range names {
		if columns[i].Values.Type == feature.Scalar(feature.Timestamp) {
			given[name] = feature.Time(micros(columns[i], row, false).Int64())
		} else {
			given[name] = columns[i].Values.Any(row)
		}
	}
	for i := range c.Spine {
		column := c.Spine[i].Values
		v, ok := given[c.Spine[i].Name]
		switch {
		case i == c.Time:
			v = l.clock()
		case !ok:
			v = l.other(&l.whole().Spine[i])
		}
		if column.AppendAny(v) != nil {
			column.AppendNull() // a computed key that the spine's narrower column can't hold
		}
	}
}

// other gives a value for a key column out of nothing.
func (l *life) other(c *offlinetest.Column) any {
	n := c.Values.Len()
	if n > 0 && l.r.IntN(3) > 0 {
		row := l.r.IntN(n)
		if c.Nanos && !c.Values.IsNull(row) {
			return feature.Time(micros(c, row, false).Int64())
		}
		return c.Values.Any(row)
	}
	if l.r.IntN(4) == 0 {
		return nil
	}
	some := l.r.Int64N(1000) + 1000
	switch c.Values.Type.Kind {
	case feature.String:
		return "unknown }\x00"
	case feature.Bytes:
		return []byte("unknown \xff")
	case feature.Bool:
		return some%2 == 0
	case feature.Date:
		return feature.CalendarDay(some)
	case feature.Timestamp:
		return feature.Time(some)
	case feature.Float64:
		return float64(some) / 7
	default:
		return some
	}
}
