package aggregate

import (
	"encoding/binary"
)

// Append appends the encoding: the number of values, the sum as Sum has it, the sum of
// squares as its significant bits.
func (m *Moments) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(m.n))
	dst = m.sum.Append(dst)
	if m.squares.far == nil {
		return appendNumber(dst, m.squares.near[:], squareExp, false, false)
	}
	return appendNumber(dst, m.squares.total()[:], farSquareExp, false, false)
}

const (
	// MomentsMaxBytes is the length of the longest encoding of Moments.
	MomentsMaxBytes = 7 + SumMaxBytes + 2 + 2 + 8*farSquareLimbs
	// MomentsUsualBytes is the same for values as SumUsualBytes means them.
	MomentsUsualBytes = 7 + SumUsualBytes + 2 + 2 + 8*squareLimbs
)

// ReadMoments cuts Moments from the front of b.
func ReadMoments(b []byte) (m Moments, rest []byte, err error) {
	n, b, err := cutUvarint(b, MaxCount, "a number of values")
	if err != nil {
		return Moments{}, nil, err
	}
	m.n = int64(n)
	if m.sum, b, err = ReadSum(b); err != nil {
		return Moments{}, nil, err
	}
	squares, b, err := cutNumber(b, 2*-1074, 2*1024+countBits, "a sum of squares")
	switch {
	case err != nil:
		return Moments{}, nil, err
	case squares.negative || squares.flag:
		return Moments{}, nil, damaged("a sum of squares is negative")
	case n == 0 && (!m.sum.IsZero() || len(squares.bytes) != 0):
		return Moments{}, nil, damaged("no values have a sum")
	}
	if squares.fits(squareLimbs, squareExp) {
		squares.put(m.squares.near[:], squareExp)
	} else {
		m.squares.far = new([farSquareLimbs]uint64)
		squares.put(m.squares.far[:], farSquareExp)
	}
	return m, b, nil
}

// Append appends the encoding: the number of values, the sum as IntSum has it, the sum
// of squares as its significant bits.
func (m *IntMoments) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(m.n))
	dst = m.sum.Append(dst)
	return appendNumber(dst, m.squares[:], 0, false, false)
}

// IntMomentsMaxBytes is the length of the longest encoding of IntMoments.
const IntMomentsMaxBytes = 7 + IntSumMaxBytes + 1 + 2 + 24

// ReadIntMoments cuts IntMoments from the front of b.
func ReadIntMoments(b []byte) (m IntMoments, rest []byte, err error) {
	n, b, err := cutUvarint(b, MaxCount, "a number of values")
	if err != nil {
		return IntMoments{}, nil, err
	}
	m.n = int64(n)
	if m.sum, b, err = ReadIntSumOf(b, m.n); err != nil {
		return IntMoments{}, nil, err
	}
	squares, b, err := cutNumber(b, 0, 2*63+countBits, "a sum of squares")
	switch {
	case err != nil:
		return IntMoments{}, nil, err
	case squares.negative || squares.flag:
		return IntMoments{}, nil, damaged("a sum of squares is negative")
	case n == 0 && (!m.sum.IsZero() || len(squares.bytes) != 0):
		return IntMoments{}, nil, damaged("no values have a sum")
	}
	squares.put(m.squares[:], 0)
	return m, b, nil
}
