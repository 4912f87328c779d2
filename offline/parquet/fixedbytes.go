package parquet

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/parquet-go/parquet-go/format"
)

// fixedBytes are values of one length: decimals, identifiers, half floats.
type fixedBytes struct {
	width  int
	order  order
	values []byte
}

func (f *fixedBytes) take(arr arrow.Array, lo, hi int, present []uint8) error {
	for i := lo; i < hi; i++ {
		if present != nil && present[i-lo] == 0 {
			continue
		}
		switch a := arr.(type) {
		case *array.FixedSizeBinary:
			f.values = append(f.values, a.Value(i)...)
		case *array.Float16:
			h := a.Value(i).Uint16()
			f.values = append(f.values, byte(h), byte(h>>8))
		case *array.Decimal128:
			v := a.Value(i)
			f.number(v.LowBits(), uint64(v.HighBits()))
		case *array.Decimal256:
			v := a.Value(i).Array()
			f.number(v[:]...)
		}
	}
	return nil
}

// number appends a number, given as words from the lowest, in big-endian bytes.
func (f *fixedBytes) number(words ...uint64) {
	for k := f.width - 1; k >= 0; k-- {
		f.values = append(f.values, byte(words[min(k/8, len(words)-1)]>>(8*(k%8))))
	}
}

func (f *fixedBytes) size() int { return len(f.values) }

func (f *fixedBytes) encode(dst []byte) ([]byte, format.Encoding, error) {
	return append(dst, f.values...), format.Plain, nil
}

func (f *fixedBytes) bounds() (least, greatest []byte, ok bool) {
	compare := comparison(format.FixedLenByteArray, f.order)
	if compare == nil || f.width > indexBytes {
		return nil, nil, false
	}
	for at := 0; at < len(f.values); at += f.width {
		v := f.values[at : at+f.width]
		if least == nil || compare(v, least) < 0 {
			least = v
		}
		if greatest == nil || compare(v, greatest) > 0 {
			greatest = v
		}
	}
	return least, greatest, least != nil
}

func (f *fixedBytes) reset() { f.values = f.values[:0] }

// booleans are bits, the first value in the lowest.
type booleans struct {
	bits    []byte
	count   int
	yes, no bool // whether there are such values
}

func (b *booleans) take(arr arrow.Array, lo, hi int, present []uint8) error {
	a, ok := arr.(*array.Boolean)
	if !ok {
		return nil // an array of nulls
	}
	for i := lo; i < hi; i++ {
		if present != nil && present[i-lo] == 0 {
			continue
		}
		if b.count%8 == 0 {
			b.bits = append(b.bits, 0)
		}
		if a.Value(i) {
			b.bits[b.count/8] |= 1 << (b.count % 8)
			b.yes = true
		} else {
			b.no = true
		}
		b.count++
	}
	return nil
}

func (b *booleans) size() int { return len(b.bits) }

func (b *booleans) encode(dst []byte) ([]byte, format.Encoding, error) {
	return append(dst, b.bits...), format.Plain, nil
}

func (b *booleans) bounds() (least, greatest []byte, ok bool) {
	least, greatest = []byte{1}, []byte{0}
	if b.no {
		least = []byte{0}
	}
	if b.yes {
		greatest = []byte{1}
	}
	return least, greatest, b.count > 0
}

func (b *booleans) reset() { *b = booleans{bits: b.bits[:0]} }
