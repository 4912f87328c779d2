package aggregate

import (
	"math"
	"math/bits"
	"slices"
)

// Quantile answers quantiles of float64 values with a relative error of at most 1 %: a
// DDSketch, which counts values by buckets whose bounds grow geometrically. It has at most
// QuantileBuckets of them. Values that spread over more make all buckets twice
// as wide, as often as needed, and the error grows with them (see ErrorBound). Zeros and
// infinities are counted by themselves, NaN is skipped. The state is a function of
// the multiset of values. The zero value is that of no values. It owns its
// memory and is not copied by assignment.
type Quantile struct {
	level           uint8 // how often buckets were joined in pairs
	low, zero, high int64 // the counts of -Inf, 0 and +Inf
	// The buckets that are not empty, ascending by key, and how many values each
	// has. A key is a bucket's number; that of a negative value is the complement of
	// that of its magnitude, so that keys are in the order of values. Joining
	// pairs shifts a key right by one, on both sides of zero.
	keys        []int32
	counts      []int64
	spareKeys   []int32 // memory for merging
	spareCounts []int64
}

const (
	// QuantileBuckets is the greatest number of buckets.
	QuantileBuckets = 2048

	// Each octave [2^e, 2^(e+1)) is parted into 50 equally wide buckets. Bucket i
	// of it, [2^e (50+i)/50, 2^e (51+i)/50), is at most a fiftieth of its lower bound wide.
	perOctave    = 50
	leastOctave  = -1074
	bucketNumber = (1024 - leastOctave) * perOctave
	// At this level the buckets of all finite values are no more than QuantileBuckets.
	maxLevel = 7
)

// bucket gives the number of v's bucket by integers alone, so that it is the same on
// every CPU. v is finite and greater than zero.
func bucket(v float64) int32 {
	m, exp := parts(v)
	shift := bits.LeadingZeros64(m) - 11 // subnormals have fewer than 53 bits
	m, exp = m<<shift, exp-shift+52      // v is m/2^52 × 2^exp
	return int32(exp-leastOctave)*perOctave + int32((m&(1<<52-1))*perOctave>>52)
}

// Add adds v, unless it is NaN.
func (q *Quantile) Add(v float64) {
	switch {
	case v == 0:
		q.zero++
	case v > math.MaxFloat64:
		q.high++
	case v < -math.MaxFloat64:
		q.low++
	case v > 0:
		q.count(bucket(v) >> q.level)
	case v < 0:
		q.count(^bucket(-v) >> q.level)
	}
}

// count counts a value in the bucket with a key of the present level.
func (q *Quantile) count(key int32) {
	at, end := 0, len(q.keys)
	for at < end {
		if mid := int(uint(at+end) / 2); q.keys[mid] < key {
			at = mid + 1
		} else {
			end = mid
		}
	}
	if at < len(q.keys) && q.keys[at] == key {
		q.counts[at]++
		return
	}
	q.keys = slices.Insert(q.keys, at, key)
	q.counts = slices.Insert(q.counts, at, 1)
	q.shrink()
}

// shrink joins buckets in pairs until they are few enough.
func (q *Quantile) shrink() {
	for len(q.keys) > QuantileBuckets {
		q.level++
		n := 0
		for i, key := range q.keys {
			key >>= 1
			if n > 0 && q.keys[n-1] == key {
				q.counts[n-1] += q.counts[i]
				continue
			}
			q.keys[n], q.counts[n] = key, q.counts[i]
			n++
		}
		q.keys, q.counts = q.keys[:n], q.counts[:n]
	}
}

// Merge adds all that was added to o.
func (q *Quantile) Merge(o *Quantile) {
	q.low, q.zero, q.high = q.low+o.low, q.zero+o.zero, q.high+o.high
	if len(o.keys) == 0 {
		return
	}
	level := max(q.level, o.level)
	a, b := level-q.level, level-o.level
	keys, counts := q.spareKeys[:0], q.spareCounts[:0]
	add := func(key int32, n int64) {
		if last := len(keys) - 1; last >= 0 && keys[last] == key {
			counts[last] += n
			return
		}
		keys, counts = append(keys, key), append(counts, n)
	}
	i, j := 0, 0
	for i < len(q.keys) && j < len(o.keys) {
		if x, y := q.keys[i]>>a, o.keys[j]>>b; x <= y {
			add(x, q.counts[i])
			i++
		} else {
			add(y, o.counts[j])
			j++
		}
	}
	for ; i < len(q.keys); i++ {
		add(q.keys[i]>>a, q.counts[i])
	}
	for ; j < len(o.keys); j++ {
		add(o.keys[j]>>b, o.counts[j])
	}
	if q != o {
		q.spareKeys, q.spareCounts = q.keys, q.counts
	}
	q.keys, q.counts, q.level = keys, counts, level
	q.shrink()
}

