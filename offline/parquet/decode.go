package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/format"
)

// levels are the repetition or definition levels of a page.
type levels struct {
	most     int
	encoding format.Encoding
	memory   *[]byte
	dst      *[]byte
}

func (l levels) decode(src []byte, n int) error {
	width := bits.Len(uint(l.most))
	src, err := runs(src, width, n)
	if err != nil {
		return fmt.Errorf("levels: %w", err)
	}
	got, err := (&rle.Encoding{BitWidth: width}).DecodeLevels((*l.memory)[:0], src)
	if err != nil {
		return err
	}
	*l.memory, *l.dst = got, got[:n]
	return nil
}

// runs walks over runs of n values of a width, without decoding them, and gives
// the bytes that they take: a run of a few bytes can claim any number of values.
// Writers may fill the last run up.
func runs(src []byte, width, n int) ([]byte, error) {
	const filling = 4096
	i := 0
	for left := n; left > 0; {
		u, size := binary.Uvarint(src[i:])
		if size <= 0 {
			return nil, fmt.Errorf("%d of %d values are missing", left, n)
		}
		i += size
		count := u >> 1
		if count > uint64(left)+filling {
			return nil, fmt.Errorf("a run of %d values is claimed where %d are left", count, left)
		}
		length := (width + 7) / 8
		if u&1 != 0 { // groups of eight
			length = int(count) * width
			count *= 8
		}
		if length > len(src)-i {
			return nil, fmt.Errorf("the page ends inside a run of %d values", count)
		}
		i += length
		left -= int(count)
	}
	return src[:i], nil
}

// indexes decodes n indexes into a dictionary.
func (p *pageReader) indexes(src []byte, n int) (encoding.Values, error) {
	if len(src) == 0 || src[0] == 0 { // some writers leave zeros out
		p.data = sized(p.data, 4*n)
		clear(p.data)
		return encoding.Int32ValuesFromBytes(p.data), nil
	}
	if src[0] > 32 {
		return encoding.Values{}, fmt.Errorf("indexes of %d bits", src[0])
	}
	used, err := runs(src[1:], int(src[0]), n)
	if err != nil {
		return encoding.Values{}, err
	}
	v, err := encoding.DecodeInt32(encoding.Int32ValuesFromBytes(p.data[:0]), src[:1+len(used)], &pq.RLEDictionary)
	return p.kept(v, n, err)
}

// values decodes n values.
func (p *pageReader) values(src []byte, n int, e format.Encoding) (encoding.Values, error) {
	physical, size := p.leaf.elem.Type.V, int(p.leaf.elem.TypeLength.V)
	if physical == format.FixedLenByteArray && (size <= 0 || size > encoding.MaxFixedLenByteArraySize) {
		return encoding.Values{}, fmt.Errorf("fixed bytes of length %d", size)
	}
	switch {
	case n == 0 && physical == format.ByteArray:
		return encoding.ByteArrayValues(nil, []uint32{0}), nil
	case n == 0 || e == format.Plain && physical != format.ByteArray:
		return fixedWidth(src, n, physical, size)
	case e == format.RLE && physical == format.Boolean:
		return p.booleans(src, n)
	}
	if err := checkDelta(src, n, e, physical); err != nil {
		return encoding.Values{}, err
	}
	enc, data := pq.LookupEncoding(e), p.data[:0]
	var v encoding.Values
	var err error
	switch physical {
	case format.Int32:
		v, err = encoding.DecodeInt32(encoding.Int32ValuesFromBytes(data), src, enc)
	case format.Int64:
		v, err = encoding.DecodeInt64(encoding.Int64ValuesFromBytes(data), src, enc)
	case format.Float:
		v, err = encoding.DecodeFloat(encoding.FloatValuesFromBytes(data), src, enc)
	case format.Double:
		v, err = encoding.DecodeDouble(encoding.DoubleValuesFromBytes(data), src, enc)
	case format.ByteArray:
		v, err = encoding.DecodeByteArray(encoding.ByteArrayValues(data, p.offsets[:0]), src, enc)
	case format.FixedLenByteArray:
		v, err = encoding.DecodeFixedLenByteArray(encoding.FixedLenByteArrayValues(data, size), src, enc)
	default:
		err = fmt.Errorf("values of type %s in encoding %s can't be read", physical, e)
	}
	return p.kept(v, n, err)
}

