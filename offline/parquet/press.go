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
	codec        *zstd.Encoder // nil: pages stay as they are
	body, packed []byte        // scratch
	header       bytes.Buffer
}

func newPress(uncompressed bool) (*press, error) {
	if uncompressed {
		return &press{}, nil
	}
	codec, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(false),
		zstd.WithZeroFrames(true), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w: %w", err, feature.ErrUnavailable)
	}
	return &press{codec: codec}, nil
}

// page appends a page with its header, compressed, and tells what it would take
// without compression.
func (p *press) page(dst []byte, header *format.PageHeader, body []byte) (out []byte, uncompressed int, err error) {
	if len(body) > math.MaxInt32 {
		return dst, 0, fmt.Errorf("a row of %d bytes: Parquet has pages of at most 2 GiB: %w", len(body), feature.ErrTooLarge)
	}
	packed := body
	if p.codec != nil {
		p.packed = p.codec.EncodeAll(body, p.packed[:0])
		packed = p.packed
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
