package expression

import (
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// load makes the vector rows from to from+n of a column, or n times its one value.
// What has the lane's width is shared, not copied.
func (v *vector) load(c *feature.Column, from, n, rows int) {
	v.n, v.state = n, nil
	if c.Len() != rows {
		v.loadOne(c, n)
		return
	}
	if c.Valid != nil {
		v.loadStates(c.Valid[from : from+n])
	}
	switch v.lane {
	case boolLane:
		v.bools = c.Bools[from : from+n]
	case intLane:
		v.loadInts(c, from, n)
	case floatLane:
		v.loadFloats(c, from, n)
	case textLane:
		v.texts = sized(v.texts, n)
		for i := range v.texts {
			v.texts[i] = c.Bytes(from + i)
		}
	case listLane:
		v.loadLists(c, from, n)
	}
}

func (v *vector) loadStates(valid []bool) {
	if !slices.Contains(valid, false) {
		return
	}
	states := v.touch()
	for i, ok := range valid {
		s := null
		if ok {
			s = present
		}
		states[i] = s
	}
}

func (v *vector) loadInts(c *feature.Column, from, n int) {
	if k := c.Type.Kind; k == feature.Int64 || k == feature.Timestamp {
		v.ints = c.Int64s[from : from+n]
		return
	}
	v.ints = sized(v.ints, n)
	for i, x := range c.Int32s[from : from+n] {
		v.ints[i] = int64(x)
	}
}

func (v *vector) loadFloats(c *feature.Column, from, n int) {
	if c.Type.Kind == feature.Float64 {
		v.floats = c.Float64s[from : from+n]
		return
	}
	v.floats = sized(v.floats, n)
	for i, x := range c.Float32s[from : from+n] {
		v.floats[i] = float64(x)
	}
}

func (v *vector) loadLists(c *feature.Column, from, n int) {
	first, last := int(c.Offsets[from]), int(c.Offsets[from+n])
	v.items.load(c.Items, first, last-first, c.Items.Len())
	v.starts, v.ends = sized(v.starts, n), sized(v.ends, n)
	for i := range n {
		v.starts[i], v.ends[i] = int(c.Offsets[from+i])-first, int(c.Offsets[from+i+1])-first
	}
}

// loadOne repeats the single value of a column, in memory of its own: that of an
// earlier load may be a column's.
func (v *vector) loadOne(c *feature.Column, n int) {
	if v.single == nil {
		v.single, v.repeats = &vector{lane: v.lane, items: v.items}, &vector{lane: v.lane}
	}
	v.single.load(c, 0, 1, 1)
	r := v.repeats
	r.n, r.state, r.bools, r.ints, r.floats = 0, nil, r.bools[:0], r.ints[:0], r.floats[:0]
	r.texts, r.starts, r.ends = r.texts[:0], r.starts[:0], r.ends[:0]
	r.repeat(v.single, n)
	v.bools, v.ints, v.floats, v.texts, v.starts, v.ends, v.state = r.bools, r.ints, r.floats, r.texts, r.starts, r.ends, r.state
}

// store appends n rows to a column of the vector's type; room is for how many rows
// more there will be. Nulls get a zero value.
func (v *vector) store(c *feature.Column, n, room int) {
	if v.lane == listLane || v.lane == textLane {
		for i := range n {
			if v.stateAt(i) != present {
				c.AppendNull()
				continue
			}
			v.storeValue(c, i)
		}
		return
	}
	v.storeStates(c, n, room)
	switch c.Type.Kind {
	case feature.Bool:
		c.Bools = storeAll(c.Bools, v.bools[:n], v.state)
	case feature.Int32, feature.Date:
		c.Int32s = storeNarrow(c.Int32s, v.ints[:n], v.state)
	case feature.Int64, feature.Timestamp:
		c.Int64s = storeAll(c.Int64s, v.ints[:n], v.state)
	case feature.Float32:
		c.Float32s = storeNarrow(c.Float32s, v.floats[:n], v.state)
	case feature.Float64:
		c.Float64s = storeAll(c.Float64s, v.floats[:n], v.state)
	}
}

// storeStates appends to Valid, which a column has from its first null on.
func (v *vector) storeStates(c *feature.Column, n, room int) {
	if c.Valid == nil {
		if v.state == nil {
			return
		}
		c.MakeValid(room)
	}
	for _, s := range v.known()[:n] {
		c.Valid = append(c.Valid, s == present)
	}
}

func storeAll[T any](dst, values []T, states []state) []T {
	from := len(dst)
	dst = append(dst, values...)
	if states == nil {
		return dst
	}
	var zero T
	for i, s := range states[:len(values)] {
		if s != present {
			dst[from+i] = zero
		}
	}
	return dst
}

func storeNarrow[T int32 | float32, V int64 | float64](dst []T, values []V, states []state) []T {
	for i, x := range values {
		if states != nil && states[i] != present {
			x = 0
		}
		dst = append(dst, T(x))
	}
	return dst
}

func (v *vector) storeValue(c *feature.Column, i int) {
	if c.Type.List {
		for k := v.starts[i]; k < v.ends[i]; k++ {
			if v.items.stateAt(k) != present {
				c.Items.AppendNull()
				continue
			}
			v.items.storeValue(c.Items, k)
		}
		c.EndList()
		return
	}
	switch c.Type.Kind {
	case feature.Bool:
		c.AppendBool(v.bools[i])
	case feature.Int32, feature.Date:
		c.AppendInt32(int32(v.ints[i]))
	case feature.Int64, feature.Timestamp:
		c.AppendInt64(v.ints[i])
	case feature.Float32:
		c.AppendFloat32(float32(v.floats[i]))
	case feature.Float64:
		c.AppendFloat64(v.floats[i])
	case feature.String, feature.Bytes:
		c.AppendBytes(v.texts[i])
	}
}
