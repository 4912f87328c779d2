package httpapi

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/quiver-features/quiver/feature"
)

// readColumns is the second pass, over the key columns and the inputs: it reads them with
// the types that the features want. A column that is not wanted has no values, and the
// handler refuses it by its name.
func (c *call) readColumns(keys []feature.JoinKey, inputs []feature.Input) error {
	for _, n := range c.keys {
		at := slices.IndexFunc(keys, func(k feature.JoinKey) bool { return k.Name == string(n.name) })
		typ := feature.Type{}
		if at >= 0 {
			typ = keys[at].Type
		}
		if err := c.read("keys", n, typ, c.request.Keys); err != nil {
			return err
		}
	}
	for _, n := range c.inputs {
		at := slices.IndexFunc(inputs, func(in feature.Input) bool { return in.Name == string(n.name) })
		typ := feature.Type{}
		if at >= 0 {
			typ = inputs[at].Type
		}
		if err := c.read("inputs", n, typ, c.request.Inputs); err != nil {
			return err
		}
	}
	return nil
}

// read reads a column in the type that is wanted; a zero one is not wanted.
func (c *call) read(field string, n noted, typ feature.Type, into map[string]*feature.Column) error {
	column := &feature.Column{}
	into[string(n.name)] = column
	if typ.IsZero() {
		return nil
	}
	if typ.List {
		column = feature.NewColumn(typ, 16)
	} else {
		column = c.columns.take(typ.Kind)
	}
	into[string(n.name)] = column
	c.scan.at = n.at
	if i, err := c.column(column); err != nil {
		return at(item(field+"."+string(n.name), i), err)
	}
	return nil
}

// column reads a list into a column. With an error it gives the index
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

// value reads a value into a column.
func (c *call) value(into *feature.Column) error {
	s, kind := &c.scan, into.Type.Kind
	switch b := s.peek(); {
	case b == 'n':
		into.AppendNull()
		return s.literal("null")
	case into.Type.List:
		return c.list(into)
	case b == '"' && kind != feature.Bool:
		text, err := s.str()
		if err != nil {
			return err
		}
		return c.appendText(into, text)
	case b <= '9' && (kind == feature.Int64 || kind == feature.Int32):
		text, err := s.num()
		if err != nil {
			return err
		}
		return appendInteger(into, text)
	case b <= '9' && (kind == feature.Float64 || kind == feature.Float32):
		text, err := s.num()
		if err != nil {
			return err
		}
		return appendFloatText(into, text)
	case kind == feature.Bool && (b == 't' || b == 'f'):
		v, err := s.wantBool()
		into.AppendBool(v)
		return err
	default:
		return s.fault("expected %s or null, found %s", expected(kind), s.found())
	}
}

// list reads a list of scalars into a column of lists.
func (c *call) list(into *feature.Column) error {
	if c.scan.peek() != '[' {
		return c.scan.fault("expected a list (%s) or null, found %s", into.Type, c.scan.found())
	}
	before := into.Items.Len()
	if i, err := c.column(into.Items); err != nil {
		return fmt.Errorf("item %d: %w", max(i, 0), err)
	}
	if n := into.Items.Len() - before; into.Type.Length > 0 && n != into.Type.Length {
		return fmt.Errorf("a list of %d items, expected %d (%s)", n, into.Type.Length, into.Type)
	}
	into.EndList()
	return nil
}

func expected(k feature.Kind) string {
	switch k {
	case feature.Bool:
		return "true, false"
	case feature.Int32, feature.Int64:
		return "a whole number, or one in a string,"
	case feature.Float32, feature.Float64:
		return `a number, or "NaN", "Infinity", "-Infinity",`
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
	case feature.Int32, feature.Int64:
		return appendInteger(into, text)
	case feature.Float32, feature.Float64:
		return appendFloatText(into, text)
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
	if into.Type.Kind == feature.Int64 {
		into.AppendInt64(v)
		return nil
	}
	if v != int64(int32(v)) {
		return fmt.Errorf("%s does not fit 32 bits", clip(text))
	}
	into.AppendInt32(int32(v))
	return nil
}

// appendFloatText reads a number, which is rounded to the nearest float, or one of the
// names that stand for what JSON can't write.
func appendFloatText(into *feature.Column, text []byte) error {
	bits := 64
	if into.Type.Kind == feature.Float32 {
		bits = 32
	}
	var v float64
	switch string(text) {
	case "NaN":
		v = math.NaN()
	case "Infinity":
		v = math.Inf(1)
	case "-Infinity":
		v = math.Inf(-1)
	default:
		var err error
		if v, err = strconv.ParseFloat(string(text), bits); err != nil || !isNumber(text) {
			return fmt.Errorf(`%q is not a number of %d bits: expected digits, or "NaN", "Infinity", "-Infinity"`, clip(text), bits)
		}
	}
	if bits == 32 {
		into.AppendFloat32(float32(v))
	} else {
		into.AppendFloat64(v)
	}
	return nil
}

// isNumber tells whether a text is a number as JSON writes it.
func isNumber(text []byte) bool {
	s := scanner{in: text}
	_, err := s.num()
	return err == nil && s.at == len(text)
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
			keep = keep && max(8*cap(column.Int64s), 8*cap(column.Float64s), 8*cap(column.Offsets), cap(column.Data)) <= maxKept
			column.Reset()
		}
		c.used[k] = 0
	}
	return keep
}
