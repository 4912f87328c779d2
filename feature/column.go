package feature

import (
	"fmt"
	"math"
	"slices"
)

// Column is a typed vector of values with nulls: the unit in which values move
// between packages. Exactly one of the value slices is in use, as the comment
// beside it says; a null holds a zero value there. Lists are one level deep.
//
// A Column owns its slices. It is not safe for concurrent use while it is
// appended to; distinct positions may be written at once by several goroutines.
type Column struct {
	Type  Type
	Valid []bool // nil: no value is null
	spare []bool // memory of Valid, kept by Reset

	Bools    []bool    // Bool
	Int32s   []int32   // Int32; Date, in days since the epoch
	Int64s   []int64   // Int64; Timestamp, in microseconds since the epoch
	Float32s []float32 // Float32
	Float64s []float64 // Float64
	// Offsets has one entry more than there are values: value i is
	// Data[Offsets[i]:Offsets[i+1]] (String, Bytes) or the items from Offsets[i]
	// to Offsets[i+1] of Items (lists).
	Offsets []int64
	Data    []byte
	Items   *Column
}

// NewColumn makes an empty column with room for n values.
func NewColumn(t Type, n int) *Column {
	c := &Column{Type: t}
	if t.List {
		c.Offsets = make([]int64, 1, n+1)
		c.Items = NewColumn(t.Elem(), n*max(t.Length, 1))
		return c
	}
	switch t.Kind {
	case Bool:
		c.Bools = make([]bool, 0, n)
	case Int32, Date:
		c.Int32s = make([]int32, 0, n)
	case Int64, Timestamp:
		c.Int64s = make([]int64, 0, n)
	case Float32:
		c.Float32s = make([]float32, 0, n)
	case Float64:
		c.Float64s = make([]float64, 0, n)
	case String, Bytes:
		c.Offsets = make([]int64, 1, n+1)
	case Invalid:
		panic("feature: column without a type")
	}
	return c
}

// Size is how many bytes the values take, without what their memory has room for.
func (c *Column) Size() int64 {
	n := int64(len(c.Valid) + len(c.Bools) + 4*len(c.Int32s) + 8*len(c.Int64s) + 4*len(c.Float32s) + 8*len(c.Float64s) + len(c.Data) + 8*len(c.Offsets))
	if c.Items != nil {
		n += c.Items.Size()
	}
	return n
}

// Len is the number of values.
func (c *Column) Len() int {
	if c.Offsets != nil {
		return len(c.Offsets) - 1
	}
	switch c.Type.Kind {
	case Bool:
		return len(c.Bools)
	case Int32, Date:
		return len(c.Int32s)
	case Int64, Timestamp:
		return len(c.Int64s)
	case Float32:
		return len(c.Float32s)
	case Float64:
		return len(c.Float64s)
	default:
		return 0
	}
}

// Reset empties the column and keeps its memory, that of Valid too: what was read of the
// column before is overwritten.
func (c *Column) Reset() {
	if c.Valid != nil {
		c.spare, c.Valid = c.Valid, nil
	}
	c.Bools, c.Int32s, c.Int64s = c.Bools[:0], c.Int32s[:0], c.Int64s[:0]
	c.Float32s, c.Float64s = c.Float32s[:0], c.Float64s[:0]
	c.Data = c.Data[:0]
	if c.Offsets != nil {
		c.Offsets = append(c.Offsets[:0], 0)
	}
	if c.Items != nil {
		c.Items.Reset()
	}
}

// IsNull tells whether value i is null.
func (c *Column) IsNull(i int) bool { return c.Valid != nil && !c.Valid[i] }

// Bytes gives value i of a String or Bytes column; it aliases the column.
func (c *Column) Bytes(i int) []byte { return c.Data[c.Offsets[i]:c.Offsets[i+1]:c.Offsets[i+1]] }

// ItemBytes is what Varying counts for an item of a list, beside a text's bytes.
const ItemBytes = 8