// Unmerge takes away all that was added to o, and tells whether it could: not where
// buckets were joined, since the rest may need fewer joins and nobody knows any
// more what was in which half, and not where o was never merged. It changes nothing then.
func (q *Quantile) Unmerge(o *Quantile) bool {
	if q.level != 0 || o.level != 0 || q.low < o.low || q.zero < o.zero || q.high < o.high {
		return false
	}
	at := 0
	for j, key := range o.keys {
		for at < len(q.keys) && q.keys[at] < key {
			at++
		}
		if at == len(q.keys) || q.keys[at] != key || q.counts[at] < o.counts[j] {
			return false
		}
	}
	q.low, q.zero, q.high = q.low-o.low, q.zero-o.zero, q.high-o.high
	n, j := 0, 0
	theirs := o.keys
	for i, key := range q.keys {
		count := q.counts[i]
		if j < len(theirs) && theirs[j] == key {
			count -= o.counts[j]
			j++
		}
		if count > 0 {
			q.keys[n], q.counts[n] = key, count
			n++
		}
	}
	q.keys, q.counts = q.keys[:n], q.counts[:n]
	return true
}

// Reset makes it that of no values and keeps its memory.
func (q *Quantile) Reset() {
	q.level, q.low, q.zero, q.high = 0, 0, 0, 0
	q.keys, q.counts = q.keys[:0], q.counts[:0]
}

// Memory gives the bytes that it takes beside itself.
func (q *Quantile) Memory() int64 {
	return int64(4*(cap(q.keys)+cap(q.spareKeys)) + 8*(cap(q.counts)+cap(q.spareCounts)))
}

// Count is the number of values, without NaN.
func (q *Quantile) Count() int64 {
	n := q.low + q.zero + q.high
	for _, count := range q.counts {
		n += count
	}
	return n
}

// Value gives the quantile for a share from 0 (the least value) to 1 (the greatest):
// of n values in ascending order that at rank ceil(share × n), counted from 1, the share
// being taken as a whole number of billionths. For a finite value it is the
// bucket's middle, off by at most ErrorBound of the value; zero and infinities are exact.
// ok is false where there is no value.
func (q *Quantile) Value(share float64) (v float64, ok bool) {
	n := q.Count()
	if n <= 0 {
		return 0, false
	}
	rank := rankOf(share, n)
	if rank <= q.low {
		return math.Inf(-1), true
	}
	rank -= q.low
	for i, key := range q.keys {
		if key >= 0 && (i == 0 || q.keys[i-1] < 0) {
			if rank <= q.zero {
				return 0, true
			}
			rank -= q.zero
		}
		if rank <= q.counts[i] {
			return middle(key, q.level), true
		}
		rank -= q.counts[i]
	}
	if len(q.keys) == 0 || q.keys[len(q.keys)-1] < 0 {
		if rank <= q.zero {
			return 0, true
		}
	}
	return math.Inf(1), true
}

// rankOf gives ceil(share × n), at least 1 and at most n, exactly: 0.07 of 100 values is
// the seventh, though the float64 nearest to 0.07 is greater than that.
func rankOf(share float64, n int64) int64 {
	const billion = 1_000_000_000
	billionths := uint64(math.RoundToEven(min(max(share, 0), 1) * billion))
	hi, lo := bits.Mul64(billionths, uint64(n))
	lo, carry := bits.Add64(lo, billion-1, 0)
	rank, _ := bits.Div64(hi+carry, lo, billion)
	return int64(max(rank, 1))
}

// middle gives the value that stands for a bucket [l, u): 2lu / (l + u), which is off by
// the same share, (u - l) / (u + l), from both ends. It is within float64's range.
func middle(key int32, level uint8) float64 {
	negative := key < 0
	if negative {
		key = ^key
	}
	first, next := int(key)<<level, (int(key)+1)<<level
	l, u := perOctave+first%perOctave, perOctave+next%perOctave
	ratio := math.Ldexp(float64(l)/float64(u), first/perOctave-next/perOctave)
	v := math.Ldexp(float64(2*l)/(perOctave*(1+ratio)), first/perOctave+leastOctave)
	return signed(min(v, math.MaxFloat64), negative)
}

// ErrorBound gives the greatest share by which Value may be off from the value at
// its rank: 1/101 unless the values spread over so many octaves that buckets
// were joined. Among subnormals half of the least one adds to it.
func (q *Quantile) ErrorBound() float64 {
	// A bucket of b least ones is widest at the beginning of an octave: b/50 of its
	// lower bound, and beyond an octave bounds double.
	octaves, part := math.Modf(float64(int(1)<<q.level) / perOctave)
	width := math.Ldexp(1+part, int(octaves)) - 1
	return width / (2 + width)
}
