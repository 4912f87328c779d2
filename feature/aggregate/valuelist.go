package aggregate

import (
	"encoding/binary"

	"github.com/quiver-features/quiver/feature"
)

// Lists are encoded so that bytes.Compare orders them as feature.Compare does, item by
// item, the shorter first: before each item a byte listNull or listItem, behind the last a
// listEnd. An item's bytes are those of AppendValue, made to tell where they end:
// integers and booleans do that by themselves, floats take all eight bytes; in text and bytes
// a zero is followed by 0xff, and two zeros end them.
const (
	listEnd  = 0
	listNull = 1
	listItem = 2
)

func appendList(dst []byte, c *feature.Column, i int) []byte {
	for at := int(c.Offsets[i]); at < int(c.Offsets[i+1]); at++ {
		if c.Items.IsNull(at) {
			dst = append(dst, listNull)
			continue
		}
		dst = append(dst, listItem)
		switch c.Items.Type.Kind {
		case feature.Float32:
			dst = appendWholeFloat(dst, float64(c.Items.Float32s[at]))
		case feature.Float64:
			dst = appendWholeFloat(dst, c.Items.Float64s[at])
		case feature.String, feature.Bytes:
			for _, b := range c.Items.Bytes(at) {
				if dst = append(dst, b); b == 0 {
					dst = append(dst, 0xff)
				}
			}
			dst = append(dst, 0, 0)
		default:
			dst = AppendValue(dst, c.Items, at)
		}
	}
	return append(dst, listEnd)
}

func appendWholeFloat(dst []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(FloatKey(v))^1<<63)
}

// decodeList appends the list that appendList encoded as v. Nothing is appended
// where it is none.
func decodeList(c *feature.Column, v []byte) error {
	bad := func() error { return damaged("%x is no value of type %s", v, c.Type) }
	items := feature.NewColumn(c.Items.Type, c.Type.Length)
	rest, item := v, []byte(nil)
	for len(rest) > 0 && rest[0] != listEnd {
		mark := rest[0]
		rest = rest[1:]
		if mark == listNull {
			items.AppendNull()
			continue
		}
		var ok bool
		if item, rest, ok = cutItem(item[:0], rest, items.Type.Kind); !ok || mark != listItem || DecodeValue(items, item) != nil {
			return bad()
		}
	}
	if len(rest) != 1 || c.Type.Length > 0 && items.Len() != c.Type.Length {
		return bad()
	}
	for i := range items.Len() {
		c.Items.AppendFrom(items, i)
	}
	c.EndList()
	return nil
}

// cutItem cuts an item from the front of b and appends its value, as AppendValue encodes
// it, to dst.
func cutItem(dst, b []byte, kind feature.Kind) (item, rest []byte, ok bool) {
	n := 1 // of a boolean
	switch kind {
	case feature.String, feature.Bytes:
		return cutEscaped(dst, b)
	case feature.Float32, feature.Float64:
		if n = 8; len(b) >= n {
			for n > 0 && b[n-1] == 0 { // AppendValue leaves them out
				n--
			}
			return append(dst, b[:n]...), b[8:], true
		}
	case feature.Int32, feature.Int64, feature.Date, feature.Timestamp:
		if len(b) > 0 && b[0] < 0x80 {
			n += 0x7f - int(b[0])
		} else if len(b) > 0 {
			n += int(b[0]) - 0x80
		}
	}
	if len(b) < n {
		return dst, b, false
	}
	return append(dst, b[:n]...), b[n:], true
}

func cutEscaped(dst, b []byte) (item, rest []byte, ok bool) {
	for i := 0; i+1 < len(b); i++ {
		switch {
		case b[i] != 0:
			dst = append(dst, b[i])
		case b[i+1] == 0:
			return dst, b[i+2:], true
		case b[i+1] == 0xff:
			dst = append(dst, 0)
			i++
		default:
			return dst, b, false
		}
	}
	return dst, b, false
}
