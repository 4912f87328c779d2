package aggregate

import (
	"bytes"
	"encoding/binary"
)

// MinText is the least of texts or bytes, by their bytes. The zero value is that of
// no texts. It owns its memory and is not copied by assignment.
type MinText struct{ text }

// MaxText is the greatest of texts or bytes, as MinText is the least.
type MaxText struct{ text }

type text struct {
	v   []byte
	any bool
}

func (t *text) set(v []byte) { t.v, t.any = append(t.v[:0], v...), true }

// Reset makes it that of no texts and keeps its memory.
func (t *text) Reset() { t.v, t.any = t.v[:0], false }

// Value gives the extreme text, valid until the state changes; ok is false where
// nothing was added.
func (t *text) Value() (v []byte, ok bool) { return t.v, t.any }

// Add adds a copy of v.
func (t *MinText) Add(v []byte) {
	if !t.any || bytes.Compare(v, t.v) < 0 {
		t.set(v)
	}
}

// Merge adds all that was added to o.
func (t *MinText) Merge(o *MinText) {
	if o.any {
		t.Add(o.v)
	}
}

// Add adds a copy of v.
func (t *MaxText) Add(v []byte) {
	if !t.any || bytes.Compare(v, t.v) > 0 {
		t.set(v)
	}
}

// Merge adds all that was added to o.
func (t *MaxText) Merge(o *MaxText) {
	if o.any {
		t.Add(o.v)
	}
}

// TextMaxBytes is the length of the longest encoding of a text of at most valueBytes.
func TextMaxBytes(valueBytes int) int { return uvarintLen(uint64(valueBytes)+1) + valueBytes }

// AppendText appends the encoding of an extreme text, nil for none: 0 for nothing, else the
// length and 1, then the bytes.
func AppendText(dst, v []byte) []byte {
	if v == nil {
		return append(dst, 0)
	}
	return append(binary.AppendUvarint(dst, uint64(len(v))+1), v...)
}

// CutText cuts an extreme text from the front of b, which it aliases. It is nil for none.
func CutText(b []byte) (v, rest []byte, err error) {
	n, b, err := cutUvarint(b, 1<<62, "the length of a text")
	if err != nil || n == 0 {
		return nil, b, err
	}
	if n--; n > uint64(len(b)) {
		return nil, nil, damaged("a text ends too early")
	}
	return b[:n:n], b[n:], nil
}
