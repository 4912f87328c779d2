package aggregate

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/quiver-features/quiver/feature"
)

// damaged says what is wrong with bytes that no Append has written.
func damaged(format string, args ...any) error {
	return fmt.Errorf("aggregate: a stored state is damaged: %s: %w", fmt.Sprintf(format, args...), feature.ErrInvalid)
}

// MaxCount bounds the counts that are read, and sums by what so many values can come to, so
// that nothing overflows where up to 2^20 states are merged. Nobody has that many rows.
const MaxCount = 1 << 42

const countBits = 43 // of MaxCount

// cutUvarint cuts a varint in its shortest form, of at most limit.
func cutUvarint(b []byte, limit uint64, what string) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, nil, damaged("%s is not a whole number in its shortest form", what)
	}
	if v > limit {
		return 0, nil, damaged("%s is %d, at most %d is possible", what, v, limit)
	}
	return v, b[n:], nil
}

// zigzag puts the sign into the lowest bit, so that small numbers are short.
func zigzag(v int64) uint64 { return uint64(v)<<1 ^ uint64(v>>63) }

func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

func uvarintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// expBias makes the exponents of sums of ordinary values, -96 to 31, one byte long.
const expBias = 32

// appendNumber appends magnitude x × 2^exp with a sign and a flag that is the
// caller's: the number of bytes, then the sign, then the flag in one varint; unless
// it is zero, the exponent of its lowest set bit, plus expBias (zigzag varint), and the
// bits from there up, little-endian.
func appendNumber(dst []byte, x []uint64, exp int, negative, flag bool) []byte {
	low := trailingZeros(x)
	size := (bitLen(x) - low + 7) / 8
	head := uint64(size) << 2
	if negative {
		head |= 2
	}
	if flag {
		head |= 1
	}
	dst = binary.AppendUvarint(dst, head)
	if size == 0 {
		return dst
	}
	dst = binary.AppendUvarint(dst, zigzag(int64(exp+low+expBias)))
	for i := 0; i < size; i += 8 {
		v := bitsAt(x, low+8*i)
		for range min(8, size-i) {
			dst = append(dst, byte(v))
			v >>= 8
		}
	}
	return dst
}

// number is what appendNumber wrote; bytes alias what was read.
type number struct {
	negative, flag bool
	bytes          []byte
	exp            int
}

// cutNumber cuts a number whose bits lie between 2^low and 2^high.
func cutNumber(b []byte, low, high int, what string) (number, []byte, error) {
	head, b, err := cutUvarint(b, 8*farSquareLimbs<<2|3, what)
	if err != nil {
		return number{}, nil, err
	}
	size := head >> 2
	n := number{negative: head&2 != 0, flag: head&1 != 0}
	if size == 0 {
		if n.negative {
			return number{}, nil, damaged("%s is a negative zero", what)
		}
		return n, b, nil
	}
	exp, b, err := cutUvarint(b, 1<<20, what)
	if err != nil {
		return number{}, nil, err
	}
	if uint64(len(b)) < size {
		return number{}, nil, damaged("%s ends too early", what)
	}
	n.bytes, n.exp, b = b[:size], int(unzigzag(exp))-expBias, b[size:]
	last := n.bytes[size-1]
	if n.bytes[0]&1 == 0 || last == 0 {
		return number{}, nil, damaged("%s is not in its shortest form", what)
	}
	if n.exp < low || n.exp+n.len() > high {
		return number{}, nil, damaged("%s is out of range", what)
	}
	return n, b, nil
}

// len is the number of bits.
func (n *number) len() int {
	if len(n.bytes) == 0 {
		return 0
	}
	return 8*(len(n.bytes)-1) + bits.Len8(n.bytes[len(n.bytes)-1])
}

// fits tells whether the number can stand in that many limbs, in units of 2^exp.
func (n *number) fits(limbs, exp int) bool {
	return len(n.bytes) == 0 || n.exp >= exp && n.exp-exp+n.len() < 64*limbs
}

// put sets dst, which is zero and which the number fits, to it, in units of 2^exp.
func (n *number) put(dst []uint64, exp int) {
	if len(n.bytes) == 0 {
		return
	}
	at := uint(n.exp - exp)
	for b := n.bytes; len(b) > 0; at += 64 {
		var v uint64
		if len(b) >= 8 {
			v, b = binary.LittleEndian.Uint64(b), b[8:]
		} else {
			for i, c := range b {
				v |= uint64(c) << (8 * i)
			}
			b = nil
		}
		i, shift := at/64, at%64
		dst[i] |= v << shift
		if over := v >> (64 - shift); over != 0 {
			dst[i+1] |= over
		}
	}
	if n.negative {
		negate(dst)
	}
}

// Append appends the encoding: the exact sum as its significant bits, with their
// exponent; then, where there are any, the numbers of NaN, +Inf and -Inf.
// Sums of ordinary values take 4 to 14 bytes.
func (s *Sum) Append(dst []byte) []byte {
	var buf [farLimbs]uint64
	x, exp := s.total(&buf)
	negative := magnitude(x)
	f := s.far
	counts := f != nil && (f.nan != 0 || f.plus != 0 || f.minus != 0)
	dst = appendNumber(dst, x, exp, negative, counts)
	if counts {
		for _, n := range [...]int64{f.nan, f.plus, f.minus} {
			dst = binary.AppendUvarint(dst, uint64(n))
		}
	}
	return dst
}

