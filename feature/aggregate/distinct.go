package aggregate

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Distinct counts the distinct values among those added, by their 64-bit hashes:
// exactly up to DistinctExact of them, beyond that by a HyperLogLog of 4,096 registers
// with a standard error of 1.6 %. Which of the two it is depends on the number of
// distinct hashes alone, so that the state is a function of their set. It
// has no inverse. The zero value is that of no values. It owns its memory and is not
// copied by assignment.
type Distinct struct {
	hashes    []uint64 // ascending, at most DistinctExact; none where there are registers
	registers []byte   // none, or one per register
}

// DistinctExact is the number of distinct values up to which the count is exact.
const DistinctExact = 256

// Add adds a value as AppendValue encodes it. Callers leave NaN out.
func (d *Distinct) Add(v []byte) { d.add(Hash(v)) }

func (d *Distinct) add(hash uint64) {
	if len(d.registers) > 0 {
		register(d.registers, hash)
		return
	}
	at, found := slices.BinarySearch(d.hashes, hash)
	if found {
		return
	}
	d.hashes = slices.Insert(d.hashes, at, hash)
	if len(d.hashes) > DistinctExact {
		d.estimateFromNow()
	}
}

// estimateFromNow turns the hashes into registers.
func (d *Distinct) estimateFromNow() {
	if cap(d.registers) < registers {
		d.registers = make([]byte, registers)
	}
	d.registers = d.registers[:registers]
	clear(d.registers)
	for _, hash := range d.hashes {
		register(d.registers, hash)
	}
	d.hashes = nil
}

// Merge adds all that was added to o.
func (d *Distinct) Merge(o *Distinct) {
	if len(o.registers) == 0 {
		if len(d.registers) > 0 {
			for _, hash := range o.hashes {
				register(d.registers, hash)
			}
			return
		}
		d.mergeHashes(o.hashes)
		return
	}
	if len(d.registers) == 0 {
		d.estimateFromNow()
	}
	mergeRegisters(d.registers, o.registers)
}

// mergeHashes merges ascending hashes from the greatest down, into memory of its own.
func (d *Distinct) mergeHashes(more []uint64) {
	i, j := len(d.hashes)-1, len(more)-1
	at := i + j + 1 - common(d.hashes, more)
	d.hashes = slices.Grow(d.hashes, at-i)[:at+1]
	for ; j >= 0; at-- {
		if i >= 0 && d.hashes[i] >= more[j] {
			if d.hashes[i] == more[j] {
				j--
			}
			d.hashes[at] = d.hashes[i]
			i--
			continue
		}
		d.hashes[at] = more[j]
		j--
	}
	if len(d.hashes) > DistinctExact {
		d.estimateFromNow()
	}
}

// common gives how many hashes two ascending lists have in common.
func common(a, b []uint64) int {
	n := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch x, y := a[i], b[j]; {
		case x < y:
			i++
		case x > y:
			j++
		default:
			n, i, j = n+1, i+1, j+1
		}
	}
	return n
}

// Reset makes it that of no values and keeps its memory.
func (d *Distinct) Reset() { d.hashes, d.registers = d.hashes[:0], d.registers[:0] }

// Memory gives the bytes that it takes beside itself.
func (d *Distinct) Memory() int64 { return int64(8*cap(d.hashes) + cap(d.registers)) }

// Count gives the number of distinct values, and beyond DistinctExact the estimate of
// it, rounded to a whole number and never less than DistinctExact + 1.
func (d *Distinct) Count() int64 {
	if len(d.registers) == 0 {
		return int64(len(d.hashes))
	}
	return max(estimate(d.registers), DistinctExact+1)
}

// DistinctMaxBytes is the length of the longest encoding of a Distinct.
const DistinctMaxBytes = 1 + packedBytes

// Append appends the encoding. Exact: twice the number of hashes, then these, ascending,
// eight bytes each, big-endian. Else 1 and the registers packed to 6 bits; or, where that
// is shorter, twice the number of registers that are not zero, plus 1, and for each of
// these a varint: its distance from the last one less 1, times 64, plus its value.
func (d *Distinct) Append(dst []byte) []byte {
	if len(d.registers) == 0 {
		dst = binary.AppendUvarint(dst, uint64(len(d.hashes))<<1)
		for _, hash := range d.hashes {
			dst = binary.BigEndian.AppendUint64(dst, hash)
		}
		return dst
	}
	n, size := sparseSize(d.registers)
	if size >= packedBytes {
		return appendPacked(append(dst, 1), d.registers)
	}
	dst = binary.AppendUvarint(dst, uint64(n)<<1|1)
	last := -1
	for i, r := range d.registers {
		if r != 0 {
			dst = binary.AppendUvarint(dst, uint64(i-last-1)<<6|uint64(r))
			last = i
		}
	}
	return dst
}

// ReadDistinct cuts a Distinct from the front of b.
func ReadDistinct(b []byte) (d Distinct, rest []byte, err error) {
	head, b, err := cutUvarint(b, registers<<1|1, "a number of distinct values")
	if err != nil {
		return Distinct{}, nil, err
	}
	n := int(head >> 1)
	switch {
	case head == 1:
		if len(b) < packedBytes {
			return Distinct{}, nil, damaged("registers end too early")
		}
		d.registers = make([]byte, registers)
		unpack(d.registers, b)
		b = b[packedBytes:]
	case head&1 == 1:
		d.registers = make([]byte, registers)
		if b, err = cutSparse(d.registers, b, n); err != nil {
			return Distinct{}, nil, err
		}
	default:
		d.hashes, b, err = cutHashes(b, n)
		return d, b, err
	}
	_, size := sparseSize(d.registers)
	if slices.Max(d.registers) > maxRegister || (head == 1) != (size >= packedBytes) {
		return Distinct{}, nil, damaged("registers are out of range, or not in their shortest form")
	}
	return d, b, nil
}

func cutHashes(b []byte, n int) (hashes []uint64, rest []byte, err error) {
	if n > DistinctExact || len(b) < 8*n {
		return nil, nil, damaged("hashes are too many, or end too early")
	}
	hashes = make([]uint64, n)
	for i := range hashes {
		hashes[i] = binary.BigEndian.Uint64(b[8*i:])
		if i > 0 && hashes[i] <= hashes[i-1] {
			return nil, nil, damaged("hashes are not in order")
		}
	}
	return hashes, b[8*n:], nil
}

func cutSparse(into, b []byte, n int) (rest []byte, err error) {
	at := -1
	for range n {
		var v uint64
		if v, b, err = cutUvarint(b, registers<<6, "a register"); err != nil {
			return nil, err
		}
		at += int(v>>6) + 1
		if at >= registers || v&63 == 0 {
			return nil, damaged("a register is out of range")
		}
		into[at] = byte(v & 63)
	}
	return b, nil
}

// sparseSize gives the number of registers that are not zero and the bytes they take
// one by one.
func sparseSize(r []byte) (n, size int) {
	last := -1
	for i, v := range r {
		if v == 0 {
			continue
		}
		n++
		size += (bits.Len(uint(i-last-1)<<6|uint(v)) + 6) / 7
		last = i
	}
	return n, size
}
