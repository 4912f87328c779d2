package httpapi

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"

	"github.com/quiver-features/quiver/feature"
)

// readKeys is the second pass, over the key columns: it reads them with the types
// that the features want. A column that is not wanted has no values, and the
// handler refuses it by its name.
func (c *call) readKeys(want []feature.JoinKey) error {
	for _, n := range c.keys {
		name, typ := "", feature.Type{}
		for i := range want {
			if want[i].Name == string(n.name) {
				name, typ = want[i].Name, want[i].Type
			}
		}
		if name == "" {
			c.request.Keys[string(n.name)] = &feature.Column{}
			continue
		}
		column := c.columns.take(typ.Kind)
		c.request.Keys[name] = column
		c.scan.at = n.at
		if i, err := c.column(column); err != nil {
			return at(item("keys."+name, i), err)
		}
	}
	return nil
}

// column reads a list of scalars into a column. With an error it gives the index
// of the item.
func (c *call) column(into *feature.Column) (int, error) {
	s := &c.scan
	if err := s.open('['); err != nil {
		return -1, err
	}
	for i := 0; ; i++ {
		more, err := s.more(']', i == 0)
		if err != nil || !more {
			return -1, err
		}
		if err := c.value(into); err != nil {
			return i, err
		}
	}
}

// value reads a scalar into a column.
func (c *call) value(into *feature.Column) error {
	s, kind := &c.scan, into.Type.Kind
	switch b := s.peek(); {
	case b == 'n':
		into.AppendNull()
		return s.literal("null")
	case b == '"' && kind != feature.Bool:
		text, err := s.str()
		if err != nil {
			return err
		}
		return c.appendText(into, text)
	case b <= '9' && kind == feature.Int64:
		text, err := s.num()
		if err != nil {
			return err
		}
		return appendInteger(into, text)
	case kind == feature.Bool && (b == 't' || b == 'f'):
		v, err := s.wantBool()
		into.AppendBool(v)
		return err
	default:
		return s.fault("expected %s or null, found %s", expected(kind), s.found())
	}
}

func expected(k feature.Kind) string {
	switch k {
	case feature.Bool:
		return "true, false"
	case feature.Int32, feature.Int64:
		return "a whole number, or one in a string,"
	case feature.Bytes:
		return "base64 in a string"
	case feature.Date:
		return "a date in a string, for example 2001-06-30,"
	case feature.Timestamp:
		return "a time in a string, for example 2001-06-30T12:00:00Z,"
	default:
		return "a string"
	}
}

func (c *call) appendText(into *feature.Column, text []byte) error {
	switch into.Type.Kind {
	case feature.Int64:
		return appendInteger(into, text)
	case feature.Bytes:
		return c.appendBase64(into, text)
	case feature.Date:
		day, err := feature.ParseDay(clip(text))
		if err != nil {
			return fmt.Errorf("%q is not a date: expected a form like 2001-06-30", clip(text))
		}
		into.AppendInt32(int32(day))
	case feature.Timestamp:
		t, err := feature.ParseTime(clip(text))
		if err != nil {
			return fmt.Errorf("%q is not a time: expected RFC 3339, for example 2001-06-30T12:00:00Z", clip(text))
		}
		into.AppendInt64(int64(t))
	default:
		into.AppendBytes(text)
	}
	return nil
}

func (c *call) appendBase64(into *feature.Column, text []byte) error {
	c.columns.bytes = append(c.columns.bytes[:0], make([]byte, base64.StdEncoding.DecodedLen(len(text)))...)
	n, err := c.columns.base64.Decode(c.columns.bytes, text)
	if err != nil || bytes.ContainsAny(text, "\r\n") {
		return fmt.Errorf("%q is not base64: expected the standard alphabet, with padding", clip(text))
	}
	into.AppendBytes(c.columns.bytes[:n])
	return nil
}

func appendInteger(into *feature.Column, text []byte) error {
	v, err := integer(text)
	if err != nil {
		return err
	}
	into.AppendInt64(v)
	return nil
}

// integer reads a whole number as JSON writes it, without going through a float.
func integer(text []byte) (int64, error) {
	digits, negative := bytes.CutPrefix(text, []byte("-"))
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	var v uint64
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, fmt.Errorf("%q is not a whole number: expected digits only, without fraction or exponent", clip(text))
		}
		if v > (limit-uint64(d-'0'))/10 {
			return 0, fmt.Errorf("%s does not fit 64 bits", clip(text))
		}
		v = v*10 + uint64(d-'0')
	}
	if len(digits) == 0 || digits[0] == '0' && len(digits) > 1 {
		return 0, fmt.Errorf("%q is not a whole number: expected digits, without leading zeros", clip(text))
	}
	if negative {
		return -int64(v), nil
	}
	return int64(v), nil
}

// columns are the vectors that requests are read into.
type columns struct {
	free   [feature.Timestamp + 1][]*feature.Column
	used   [feature.Timestamp + 1]int
	base64 *base64.Encoding
	bytes  []byte
}

// take gives an empty column, of int64 for integers of any width: keys are
// compared by value.
func (c *columns) take(k feature.Kind) *feature.Column {
	if k == feature.Int32 {
		k = feature.Int64
	}
	if c.used[k] == len(c.free[k]) {
		c.free[k] = append(c.free[k], feature.NewColumn(feature.Scalar(k), 16))
	}
	column := c.free[k][c.used[k]]
	c.used[k]++
	return column
}

// reset takes all columns back, and tells whether their memory is worth keeping.
func (c *columns) reset() bool {
	keep := cap(c.bytes) <= maxKept
	for k := range c.free {
		for _, column := range c.free[k][:c.used[k]] {
			keep = keep && max(8*cap(column.Int64s), 8*cap(column.Offsets), cap(column.Data)) <= maxKept
			column.Reset()
		}
		c.used[k] = 0
	}
	return keep
}