// Varying gives the bytes by which the size of a column depends on its values: those of
// texts and of lists' items, 0 for other types.
func (c *Column) Varying() int {
	if c.Items != nil {
		return ItemBytes*c.Items.Len() + len(c.Items.Data)
	}
	return len(c.Data)
}

// markValid keeps Valid in step when a value is appended as the n-th.
func (c *Column) markValid(n int, valid bool) {
	if c.Valid == nil {
		if valid {
			return
		}
		c.MakeValid(n/2 + 16)
	}
	c.Valid = append(c.Valid, valid)
}

// MakeValid writes out what a Valid of nil says, with room for so many values more. It does
// nothing where Valid is there.
func (c *Column) MakeValid(room int) {
	if c.Valid != nil {
		return
	}
	n := c.Len()
	c.Valid = slices.Grow(c.spare[:0], n+room)[:n]
	for i := range c.Valid {
		c.Valid[i] = true
	}
}

// AppendNull appends a null.
func (c *Column) AppendNull() {
	c.markValid(c.Len(), false)
	if c.Offsets != nil {
		c.Offsets = append(c.Offsets, c.Offsets[len(c.Offsets)-1])
		return
	}
	switch c.Type.Kind {
	case Bool:
		c.Bools = append(c.Bools, false)
	case Int32, Date:
		c.Int32s = append(c.Int32s, 0)
	case Int64, Timestamp:
		c.Int64s = append(c.Int64s, 0)
	case Float32:
		c.Float32s = append(c.Float32s, 0)
	case Float64:
		c.Float64s = append(c.Float64s, 0)
	}
}

// AppendBool appends to a Bool column.
func (c *Column) AppendBool(v bool) {
	c.markValid(len(c.Bools), true)
	c.Bools = append(c.Bools, v)
}

// AppendInt32 appends to an Int32 or Date column.
func (c *Column) AppendInt32(v int32) {
	c.markValid(len(c.Int32s), true)
	c.Int32s = append(c.Int32s, v)
}

// AppendInt64 appends to an Int64 or Timestamp column.
func (c *Column) AppendInt64(v int64) {
	c.markValid(len(c.Int64s), true)
	c.Int64s = append(c.Int64s, v)
}

// AppendFloat32 appends to a Float32 column.
func (c *Column) AppendFloat32(v float32) {
	c.markValid(len(c.Float32s), true)
	c.Float32s = append(c.Float32s, v)
}

// AppendFloat64 appends to a Float64 column.
func (c *Column) AppendFloat64(v float64) {
	c.markValid(len(c.Float64s), true)
	c.Float64s = append(c.Float64s, v)
}

// AppendBytes appends a copy of v to a String or Bytes column.
func (c *Column) AppendBytes(v []byte) {
	c.markValid(len(c.Offsets)-1, true)
	c.Data = append(c.Data, v...)
	c.Offsets = append(c.Offsets, int64(len(c.Data)))
}

// AppendString appends to a String or Bytes column.
func (c *Column) AppendString(v string) {
	c.markValid(len(c.Offsets)-1, true)
	c.Data = append(c.Data, v...)
	c.Offsets = append(c.Offsets, int64(len(c.Data)))
}

// EndList ends a list: the items appended to Items since the list before it are
// its own.
func (c *Column) EndList() {
	c.markValid(len(c.Offsets)-1, true)
	c.Offsets = append(c.Offsets, int64(c.Items.Len()))
}

// AppendFrom appends value i of a column of the same type.
func (c *Column) AppendFrom(src *Column, i int) {
	if src.IsNull(i) {
		c.AppendNull()
		return
	}
	if c.Type.List {
		for j := src.Offsets[i]; j < src.Offsets[i+1]; j++ {
			c.Items.AppendFrom(src.Items, int(j))
		}
		c.EndList()
		return
	}
	switch c.Type.Kind {
	case Bool:
		c.AppendBool(src.Bools[i])
	case Int32, Date:
		c.AppendInt32(src.Int32s[i])
	case Int64, Timestamp:
		c.AppendInt64(src.Int64s[i])
	case Float32:
		c.AppendFloat32(src.Float32s[i])
	case Float64:
		c.AppendFloat64(src.Float64s[i])
	case String, Bytes:
		c.AppendBytes(src.Bytes(i))
	}
}

