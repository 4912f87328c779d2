package eventspine

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// layout is how a row is written as bytes whose order is the order of time and keys:
// numbers big-endian with their sign turned, text with its zeros escaped and an end
// that sorts before everything.
type layout struct {
	name  string // of the spine, for messages
	keys  []feature.JoinKey
	timed bool         // rows have a time of their own
	at    feature.Time // of all rows otherwise
}

const (
	sign    = 1 << 63
	zero    = 0xff // after a 0: a 0 of the text
	textEnd = 0x01 // after a 0: its end
)

func (l layout) encode(row []byte, at feature.Time, keys []*feature.Column, order []int, i int) []byte {
	if l.timed {
		row = binary.BigEndian.AppendUint64(row, uint64(at)^sign)
	}
	for _, k := range order {
		switch c := keys[k]; c.Type.Kind {
		case feature.Bool:
			b := byte(0)
			if c.Bools[i] {
				b = 1
			}
			row = append(row, b)
		case feature.Int32, feature.Date:
			row = binary.BigEndian.AppendUint64(row, uint64(int64(c.Int32s[i]))^sign)
		case feature.Int64, feature.Timestamp:
			row = binary.BigEndian.AppendUint64(row, uint64(c.Int64s[i])^sign)
		default:
			text := c.Bytes(i)
			for {
				n := bytes.IndexByte(text, 0)
				if n < 0 {
					break
				}
				row = append(append(row, text[:n+1]...), zero)
				text = text[n+1:]
			}
			row = append(append(row, text...), 0, textEnd)
		}
	}
	return row
}

// decode appends a row to the columns of the keys and of the time.
func (l layout) decode(row []byte, columns []*feature.Column) error {
	number := func() int64 {
		if len(row) < 8 {
			row = nil
			return 0
		}
		v := int64(binary.BigEndian.Uint64(row) ^ sign)
		row = row[8:]
		return v
	}
	at := int64(l.at)
	if l.timed {
		at = number()
	}
	columns[len(l.keys)].AppendInt64(at)
	for k := range l.keys {
		switch c := columns[k]; c.Type.Kind {
		case feature.Bool:
			if len(row) == 0 {
				return l.broken()
			}
			c.AppendBool(row[0] == 1)
			row = row[1:]
		case feature.Int32, feature.Date:
			c.AppendInt32(int32(number()))
		case feature.Int64, feature.Timestamp:
			c.AppendInt64(number())
		default:
			text := make([]byte, 0, len(row))
			for {
				n := bytes.IndexByte(row, 0)
				if n < 0 || n+1 == len(row) {
					return l.broken()
				}
				text = append(text, row[:n]...)
				end := row[n+1] == textEnd
				if row = row[n+2:]; end {
					break
				}
				text = append(text, 0)
			}
			c.AppendString(string(text))
		}
	}
	return nil
}

func (l layout) broken() error {
	return fmt.Errorf("spine %s: its temporary file does not hold what was written: %w", l.name, feature.ErrUnavailable)
}
