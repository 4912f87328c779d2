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

// Append appends the encoding: 0 for nothing, else the length and 1, then the bytes.
func (t *text) Append(dst []byte) []byte {
	if !t.any {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(t.v))+1)
	return append(dst, t.v...)
}

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

// TextMaxBytes is the length of the longest encoding of a MinText or MaxText whose
// texts have at most valueBytes.
func TextMaxBytes(valueBytes int) int { return uvarintLen(uint64(valueBytes)+1) + valueBytes }

// ReadMinText cuts a MinText from the front of b. It copies.
func ReadMinText(b []byte) (t MinText, rest []byte, err error) {
	t.text, rest, err = cutText(b)
	return t, rest, err
}

// ReadMaxText cuts a MaxText from the front of b. It copies.
func ReadMaxText(b []byte) (t MaxText, rest []byte, err error) {
	t.text, rest, err = cutText(b)
	return t, rest, err
}

func cutText(b []byte) (t text, rest []byte, err error) {
	n, b, err := cutUvarint(b, 1<<62, "the length of a text")
	if err != nil || n == 0 {
		return text{}, b, err
	}
	if n-1 > uint64(len(b)) {
		return text{}, nil, damaged("a text ends too early")
	}
	t.set(b[:n-1])
	return t, b[n-1:], nil
}
