package online

import (
	"encoding/binary"

	"github.com/quiver-features/quiver/feature"
)

// appendSized appends list i of c with its length in bytes.
func appendSized(dst []byte, c *feature.Column, i int) []byte {
	start := len(dst)
	dst = appendList(dst, c, i)
	size := len(dst) - start
	// The length comes first and is known last: make room for it and move the list.
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(size))
	dst = append(dst, length[:n]...)
	copy(dst[start+n:], dst[start:start+size])
	copy(dst[start:], length[:n])
	return dst
}

func appendList(dst []byte, c *feature.Column, i int) []byte {
	from, to := int(c.Offsets[i]), int(c.Offsets[i+1])
	items := c.Items
	dst = binary.AppendUvarint(dst, uint64(to-from))
	flags := len(dst)
	dst = append(dst, 0)
	nulls := len(dst)
	for j := from; j < to; j++ {
		if !items.IsNull(j) {
			continue
		}
		if dst[flags] == 0 {
			dst[flags] = flagNulls
			for range (to - from + 7) / 8 {
				dst = append(dst, 0)
			}
		}
		dst[nulls+(j-from)/8] |= 1 << ((j - from) % 8)
	}
	text := isText(items.Type)
	for j := from; j < to; j++ {
		switch {
		case items.IsNull(j):
		case text:
			dst = appendText(dst, items.Bytes(j))
		default:
			dst = appendFixed(dst, items, j)
		}
	}
	return dst
}

func isText(t feature.Type) bool { return t.Kind == feature.String || t.Kind == feature.Bytes }

// listParts cuts a list. Without a null item, nulls is nil.
func listParts(b []byte) (count int, nulls, items []byte, ok bool) {
	n, b, ok := cutUvarint(b)
	// An item takes a bit at least, so that no count can ask for more memory than
	// the value itself gives reason for.
	if !ok || len(b) == 0 || n > uint64(len(b))*8 {
		return 0, nil, nil, false
	}
	count = int(n)
	flags, b := b[0], b[1:]
	switch flags {
	case 0:
		return count, nil, b, true
	case flagNulls:
		size := (count + 7) / 8
		if count == 0 || len(b) < size || !goodBitmap(b[:size], count) {
			return 0, nil, nil, false
		}
		return count, b[:size], b[size:], true
	default:
		return 0, nil, nil, false
	}
}

// goodList tells whether b is a list of type t.
func goodList(b []byte, t feature.Type) bool {
	count, nulls, items, ok := listParts(b)
	if !ok || t.Length > 0 && count != t.Length {
		return false
	}
	width, err := fixedWidth(t.Elem())
	if err != nil {
		return false
	}
	for j := range count {
		if isNull(nulls, j) {
			continue
		}
		switch {
		case width == 0:
			if _, items, ok = cutSized(items); !ok {
				return false
			}
		case len(items) < width || t.Kind == feature.Bool && items[0] > 1:
			return false
		default:
			items = items[width:]
		}
	}
	return len(items) == 0
}

// readList appends a list that goodList has seen.
func readList(b []byte, c *feature.Column) {
	count, nulls, items, _ := listParts(b)
	width, _ := fixedWidth(c.Items.Type)
	for j := range count {
		switch {
		case isNull(nulls, j):
			c.Items.AppendNull()
		case width == 0:
			var v []byte
			v, items, _ = cutSized(items)
			c.Items.AppendBytes(v)
		default:
			readFixed(items, c.Items)
			items = items[width:]
		}
	}
	c.EndList()
}
