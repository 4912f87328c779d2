package expression

import "github.com/quiver-features/quiver/feature"

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
	for i, ok := range valid {
		if !ok {
			v.touch()[i] = null
		}
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

// store appends n rows to a column of the vector's type. Nulls get a zero value.
func (v *vector) store(c *feature.Column, n int) {
	if v.state == nil && v.lane != listLane && v.lane != textLane {
		v.storePlain(c, n)
		return
	}
	for i := range n {
		if v.stateAt(i) != present {
			c.AppendNull()
			continue
		}
		v.storeValue(c, i)
	}
}

// storePlain appends rows without nulls at once.
func (v *vector) storePlain(c *feature.Column, n int) {
	if c.Valid != nil {
		for range n {
			c.Valid = append(c.Valid, true)
		}
	}
	switch c.Type.Kind {
	case feature.Bool:
		c.Bools = append(c.Bools, v.bools[:n]...)
	case feature.Int32, feature.Date:
		for _, x := range v.ints[:n] {
			c.Int32s = append(c.Int32s, int32(x))
		}
	case feature.Int64, feature.Timestamp:
		c.Int64s = append(c.Int64s, v.ints[:n]...)
	case feature.Float32:
		for _, x := range v.floats[:n] {
			c.Float32s = append(c.Float32s, float32(x))
		}
	case feature.Float64:
		c.Float64s = append(c.Float64s, v.floats[:n]...)
	}
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
