package feature

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// CalendarDay is a date in days since 1970-01-01, as Any boxes it.
type CalendarDay int32

// String writes the day as 2001-06-30.
func (d CalendarDay) String() string {
	return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly)
}

// ParseDay reads a date in the form 2001-06-30. The error wraps ErrInvalid.
func ParseDay(s string) (CalendarDay, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a date: expected a form like 2001-06-30: %w", s, ErrInvalid)
	}
	return CalendarDay(t.Unix() / 86400), nil
}

// Text writes value i for people and for text files: RFC 3339 times, base64
// bytes, the shortest floats that read back as they were, lists in brackets, and
// an empty text for null.
func (c *Column) Text(i int) string {
	if c.IsNull(i) {
		return ""
	}
	if c.Type.List {
		items := make([]string, 0, c.Offsets[i+1]-c.Offsets[i])
		for j := int(c.Offsets[i]); j < int(c.Offsets[i+1]); j++ {
			if c.Items.IsNull(j) {
				items = append(items, "null")
				continue
			}
			items = append(items, c.Items.Text(j))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	switch c.Type.Kind {
	case Bool:
		return strconv.FormatBool(c.Bools[i])
	case Int32:
		return strconv.FormatInt(int64(c.Int32s[i]), 10)
	case Date:
		return CalendarDay(c.Int32s[i]).String()
	case Int64:
		return strconv.FormatInt(c.Int64s[i], 10)
	case Timestamp:
		return Time(c.Int64s[i]).String()
	case Float32:
		return FloatText(float64(c.Float32s[i]), 32)
	case Float64:
		return FloatText(c.Float64s[i], 64)
	case String:
		return string(c.Bytes(i))
	default:
		return base64.StdEncoding.EncodeToString(c.Bytes(i))
	}
}

// FloatText writes a float of 32 or 64 bits as the shortest text that reads back as it;
// NaN, Infinity and -Infinity as HTTP answers have them.
func FloatText(v float64, bits int) string {
	switch {
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}

// AppendText appends the scalar that a text stands for: what Text writes, and
// bytes as base64. An empty text is the empty string or empty bytes, and for
// other types an error; callers decide what null looks like. The error wraps
// ErrInvalid and says what was expected; nothing is appended then.
func (c *Column) AppendText(s string) error {
	if c.Type.List {
		return fmt.Errorf("a list can't be read from text: %w", ErrInvalid)
	}
	switch c.Type.Kind {
	case Bool:
		switch strings.ToLower(s) {
		case "true", "t", "1":
			c.AppendBool(true)
		case "false", "f", "0":
			c.AppendBool(false)
		default:
			return c.textError(s, "true or false")
		}
	case Int32:
		v, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			return c.textError(s, fmt.Sprintf("a whole number from %d to %d", math.MinInt32, math.MaxInt32))
		}
		c.AppendInt32(int32(v))
	case Int64:
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return c.textError(s, "a whole number of 64 bits")
		}
		c.AppendInt64(v)
	case Float32, Float64:
		return c.appendFloatText(s)
	case Date:
		d, err := ParseDay(s)
		if err != nil {
			return err
		}
		c.AppendInt32(int32(d))
	case Timestamp:
		t, err := ParseTime(s)
		if err != nil {
			return err
		}
		c.AppendInt64(int64(t))
	case String:
		c.AppendString(s)
	case Bytes:
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return c.textError(s, "base64")
		}
		c.AppendBytes(b)
	}
	return nil
}

func (c *Column) appendFloatText(s string) error {
	bits := 64
	if c.Type.Kind == Float32 {
		bits = 32
	}
	v, err := strconv.ParseFloat(s, bits)
	if err != nil {
		return c.textError(s, fmt.Sprintf("a number of %d bits", bits))
	}
	if bits == 32 {
		c.AppendFloat32(float32(v))
	} else {
		c.AppendFloat64(v)
	}
	return nil
}

func (c *Column) textError(s, want string) error {
	return fmt.Errorf("%q is no %s: expected %s: %w", s, c.Type, want, ErrInvalid)
}
