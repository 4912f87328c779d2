package tiles_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// hostile is a section of one group of one part with a state in each of n tiles.
func hostile(n int, state []byte) []byte {
	b := binary.AppendVarint(binary.AppendUvarint(nil, uint64(n)), 1<<30)
	b = append(b, make([]byte, n-1)...) // no gaps
	b = binary.AppendUvarint(b, uint64(n*len(state)))
	for range n {
		b = append(b, state...)
	}
	return append(b, 0)
}

// Whoever may write to the online store can't have a server answer what no events can give: what is
// read is the true sum of what is stored, or damaged.
func TestStatesThatComeToMoreThanThereCanBe(t *testing.T) {
	const most = aggregate.MaxCount
	count := func(n uint64) []byte { return binary.AppendUvarint(nil, n) }
	with := func(n uint64, rest ...byte) []byte { return append(count(n), rest...) }
	var three, five aggregate.IntSum // of as many of the least value
	for n := range 5 {
		if five.Add(-1 << 63); n < 3 {
			three.Add(-1 << 63)
		}
	}
	// 2^exp, as aggregate writes numbers: a byte of magnitude, the exponent, the byte.
	far := func(exp uint64) []byte { return append(binary.AppendUvarint([]byte{1 << 2}, 2*(exp+32)), 1) }
	integer, float := feature.Scalar(feature.Int64), feature.Scalar(feature.Float64)
	for _, tc := range []struct {
		what     string
		function feature.Function
		over     feature.Type
		tiles    int
		state    []byte
		want     any // nil: damaged
	}{
		{"counts", feature.Count, feature.Type{}, 1 << 19, count(most), int64(1) << 61},
		{"a count", feature.Count, feature.Type{}, 1, count(most + 1), nil},
		{"counts of 2^48 in so many tiles that they overflow", feature.Count, feature.Type{}, 1 << 15, count(1 << 48), nil},
		{"tiles", feature.Count, feature.Type{}, 1<<19 + 1, count(1), nil},
		{"an integer sum", feature.Mean, integer, 1 << 16, with(3, three.Append(nil)...), -0x1p63},
		{"an integer sum of more than its values", feature.Mean, integer, 1, with(3, five.Append(nil)...), nil},
		{"squares of more than their values", feature.Variance, integer, 1, with(most, append([]byte{0}, far(170)...)...), nil},
		{"a float's squares", feature.Variance, float, 1, append(with(2, 0), far(2100)...), nil},
		{"a float sum beyond what floats can come to", feature.Sum, float, 1, with(1, far(1100)...), nil},
		{"top", feature.TopK, integer, 1, append([]byte{11, 1, 2, 0x80, 5}, count(1<<45)...), nil},
	} {
		f := over("f", tc.function, tc.over, 1<<20, 1)
		p := newPlan(t, f)
		into := feature.NewColumn(f.Type, 0)
		err := p.NewReader().Answer(hostile(tc.tiles, tc.state), 1<<30, []*feature.Column{into})
		switch {
		case tc.want == nil && (!errors.Is(err, feature.ErrInvalid) || into.Len() != 0):
			t.Errorf("%s: %v", tc.what, err)
		case tc.want != nil && (err != nil || fmt.Sprint(into.Any(0)) != fmt.Sprint(tc.want)):
			t.Errorf("%s: got %v, %v; want %v", tc.what, into, err, tc.want)
		}
	}
}
