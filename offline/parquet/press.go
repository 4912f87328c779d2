package parquet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/quiver-features/quiver/feature"
)

// press compresses pages. Each worker has its own.
type press struct {
	codec, fast  *zstd.Encoder // at the default level, and at the fastest; nil: pages stay as they are
	body, packed []byte        // scratch
	quick        []byte        // likewise
	header       bytes.Buffer
}

// effort is how hard the pages of a leaf are compressed. On most values the fastest level
// leaves little more than the default one, in half the time, on others it compresses nothing:
// a page tells, which is compressed at both.
type effort struct {
	known  bool
	little bool
	chunks int
}

const (
	effortBytes  = 64 << 10 // of a page that tells, at least
	effortChunks = 8        // so many chunks go by what one page tells
	effortShare  = 8        // the fastest level may leave so many-th more
)

// begin begins a chunk.
func (e *effort) begin() {
	if e.chunks%effortChunks == 0 {
		*e = effort{}
	}
	e.chunks++
}

func newPress(uncompressed bool) (*press, error) {
	if uncompressed {
		return &press{}, nil
	}
	p := &press{}
	for codec, level := range map[**zstd.Encoder]zstd.EncoderLevel{&p.codec: zstd.SpeedDefault, &p.fast: zstd.SpeedFastest} {
		var err error
		*codec, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderCRC(false),
			zstd.WithZeroFrames(true), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w: %w", err, feature.ErrUnavailable)
		}
	}
	return p, nil
}

// pack compresses a page. The result is valid until the next call.
func (p *press) pack(body []byte, e *effort) []byte {
	if e.known && e.little {
		p.packed = p.fast.EncodeAll(body, p.packed[:0])
		return p.packed
	}
	p.packed = p.codec.EncodeAll(body, p.packed[:0])
	if e.known || len(body) < effortBytes {
		return p.packed
	}
	p.quick = p.fast.EncodeAll(body, p.quick[:0])
	e.known, e.little = true, len(p.quick) <= len(p.packed)+len(p.packed)/effortShare
	return p.packed
}

// page appends a page with its header, compressed, and tells what it would take
// without compression.
func (p *press) page(dst []byte, header *format.PageHeader, body []byte, e *effort) (out []byte, uncompressed int, err error) {
	if len(body) > math.MaxInt32 {
		return dst, 0, fmt.Errorf("a row of %d bytes: Parquet has pages of at most 2 GiB: %w", len(body), feature.ErrTooLarge)
	}
	packed := body
	if p.codec != nil {
		packed = p.pack(body, e)
	}
	header.UncompressedPageSize, header.CompressedPageSize = int32(len(body)), int32(len(packed))
	header.CRC = int32(crc32.ChecksumIEEE(packed))
	p.header.Reset()
	if err := thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&p.header)).Encode(header); err != nil {
		return dst, 0, err
	}
	return append(append(dst, p.header.Bytes()...), packed...), p.header.Len() + len(body), nil
}

// appendLevels appends levels as data pages of the first version have them.
func appendLevels(dst []byte, levels []uint8, most uint8) ([]byte, error) {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	packed, err := (&rle.Encoding{BitWidth: bits.Len8(most)}).EncodeLevels(dst[len(dst):], levels)
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(packed)))
	return append(dst, packed...), err
}