// kept keeps the memory of decoded values for the next page and checks that
// there are n.
func (p *pageReader) kept(v encoding.Values, n int, err error) (encoding.Values, error) {
	if err != nil {
		return v, err
	}
	data, offsets := v.Data()
	p.data = data
	var have int
	switch kind := v.Kind(); kind {
	case encoding.ByteArray:
		p.offsets = offsets
		have = len(offsets) - 1
	case encoding.FixedLenByteArray:
		_, size := v.FixedLenByteArray()
		have = len(data) / size
	case encoding.Int32, encoding.Float:
		have = len(data) / 4
	default:
		have = len(data) / 8
	}
	if have < n {
		return v, fmt.Errorf("a page has %d values of %d", max(have, 0), n)
	}
	return v, nil
}

// fixedWidth takes plain values as they stand.
func fixedWidth(src []byte, n int, physical format.Type, size int) (encoding.Values, error) {
	switch physical {
	case format.Boolean:
		if len(src) < (n+7)/8 {
			return encoding.Values{}, fmt.Errorf("a page has %d bytes for %d booleans", len(src), n)
		}
		return encoding.BooleanValues(src), nil
	case format.Int32, format.Float:
		size = 4
	case format.Int64, format.Double:
		size = 8
	case format.Int96:
		size = 12
	default: // of a size of its own
	}
	if len(src)/size < n {
		return encoding.Values{}, fmt.Errorf("a page has %d values of %d", len(src)/size, n)
	}
	src = src[:n*size]
	switch physical {
	case format.Int32:
		return encoding.Int32ValuesFromBytes(src), nil
	case format.Float:
		return encoding.FloatValuesFromBytes(src), nil
	case format.Int64:
		return encoding.Int64ValuesFromBytes(src), nil
	case format.Double:
		return encoding.DoubleValuesFromBytes(src), nil
	case format.Int96:
		return encoding.Int96ValuesFromBytes(src), nil
	default:
		return encoding.FixedLenByteArrayValues(src, size), nil
	}
}

// booleans decodes booleans in runs, behind their length.
func (p *pageReader) booleans(src []byte, n int) (encoding.Values, error) {
	if len(src) < 4 || uint64(binary.LittleEndian.Uint32(src)) > uint64(len(src)-4) {
		return encoding.Values{}, errors.New("a page ends inside its booleans")
	}
	src, err := runs(src[4:4+binary.LittleEndian.Uint32(src)], 1, n)
	if err != nil {
		return encoding.Values{}, err
	}
	if p.data, err = (&rle.Encoding{BitWidth: 1}).DecodeLevels(p.data[:0], src); err != nil {
		return encoding.Values{}, err
	}
	p.bits = sized(p.bits, (n+7)/8)
	clear(p.bits)
	for i, b := range p.data[:n] {
		p.bits[i/8] |= b & 1 << (i % 8)
	}
	return encoding.BooleanValues(p.bits), nil
}

// checkDelta walks over what delta encodings claim, without decoding it.
func checkDelta(src []byte, n int, e format.Encoding, physical format.Type) error {
	var err error
	switch e {
	case format.DeltaBinaryPacked:
		width := 32
		if physical == format.Int64 {
			width = 64
		}
		_, err = deltas(src, n, width)
	case format.DeltaLengthByteArray:
		_, err = deltas(src, n, 32)
	case format.DeltaByteArray:
		if src, err = deltas(src, n, 32); err == nil {
			_, err = deltas(src, n, 32)
		}
	default: // others claim nothing
	}
	return err
}

// deltas walks over n values in blocks of packed differences and gives what
// stands behind them.
func deltas(src []byte, n, width int) ([]byte, error) {
	var head [3]uint64 // the size of a block, its miniblocks, the number of values
	for i := range head {
		v, size := binary.Uvarint(src)
		if size <= 0 {
			return nil, errors.New("a page ends inside the header of its differences")
		}
		head[i], src = v, src[size:]
	}
	const largest = 1 << 20
	block, minis := head[0], head[1]
	if minis == 0 || block == 0 || block > largest || minis > block || block%minis != 0 {
		return nil, fmt.Errorf("differences in blocks of %d values and %d parts can't be read", block, minis)
	}
	if head[2] != uint64(n) {
		return nil, fmt.Errorf("%d differences are claimed for %d values", head[2], n)
	}
	_, size := binary.Varint(src)
	if size <= 0 {
		return nil, errors.New("a page ends before its first value")
	}
	src = src[size:]
	each := int(block / minis)
	for left := n - 1; left > 0; {
		_, size := binary.Varint(src)
		if size <= 0 || len(src)-size < int(minis) {
			return nil, fmt.Errorf("%d of %d values are missing", left, n)
		}
		widths := src[size : size+int(minis)]
		src = src[size+int(minis):]
		for _, w := range widths {
			if left <= 0 {
				break
			}
			if int(w) > width {
				return nil, fmt.Errorf("differences of %d bits", w)
			}
			src = src[min(each*int(w)/8, len(src)):] // the last part may be cut short
			left -= each
		}
	}
	return src, nil
}
