package equivalence_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

// compare asks for every key, and compares values with those of the oracle and of training,
// and statuses with what the rows tell.
func (l *life) compare(ctx context.Context) error {
	c := l.everyKey()
	rows := make([]int, c.Rows())
	for i := range rows {
		rows[i] = i
	}
	values, statuses, err := l.answers(ctx, c, rows)
	if err != nil {
		return err
	}
	e, err := l.expect(ctx, c)
	if err != nil {
		return err
	}
	blank := make([][]bool, len(values)) // cells that say nothing, or whose value can't be known
	for i, o := range c.Selection.Outputs {
		blank[i] = make([]bool, c.Rows())
		for row := range rows {
			if e.skips(o, row) {
				blank[i][row] = true
				continue
			}
			may := e.statuses(o, row)
			if !slices.Contains(may, statuses[i][row]) {
				return fmt.Errorf("%s in row %d at %s with the watermarks %v: the status is %s, want %v\n%s",
					o.Name, row+1, l.clock(), l.marks, statuses[i][row], may, rowText(c, row))
			}
			blank[i][row] = statuses[i][row] == feature.StatusUnavailable // and the value is null, as answers has checked
		}
	}
	differ := func(with string, want []*feature.Column) error {
		if d := offlinetest.Diff(c, blanked(values, blank), blanked(want, blank)); d != "" {
			return fmt.Errorf("served at %s with the watermarks %v, and %s:\n%s", l.clock(), l.marks, with, d)
		}
		return nil
	}
	want := make([]*feature.Column, len(values))
	for i, o := range c.Selection.Outputs {
		want[i] = e.values[e.at[place{o.Use, o.Feature}]]
	}
	if err := differ("the oracle", want); err != nil {
		return err
	}
	trained := e.known // later than the watermark, over what the views knew
	if l.isFresh() {
		trained = c
	}
	want, err = l.native.Join(ctx, trained)
	if err != nil {
		return err
	}
	return differ("training at that time", want)
}

// isFresh tells whether all watermarks are at the clock's time.
func (l *life) isFresh() bool {
	for _, mark := range l.marks {
		if mark != l.clock() {
			return false
		}
	}
	return true
}

// blanked gives columns with nulls in some cells.
func blanked(columns []*feature.Column, blank [][]bool) []*feature.Column {
	out := make([]*feature.Column, len(columns))
	for i, c := range columns {
		out[i] = feature.NewColumn(c.Type, c.Len())
		for row := range c.Len() {
			if blank[i][row] {
				out[i].AppendNull()
			} else {
				out[i].AppendFrom(c, row)
			}
		}
	}
	return out
}

func rowText(c *offlinetest.Case, row int) string {
	text := ""
	for _, s := range c.Spine {
		text += fmt.Sprintf("%s=%v ", s.Name, s.Values.Any(row))
	}
	return text
}