const (
	// SumMaxBytes is the length of the longest encoding of a Sum.
	SumMaxBytes = 2 + 2 + 8*farLimbs + 3*7
	// SumUsualBytes is the length of the longest encoding of a Sum without NaN
	// and infinities whose values and sums are of the size that its comment calls ordinary.
	SumUsualBytes = 1 + 2 + 8*sumLimbs
)

// ReadSum cuts a Sum from the front of b.
func ReadSum(b []byte) (s Sum, rest []byte, err error) {
	if size := s.readShort(b); size > 0 {
		return s, b[size:], nil
	}
	n, b, err := cutNumber(b, -1074, 1024+countBits, "a sum")
	if err != nil {
		return Sum{}, nil, err
	}
	var f far
	if n.flag {
		var counts [3]uint64
		for i := range counts {
			if counts[i], b, err = cutUvarint(b, MaxCount, "a count of NaN or infinities"); err != nil {
				return Sum{}, nil, err
			}
		}
		if counts == [3]uint64{} {
			return Sum{}, nil, damaged("a sum announces NaN or infinities and has none")
		}
		f.nan, f.plus, f.minus = int64(counts[0]), int64(counts[1]), int64(counts[2])
	}
	if n.fits(sumLimbs, sumExp) {
		n.put(s.near[:], sumExp)
	} else {
		f.limbs = new([farLimbs]uint64)
		n.put(f.limbs[:], farExp)
	}
	if f != (far{}) {
		s.far = &far{nan: f.nan, plus: f.plus, minus: f.minus, limbs: f.limbs}
	}
	return s, b, nil
}

// MergeEncoded cuts a Sum from the front of b, as ReadSum does, and adds all that was
// added to it.
func (s *Sum) MergeEncoded(b []byte) (rest []byte, err error) {
	if size := s.addWord(b); size > 0 {
		return b[size:], nil
	}
	o, rest, err := ReadSum(b)
	if err == nil {
		s.Merge(&o)
	}
	return rest, err
}

// addWord adds a sum of at most 8 bytes of magnitude, with lengths of one byte and without
// NaN, to the near part. It gives the size; or 0 where b is something else, or damaged, or
// too short for reading 8 bytes at once, or the sum has no place there: nothing was done then.
func (s *Sum) addWord(b []byte) (size int) {
	if len(b) < 10 || b[0]-4 > 8<<2-4|2 || b[0]&1 != 0 || b[1] > 0x7f {
		return 0
	}
	size = int(b[0] >> 2)
	unused := uint(64 - 8*size)
	m := binary.LittleEndian.Uint64(b[2:]) << unused >> unused
	at := uint(unzigzag(uint64(b[1])) - expBias - sumExp)
	if m&1 == 0 || b[1+size] == 0 || at+uint(8*size) >= 64*sumLimbs {
		return 0
	}
	sign := -uint64(b[0] >> 1 & 1)
	x0 := m<<at ^ sign
	x1 := (m>>(64-at) | m<<(at-64)) ^ sign
	x2 := (m>>(128-at) | m<<(at-128)) ^ sign
	y0, carry := bits.Add64(s.near[0], x0, sign&1)
	y1, carry := bits.Add64(s.near[1], x1, carry)
	y2 := s.near[2] + x2 + carry
	if int64((y2^x2)&(y2^s.near[2])) < 0 {
		return 0
	}
	s.near = [sumLimbs]uint64{y0, y1, y2}
	return 2 + size
}

// readShort reads what most sums are, into a zero Sum: at most 16 bytes of magnitude,
// lengths of one byte, no NaN. It gives the size, or 0 where b is something else, or
// damaged, or too short for reading 16 bytes at once.
func (s *Sum) readShort(b []byte) (size int) {
	if len(b) < 18 || b[0] > 16<<2|2 || b[0]&1 != 0 || b[1] > 0x7f {
		return 0
	}
	size = int(b[0] >> 2)
	lo, hi := binary.LittleEndian.Uint64(b[2:]), binary.LittleEndian.Uint64(b[10:])
	drop := uint(128 - 8*size) // shifted up and down again, what is behind the magnitude goes
	if drop >= 64 {
		lo, hi = lo<<(drop-64)>>(drop-64), 0
	} else {
		hi = hi << drop >> drop
	}
	at := uint(unzigzag(uint64(b[1])) - expBias - sumExp)
	if size == 0 || lo&1 == 0 || b[1+size] == 0 || at+uint(8*size) >= 64*sumLimbs {
		return 0
	}
	x0 := lo << at
	x1 := lo>>(64-at) | lo<<(at-64) | hi<<at
	x2 := lo>>(128-at) | lo<<(at-128) | hi>>(64-at) | hi<<(at-64)
	sign := -uint64(b[0] >> 1 & 1)
	y0, carry := bits.Add64(x0^sign, 0, sign&1)
	y1, carry := bits.Add64(x1^sign, 0, carry)
	s.near = [sumLimbs]uint64{y0, y1, x2 ^ sign + carry}
	return 2 + size
}
