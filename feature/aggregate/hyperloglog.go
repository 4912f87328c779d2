package aggregate

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A HyperLogLog of 2^12 registers over 64-bit hashes: the first 12 bits of a hash name
// a register, which keeps the greatest position of the first set bit in the other 52.

const (
	registerBits = 12
	registers    = 1 << registerBits
	// maxRegister is the value for 52 zero bits.
	maxRegister = 64 - registerBits + 1
	packedBytes = registers * 6 / 8
)

func register(r []byte, hash uint64) {
	i := hash >> (64 - registerBits)
	rank := byte(bits.LeadingZeros64(hash<<registerBits|1<<(registerBits-1)) + 1)
	if rank > r[i] {
		r[i] = rank
	}
}

// mergeRegisters takes the greater of each two registers, eight at once: they are less
// than 128, so that the highest bit of each byte is free to tell which.
func mergeRegisters(dst, src []byte) {
	const highest = 0x8080808080808080
	for len(dst) >= 8 && len(src) >= 8 {
		a, b := binary.LittleEndian.Uint64(dst), binary.LittleEndian.Uint64(src)
		keep := ((a | highest) - b) & highest >> 7 * 0xff // all bits of those bytes where a's is not less
		binary.LittleEndian.PutUint64(dst, a&keep|b&^keep)
		dst, src = dst[8:], src[8:]
	}
}

// estimate is the improved raw estimator of Otmar Ertl, "New cardinality estimation
// algorithms for HyperLogLog sketches", arXiv:1702.01284, algorithm 6: one formula
// for all cardinalities, without tables and thresholds. Products are converted before
// they are added, so that no compiler fuses the two and the result is the
// same on every CPU.
func estimate(r []byte) int64 {
	var histogram [maxRegister + 1]int
	for _, v := range r {
		histogram[v]++
	}
	const m = float64(registers)
	z := float64(m * tau(1-float64(float64(histogram[maxRegister])/m)))
	for k := maxRegister - 1; k >= 1; k-- {
		z = (z + float64(histogram[k])) / 2
	}
	z += float64(m * sigma(float64(histogram[0])/m))
	n := m * m / (2 * math.Ln2) / z
	if n >= 1<<62 {
		return 1 << 62
	}
	return int64(math.RoundToEven(n))
}

// sigma is x + the sum of x^(2^k) × 2^(k-1) over k from 1.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	for y, z := 1.0, x; ; y *= 2 {
		x *= x
		last := z
		z += float64(x * y)
		if z == last {
			return z
		}
	}
}

// tau is (1 - x - the sum of (1 - x^(2^-k))² × 2^-k over k from 1) / 3.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	for y, z := 0.5, 1-x; ; y /= 2 {
		x = math.Sqrt(x)
		last := z
		z -= float64((1 - x) * (1 - x) * y)
		if z == last {
			return z / 3
		}
	}
}

// appendPacked appends registers, four to three bytes.
func appendPacked(dst, r []byte) []byte {
	for i := 0; i < len(r); i += 4 {
		v := uint32(r[i]) | uint32(r[i+1])<<6 | uint32(r[i+2])<<12 | uint32(r[i+3])<<18
		dst = append(dst, byte(v), byte(v>>8), byte(v>>16))
	}
	return dst
}

// unpack reads what appendPacked wrote.
func unpack(r, b []byte) {
	for i, j := 0, 0; i < len(r); i, j = i+4, j+3 {
		v := uint32(b[j]) | uint32(b[j+1])<<8 | uint32(b[j+2])<<16
		r[i], r[i+1], r[i+2], r[i+3] = byte(v&63), byte(v>>6&63), byte(v>>12&63), byte(v>>18)
	}
}
