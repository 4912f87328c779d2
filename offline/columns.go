package offline

import (
	"fmt"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// none is the number of the winner of a row without one.
const none = ^uint32(0)

// appendColumn appends all values of a column of text, bytes or lists.
func appendColumn(dst, src *feature.Column) {
	n, had := src.Len(), dst.Len()
	if src.Valid != nil || dst.Valid != nil {
		dst.Valid = appendValid(padValid(dst.Valid, had), src.Valid, n)
	}
	from, to := src.Offsets[0], src.Offsets[n]
	shift := dst.Offsets[had] - from
	for _, o := range src.Offsets[1:] {
		dst.Offsets = append(dst.Offsets, o+shift)
	}
	if dst.Items == nil {
		dst.Data = append(dst.Data, src.Data[from:to]...)
		return
	}
	appendItems(dst.Items, src.Items, int(from), int(to))
}

// together puts the parts of a column of texts or lists behind one another, and forgets each
// of them on the way: nil ones have no values.
func together(t feature.Type, parts []*feature.Column) *feature.Column {
	whole := feature.NewColumn(t, 0)
	reserve(whole, parts)
	for i, part := range parts {
		if part != nil {
			appendColumn(whole, part)
		}
		parts[i] = nil
	}
	return whole
}

// reserve makes room for parts, so that what stands there is not copied as it grows.
func reserve(dst *feature.Column, parts []*feature.Column) {
	n, data := 0, 0
	var items []*feature.Column
	for _, part := range parts {
		if part == nil {
			continue
		}
		n, data = n+part.Len(), data+len(part.Data)
		items = append(items, part.Items)
	}
	if dst.Items != nil {
		reserve(dst.Items, items)
	}
	switch {
	case dst.Offsets != nil:
		dst.Offsets, dst.Data = slices.Grow(dst.Offsets, n), slices.Grow(dst.Data, data)
	case dst.Bools != nil:
		dst.Bools = slices.Grow(dst.Bools, n)
	case dst.Int32s != nil:
		dst.Int32s = slices.Grow(dst.Int32s, n)
	case dst.Int64s != nil:
		dst.Int64s = slices.Grow(dst.Int64s, n)
	case dst.Float32s != nil:
		dst.Float32s = slices.Grow(dst.Float32s, n)
	case dst.Float64s != nil:
		dst.Float64s = slices.Grow(dst.Float64s, n)
	}
}

// appendValues appends all values of a column of the same type.
func appendValues(dst, src *feature.Column) {
	if dst.Offsets != nil {
		appendColumn(dst, src)
		return
	}
	appendItems(dst, src, 0, src.Len())
}

// appendItems appends the items from and to of a list column's items.
func appendItems(dst, src *feature.Column, from, to int) {
	if dst.Offsets != nil {
		appendColumn(dst, slice(src, from, to))
		return
	}
	had := dst.Len()
	if src.Valid != nil || dst.Valid != nil {
		var valid []bool
		if src.Valid != nil {
			valid = src.Valid[from:to]
		}
		dst.Valid = appendValid(padValid(dst.Valid, had), valid, to-from)
	}
	switch dst.Type.Kind {
	case feature.Bool:
		dst.Bools = append(dst.Bools, src.Bools[from:to]...)
	case feature.Int32, feature.Date:
		dst.Int32s = append(dst.Int32s, src.Int32s[from:to]...)
	case feature.Int64, feature.Timestamp:
		dst.Int64s = append(dst.Int64s, src.Int64s[from:to]...)
	case feature.Float32:
		dst.Float32s = append(dst.Float32s, src.Float32s[from:to]...)
	default:
		dst.Float64s = append(dst.Float64s, src.Float64s[from:to]...)
	}
}

// padValid writes out the validity of n values of which nil said that none is
// null.
func padValid(valid []bool, n int) []bool {
	if valid != nil {
		return valid
	}
	return appendValid(make([]bool, 0, n), nil, n)
}

func appendValid(dst, src []bool, n int) []bool {
	if src != nil {
		return append(dst, src...)
	}
	for range n {
		dst = append(dst, true)
	}
	return dst
}

// slice shows the values from and to of a column. It shares the column's memory;
// its offsets need not begin at zero.
func slice(c *feature.Column, from, to int) *feature.Column {
	s := &feature.Column{Type: c.Type, Data: c.Data, Items: c.Items}
	if c.Valid != nil {
		s.Valid = c.Valid[from:to:to]
	}
	switch {
	case c.Offsets != nil:
		s.Offsets = c.Offsets[from : to+1 : to+1]
	case c.Type.Kind == feature.Bool:
		s.Bools = c.Bools[from:to:to]
	case c.Type.Kind == feature.Int32 || c.Type.Kind == feature.Date:
		s.Int32s = c.Int32s[from:to:to]
	case c.Type.Kind == feature.Int64 || c.Type.Kind == feature.Timestamp:
		s.Int64s = c.Int64s[from:to:to]
	case c.Type.Kind == feature.Float32:
		s.Float32s = c.Float32s[from:to:to]
	default:
		s.Float64s = c.Float64s[from:to:to]
	}
	return s
}

// nulls makes a column of n nulls, whose values can be written to their places where
// they have a fixed width.
func nulls(t feature.Type, n int) *feature.Column {
	c := newGatherSink(t, n, 0).whole
	if c.Offsets != nil {
		return feature.NullColumn(t, n)
	}
	return c
}

// filled gives a column with a value, as text, in place of nulls; the same one where
// values have a fixed width.
func filled(c *feature.Column, text string) (*feature.Column, error) {
	one := feature.NewColumn(c.Type, 1)
	if err := one.AppendText(text); err != nil {
		return nil, fmt.Errorf("default: %w", err)
	}
	if c.Offsets != nil {
		out := feature.NewColumn(c.Type, c.Len())
		for i := range c.Len() {
			if c.IsNull(i) {
				out.AppendFrom(one, 0)
			} else {
				out.AppendFrom(c, i)
			}
		}
		return out, nil
	}
	for i, valid := range c.Valid {
		if !valid {
			c.Valid[i] = true
			switch c.Type.Kind {
			case feature.Bool:
				c.Bools[i] = one.Bools[0]
			case feature.Int32, feature.Date:
				c.Int32s[i] = one.Int32s[0]
			case feature.Int64, feature.Timestamp:
				c.Int64s[i] = one.Int64s[0]
			case feature.Float32:
				c.Float32s[i] = one.Float32s[0]
			case feature.Float64:
				c.Float64s[i] = one.Float64s[0]
			}
		}
	}
	return c, nil
}

// appendRows appends the values at some places of a column.
func appendRows(dst, src *feature.Column, rows []int32) {
	if dst.Offsets != nil {
		for _, i := range rows {
			dst.AppendFrom(src, int(i))
		}
		return
	}
	if src.Valid != nil || dst.Valid != nil {
		dst.Valid = padValid(dst.Valid, dst.Len())
		for _, i := range rows {
			dst.Valid = append(dst.Valid, !src.IsNull(int(i)))
		}
	}
	switch dst.Type.Kind {
	case feature.Bool:
		dst.Bools = appendFixed(dst.Bools, src.Bools, rows)
	case feature.Int32, feature.Date:
		dst.Int32s = appendFixed(dst.Int32s, src.Int32s, rows)
	case feature.Int64, feature.Timestamp:
		dst.Int64s = appendFixed(dst.Int64s, src.Int64s, rows)
	case feature.Float32:
		dst.Float32s = appendFixed(dst.Float32s, src.Float32s, rows)
	default:
		dst.Float64s = appendFixed(dst.Float64s, src.Float64s, rows)
	}
}

func appendFixed[T any](dst, src []T, rows []int32) []T {
	for _, i := range rows {
		dst = append(dst, src[i])
	}
	return dst
}

// take makes a column of the values with the given numbers, null for none, and
// counts the nulls.
func take(src *feature.Column, numbers []uint32) (*feature.Column, int) {
	dst := feature.NewColumn(src.Type, len(numbers))
	valid, nulls := takeValid(src, numbers)
	if nulls > 0 {
		dst.Valid = valid
	}
	switch {
	case src.Type.List:
		takeLists(dst, src, numbers, valid)
	case src.Offsets != nil:
		takeBytes(dst, src, numbers, valid)
	case src.Type.Kind == feature.Bool:
		dst.Bools = takeFixed(dst.Bools, src.Bools, numbers)
	case src.Type.Kind == feature.Int32 || src.Type.Kind == feature.Date:
		dst.Int32s = takeFixed(dst.Int32s, src.Int32s, numbers)
	case src.Type.Kind == feature.Int64 || src.Type.Kind == feature.Timestamp:
		dst.Int64s = takeFixed(dst.Int64s, src.Int64s, numbers)
	case src.Type.Kind == feature.Float32:
		dst.Float32s = takeFixed(dst.Float32s, src.Float32s, numbers)
	default:
		dst.Float64s = takeFixed(dst.Float64s, src.Float64s, numbers)
	}
	return dst, nulls
}

// takeValid tells which numbers are of a value, and counts the others. Where values are null follows no pattern, so
// nothing branches on it.
func takeValid(src *feature.Column, numbers []uint32) (valid []bool, nulls int) {
	valid = make([]bool, len(numbers))
	if src.Valid == nil {
		for i, n := range numbers {
			valid[i] = n != none
		}
	} else {
		takeFixed(valid, src.Valid, numbers)
	}
	for _, ok := range valid {
		if !ok {
			nulls++
		}
	}
	return valid, nulls
}

func takeFixed[T any](dst, src []T, numbers []uint32) []T {
	dst = dst[:len(numbers)]
	for i, n := range numbers {
		if int64(n) < int64(len(src)) { // none is beyond
			dst[i] = src[n]
		}
	}
	return dst
}

func takeBytes(dst, src *feature.Column, numbers []uint32, valid []bool) {
	size := int64(0)
	for i, n := range numbers {
		if valid[i] {
			size += src.Offsets[n+1] - src.Offsets[n]
		}
	}
	dst.Data = make([]byte, 0, size)
	for i, n := range numbers {
		if valid[i] {
			dst.Data = append(dst.Data, src.Data[src.Offsets[n]:src.Offsets[n+1]]...)
		}
		dst.Offsets = append(dst.Offsets, int64(len(dst.Data)))
	}
}

func takeLists(dst, src *feature.Column, numbers []uint32, valid []bool) {
	for i, n := range numbers {
		if valid[i] {
			appendItems(dst.Items, src.Items, int(src.Offsets[n]), int(src.Offsets[n+1]))
		}
		dst.Offsets = append(dst.Offsets, int64(dst.Items.Len()))
	}
}
