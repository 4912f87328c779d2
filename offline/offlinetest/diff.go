package offlinetest

import (
	"fmt"
	"math"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// Diff compares two answers to a case value by value and gives an empty text
// where they are equal, else a table of the spine rows that differ. Floats are
// equal where their bits are: -0 is not 0.
func Diff(c *Case, got, want []*feature.Column) string {
	return diff(c, got, want, sameBits)
}

func diff(c *Case, got, want []*feature.Column, same func(a, b any) bool) string {
	if err := c.check(got); err != nil {
		return err.Error() + "\n"
	}
	head := []string{"spine row"}
	for _, s := range c.Spine {
		head = append(head, s.Name)
	}
	for _, o := range c.Selection.Outputs {
		head = append(head, o.Name+": got", "want")
	}
	table := [][]string{head}
	for row := range c.Rows() {
		line, differs := []string{fmt.Sprint(row + 1)}, false
		line = append(line, rowText(c.Spine, row)...)
		for i, o := range c.Selection.Outputs {
			if sameAs(c.Selection.Field(o), same)(got[i].Any(row), want[i].Any(row)) {
				line = append(line, text(got[i], row, false), "")
				continue
			}
			differs = true
			line = append(line, "! "+text(got[i], row, false), "! "+text(want[i], row, false))
		}
		if differs {
			table = append(table, line)
		}
	}
	if len(table) == 1 {
		return ""
	}
	var b strings.Builder
	writeTable(&b, table)
	return b.String()
}

// sameAs tells how values of a feature are compared: those of aggregates have one NaN,
// those of expressions any, and a quantile may be as far from the truth as its bound of error says.
func sameAs(f *feature.Field, same func(a, b any) bool) func(a, b any) bool {
	switch {
	case f.IsDerived():
		return sameValue
	case f.Aggregate == nil:
		return same
	case f.Aggregate.Function == feature.Quantile:
		return within(1.0 / 101)
	default:
		return sameValue
	}
}

// within tells whether got is want, or no further from it than a share of it.
func within(share float64) func(got, want any) bool {
	return func(got, want any) bool {
		g, ok := got.(float64)
		w, both := want.(float64)
		if !ok || !both || math.IsNaN(w) || math.IsInf(w, 0) || w == 0 {
			return sameValue(got, want)
		}
		return math.Abs(g-w) <= math.Abs(w)*share*(1+1e-12)+math.SmallestNonzeroFloat64
	}
}

// sameBits tells whether two boxed values are the same, floats by their bits.
func sameBits(a, b any) bool {
	x, isList := a.([]any)
	y, both := b.([]any)
	if !isList || !both {
		return a == nil && b == nil || a != nil && b != nil && !isList && !both && compareValues(a, b) == 0
	}
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if !sameBits(x[i], y[i]) {
			return false
		}
	}
	return true
}

// sameValue is sameBits but for NaN, which are all the same.
func sameValue(a, b any) bool {
	x, isList := a.([]any)
	y, both := b.([]any)
	if isList && both && len(x) == len(y) {
		for i := range x {
			if !sameValue(x[i], y[i]) {
				return false
			}
		}
		return true
	}
	return isNaN(a) && isNaN(b) || sameBits(a, b)
}

func isNaN(v any) bool {
	switch v := v.(type) {
	case float32:
		return math.IsNaN(float64(v))
	case float64:
		return math.IsNaN(v)
	default:
		return false
	}
}