// NullColumn makes a column of n nulls.
func NullColumn(t Type, n int) *Column {
	c := NewColumn(t, n)
	for range n {
		c.AppendNull()
	}
	return c
}

// Any gives value i boxed, for slow paths (tables, messages, tests): nil, bool,
// int32, int64, float32, float64, string, []byte (a copy), CalendarDay (Date), Time, or
// []any for lists.
func (c *Column) Any(i int) any {
	if c.IsNull(i) {
		return nil
	}
	if c.Type.List {
		items := make([]any, 0, c.Offsets[i+1]-c.Offsets[i])
		for j := c.Offsets[i]; j < c.Offsets[i+1]; j++ {
			items = append(items, c.Items.Any(int(j)))
		}
		return items
	}
	switch c.Type.Kind {
	case Bool:
		return c.Bools[i]
	case Int32:
		return c.Int32s[i]
	case Date:
		return CalendarDay(c.Int32s[i])
	case Int64:
		return c.Int64s[i]
	case Timestamp:
		return Time(c.Int64s[i])
	case Float32:
		return c.Float32s[i]
	case Float64:
		return c.Float64s[i]
	case String:
		return string(c.Bytes(i))
	default:
		return append([]byte{}, c.Bytes(i)...)
	}
}

// AppendAny appends a boxed value, for slow paths: the types that Any gives, and
// int for the integer kinds. A value that does not fit is an error that wraps
// ErrInvalid, and nothing is appended.
func (c *Column) AppendAny(v any) error {
	switch v := v.(type) {
	case nil:
		c.AppendNull()
		return nil
	case []any:
		return c.appendList(v)
	case int:
		return c.AppendAny(int64(v))
	}
	if c.Type.List {
		return c.mismatch(v)
	}
	switch k := c.Type.Kind; v := v.(type) {
	case bool:
		if k == Bool {
			c.AppendBool(v)
			return nil
		}
	case int32:
		return c.AppendAny(int64(v))
	case int64:
		switch {
		case k == Int64 || k == Timestamp:
			c.AppendInt64(v)
			return nil
		case (k == Int32 || k == Date) && v >= math.MinInt32 && v <= math.MaxInt32:
			c.AppendInt32(int32(v))
			return nil
		}
	case CalendarDay:
		if k == Date {
			c.AppendInt32(int32(v))
			return nil
		}
	case Time:
		if k == Timestamp {
			c.AppendInt64(int64(v))
			return nil
		}
	case float32:
		switch k {
		case Float32:
			c.AppendFloat32(v)
			return nil
		case Float64:
			c.AppendFloat64(float64(v))
			return nil
		}
	case float64:
		if k == Float64 {
			c.AppendFloat64(v)
			return nil
		}
	case string:
		if k == String {
			c.AppendString(v)
			return nil
		}
	case []byte:
		if k == Bytes {
			c.AppendBytes(v)
			return nil
		}
	}
	return c.mismatch(v)
}

func (c *Column) appendList(items []any) error {
	if !c.Type.List || c.Type.Length > 0 && len(items) != c.Type.Length {
		return c.mismatch(items)
	}
	tail := NewColumn(c.Type.Elem(), len(items))
	for _, item := range items {
		if err := tail.AppendAny(item); err != nil {
			return err
		}
	}
	for i := range items {
		c.Items.AppendFrom(tail, i)
	}
	c.EndList()
	return nil
}

func (c *Column) mismatch(v any) error {
	return fmt.Errorf("value %v (%T) does not fit type %s: %w", v, v, c.Type, ErrInvalid)
}
