package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/quiver-features/quiver/feature"
)

// decompressor decompresses src into the whole of dst. It takes no memory that
// the bytes of src ask for, but what dst has; what lies between dst's length and its
// capacity may be overwritten.
type decompressor func(dst, src []byte) error

// copyAhead is what zstd's decoder copies at once: it may write as much too far.
const copyAhead = 16

// codecs are the decompressors that keep memory of their own; nil until needed.
type codecs struct {
	zstd   *zstd.Decoder
	gzip   *gzip.Reader
	brotli *brotli.Reader
	packed bytes.Reader
}

func (c *codecs) of(codec format.CompressionCodec) (decompressor, error) {
	switch codec {
	case format.Uncompressed:
		return nil, nil //nolint:nilnil // nothing to be done
	case format.Snappy:
		return snappy, nil
	case format.Gzip:
		return c.gunzip, nil
	case format.Brotli:
		return c.unbrotli, nil
	case format.Zstd:
		return c.unzstd, nil
	case format.Lz4Raw:
		return lz4Block, nil
	default:
		return nil, fmt.Errorf("compression %s can't be read: write the file with zstd, snappy, gzip, brotli or lz4_raw: %w", codec, feature.ErrInvalid)
	}
}

func snappy(dst, src []byte) error {
	// The library takes as much memory as the first bytes ask for.
	if n, size := binary.Uvarint(src); size <= 0 || n != uint64(len(dst)) {
		return fmt.Errorf("%d bytes are claimed, expected %d", n, len(dst))
	}
	_, err := pq.Snappy.Decode(dst, src)
	return err
}

func (c *codecs) unzstd(dst, src []byte) error {
	if c.zstd == nil {
		var err error
		// A frame may claim any length: no more is decoded than dst has room for. The
		// last of its blocks is decoded by slower code where that is less than copyAhead
		// more than it needs.
		c.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			return err
		}
	}
	out, err := c.zstd.DecodeAll(src, dst[:0])
	if err == nil && len(out) != len(dst) {
		return fmt.Errorf("%d bytes, expected %d", len(out), len(dst))
	}
	return err
}

// gunzip keeps its reader for the next page where it came to the end of this one:
// what an error leaves in it is not known.
func (c *codecs) gunzip(dst, src []byte) (err error) {
	c.packed.Reset(src)
	r := c.gzip
	c.gzip = nil
	if r == nil {
		r, err = gzip.NewReader(&c.packed)
	} else {
		err = r.Reset(&c.packed)
	}
	if err != nil {
		return err
	}
	if err := fill(dst, r); err != nil {
		return err
	}
	c.gzip = r
	return nil
}

// unbrotli keeps its reader as gunzip does.
func (c *codecs) unbrotli(dst, src []byte) error {
	c.packed.Reset(src)
	r := c.brotli
	c.brotli = nil
	if r == nil {
		r = brotli.NewReader(&c.packed)
	} else if err := r.Reset(&c.packed); err != nil {
		return err
	}
	if err := fill(dst, r); err != nil {
		return err
	}
	c.brotli = r
	return nil
}

// fill reads the whole of dst, and that nothing follows.
func fill(dst []byte, r io.Reader) error {
	if n, err := io.ReadFull(r, dst); err != nil {
		return fmt.Errorf("%d bytes, expected %d: %w", n, len(dst), err)
	}
	var more [1]byte
	if n, err := io.ReadFull(r, more[:]); n > 0 {
		return fmt.Errorf("more than the %d bytes expected", len(dst))
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// lz4Block decompresses one block of LZ4 into the whole of dst: tokens of a number
// of literal bytes and a copy of earlier ones.
func lz4Block(dst, src []byte) error {
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
			return short
		}
		at += copy(dst[at:], src[:n])
		if src = src[n:]; len(src) == 0 {
			break
		}
		if len(src) < 2 {
			return short
		}
		back := int(binary.LittleEndian.Uint16(src))
		src = src[2:]
		n, ok = length(int(token & 15))
		n += 4
		if !ok || back == 0 || back > at || n > len(dst)-at {
			return short
		}
		for end := at + n; at < end; { // a copy may reach into itself
			at += copy(dst[at:end], dst[at-back:at])
		}
	}
	if at != len(dst) {
		return short
	}
	return nil
}
