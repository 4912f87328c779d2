package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/quiver-features/quiver/feature"
)

// decompressor decompresses src into dst, whose length is the one that the page
// claims, or into new memory.
type decompressor func(dst, src []byte) ([]byte, error)

func decompressorOf(c format.CompressionCodec) (decompressor, error) {
	switch c {
	case format.Uncompressed:
		return nil, nil //nolint:nilnil // nothing to be done
	case format.Snappy:
		return func(dst, src []byte) ([]byte, error) {
			// The library takes as much memory as the first bytes ask for.
			if n, size := binary.Uvarint(src); size <= 0 || n != uint64(len(dst)) {
				return nil, fmt.Errorf("%d bytes are claimed, expected %d", n, len(dst))
			}
			return pq.Snappy.Decode(dst, src)
		}, nil
	case format.Gzip, format.Brotli, format.Zstd:
		return pq.LookupCompressionCodec(c).Decode, nil
	case format.Lz4Raw:
		return lz4Block, nil
	default:
		return nil, fmt.Errorf("compression %s can't be read: write the file with zstd, snappy, gzip, brotli or lz4_raw: %w", c, feature.ErrInvalid)
	}
}

// lz4Block decompresses one block of LZ4 into the whole of dst: tokens of a number
// of literal bytes and a copy of earlier ones.
func lz4Block(dst, src []byte) ([]byte, error) {
	short := errors.New("the block does not have the bytes that it claims")
	// length reads the rest of a length whose first four bits are n.
	length := func(n int) (int, bool) {
		for more := n == 15; more; {
			if len(src) == 0 || n > len(dst) {
				return 0, false
			}
			n, more = n+int(src[0]), src[0] == 255
			src = src[1:]
		}
		return n, true
	}
	at := 0
	for len(src) > 0 {
		token := src[0]
		src = src[1:]
		n, ok := length(int(token >> 4))
		if !ok || n > len(src) || n > len(dst)-at {
			return nil, short
		}
		at += copy(dst[at:], src[:n])
		if src = src[n:]; len(src) == 0 {
			break
		}
		if len(src) < 2 {
			return nil, short
		}
		back := int(binary.LittleEndian.Uint16(src))
		src = src[2:]
		n, ok = length(int(token & 15))
		n += 4
		if !ok || back == 0 || back > at || n > len(dst)-at {
			return nil, short
		}
		for end := at + n; at < end; { // a copy may reach into itself
			at += copy(dst[at:end], dst[at-back:at])
		}
	}
	if at != len(dst) {
		return nil, short
	}
	return dst, nil
}
