package tiles

import (
	"encoding/binary"
	"fmt"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// damaged says what is wrong with bytes that this package has not written.
func damaged(format string, args ...any) error {
	return fmt.Errorf("tiles: what is kept of aggregates is damaged: %s: %w", fmt.Sprintf(format, args...), feature.ErrInvalid)
}

const signBit = 1 << 63

// maxTiles bounds the tiles of a group that are read: two groups are merged at most, so that
// counts of up to aggregate.MaxCount in each don't overflow. What a key may take online ends
// long before.
const maxTiles = 1 << 19

// cutUvarint cuts a varint in its shortest form off b.
func cutUvarint(b []byte) (v uint64, rest []byte, err error) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), b[1:], nil
	}
	v, n := binary.Uvarint(b)
	if n <= 0 || b[n-1] == 0 {
		return 0, nil, damaged("a whole number ends too early, or is not in its shortest form")
	}
	return v, b[n:], nil
}

// cutCount cuts a count off b.
func cutCount(b []byte) (n int64, rest []byte, err error) {
	if len(b) > 0 && b[0] < 0x80 {
		return int64(b[0]), b[1:], nil
	}
	v, rest, err := cutUvarint(b)
	if err == nil && v > aggregate.MaxCount {
		err = damaged("a count is %d, at most %d is possible", v, int64(aggregate.MaxCount))
	}
	return int64(v), rest, err
}

// cutSized cuts a length and as many bytes off b.
func cutSized(b []byte) (v, rest []byte, err error) {
	size, b, err := cutUvarint(b)
	if err == nil && size > uint64(len(b)) {
		err = damaged("%d bytes were expected, there are %d", size, len(b))
	}
	if err != nil {
		return nil, nil, err
	}
	return b[:size:size], b[size:], nil
}

// sized puts the length of what stands in dst from start on before it.
func sized(dst []byte, start int) []byte {
	var length [binary.MaxVarintLen64]byte
	size := len(dst) - start
	n := binary.PutUvarint(length[:], uint64(size))
	dst = append(dst, length[:n]...)
	copy(dst[start+n:], dst[start:start+size])
	copy(dst[start:], length[:n])
	return dst
}

// appendNumbers appends numbers of tiles, which descend: how many, the first, and the
// others by what lies between each and the one before it.
func appendNumbers(dst []byte, numbers []int64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(numbers)))
	before := int64(0)
	for i, n := range numbers {
		dst = appendNumber(dst, i == 0, before, n)
		before = n
	}
	return dst
}

func appendNumber(dst []byte, first bool, before, n int64) []byte {
	if first {
		return binary.AppendVarint(dst, n)
	}
	return binary.AppendUvarint(dst, uint64(before)-uint64(n)-1)
}

// cutNumbers cuts what appendNumbers wrote, and appends it to into.
func cutNumbers(into []int64, b []byte) ([]int64, []byte, error) {
	count, b, err := cutUvarint(b)
	if err != nil {
		return into, nil, err
	}
	switch {
	case count > uint64(len(b)): // a number takes a byte at least
		return into, nil, damaged("%d tiles in %d bytes", count, len(b))
	case count > maxTiles:
		return into, nil, damaged("it has %d tiles of one granularity, at most %d are possible", count, maxTiles)
	}
	var n int64
	for i := range count {
		v, rest, err := cutUvarint(b)
		if err != nil {
			return into, nil, err
		}
		b = rest
		switch {
		case i == 0:
			n = int64(v>>1) ^ -int64(v&1)
		case v >= uint64(n)^signBit: // as many numbers as there are below n
			return into, nil, damaged("the number of a tile is out of range")
		default:
			n -= int64(v) + 1
		}
		into = append(into, n)
	}
	return into, b, nil
}
