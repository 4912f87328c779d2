package aggregate

import "encoding/binary"

// Bits of the first byte of an encoded Quantile.
const (
	hasLow     = 1 << 0
	hasZero    = 1 << 1
	hasHigh    = 1 << 2
	levelShift = 3
)

// Append appends the encoding: a byte that says which of the counts of -Inf, 0 and +Inf
// there are (bits 0 to 2) and the level (bits 3 to 5); these counts; the number of
// buckets; the first key (zigzag), and of each further one its distance from
// the one before less 1, each key followed by its count. All are varints.
func (q *Quantile) Append(dst []byte) []byte {
	head := len(dst)
	dst = append(dst, q.level<<levelShift)
	for i, n := range [...]int64{q.low, q.zero, q.high} {
		if n != 0 {
			dst[head] |= 1 << i
			dst = binary.AppendUvarint(dst, uint64(n))
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(q.keys)))
	for i, key := range q.keys {
		if i == 0 {
			dst = binary.AppendUvarint(dst, zigzag(int64(key)))
		} else {
			dst = binary.AppendUvarint(dst, uint64(key-q.keys[i-1]-1))
		}
		dst = binary.AppendUvarint(dst, uint64(q.counts[i]))
	}
	return dst
}

// QuantileMaxBytes is no less than the length of the longest encoding of a Quantile
// of n values.
func QuantileMaxBytes(n int64) int {
	if n <= 0 {
		return 2
	}
	buckets := min(n, QuantileBuckets)
	counts, distances := varintsMaxBytes(buckets, n), varintsMaxBytes(buckets, 2*bucketNumber)
	return 1 + 3*uvarintLen(uint64(n)) + 2 + 3 + int(counts+distances)
}

// varintsMaxBytes is no less than the bytes of n varints whose values sum up to at most
// sum: one each, and another one for each that is 2^7 or more, 2^14 or more, and so on,
// of which there are at most sum/2^7, sum/2^14, and so on.
func varintsMaxBytes(n, sum int64) int64 {
	bytes := n
	for sum >>= 7; sum > 0; sum >>= 7 {
		bytes += min(n, sum)
	}
	return bytes
}

// ReadQuantile cuts a Quantile from the front of b.
func ReadQuantile(b []byte) (q Quantile, rest []byte, err error) {
	if len(b) == 0 || b[0] >= (maxLevel+1)<<levelShift {
		return Quantile{}, nil, damaged("a quantile sketch has no bytes, or an impossible level")
	}
	head, b := b[0], b[1:]
	q.level = head >> levelShift
	total := int64(0)
	for i := range 3 {
		if head&(1<<i) == 0 {
			continue
		}
		var n int64
		if n, b, err = cutCount(b, &total); err != nil {
			return Quantile{}, nil, err
		}
		switch head & (1 << i) {
		case hasLow:
			q.low = n
		case hasZero:
			q.zero = n
		case hasHigh:
			q.high = n
		}
	}
	n, b, err := cutUvarint(b, QuantileBuckets, "a number of buckets")
	if err != nil {
		return Quantile{}, nil, err
	}
	if n > uint64(len(b))/2 || q.level > 0 && n <= QuantileBuckets/2 {
		return Quantile{}, nil, damaged("buckets end too early, or are too few for having been joined")
	}
	b, err = q.cutBuckets(b, int(n), &total)
	if err != nil {
		return Quantile{}, nil, err
	}
	return q, b, nil
}

// cutCount cuts a count, which is not zero, and adds it to a total.
func cutCount(b []byte, total *int64) (n int64, rest []byte, err error) {
	v, b, err := cutUvarint(b, MaxCount, "a count")
	if err != nil {
		return 0, nil, err
	}
	*total += int64(v)
	if v == 0 || *total > MaxCount {
		return 0, nil, damaged("a count is zero, or counts are too great")
	}
	return int64(v), b, nil
}

func (q *Quantile) cutBuckets(b []byte, n int, total *int64) (rest []byte, err error) {
	q.keys, q.counts = make([]int32, n), make([]int64, n)
	limit := int64(bucketNumber-1) >> q.level
	key := int64(0)
	for i := range n {
		var v uint64
		if v, b, err = cutUvarint(b, 4*bucketNumber, "a bucket"); err != nil {
			return nil, err
		}
		if i == 0 {
			key = unzigzag(v)
		} else {
			key += int64(v) + 1
		}
		if key > limit || key < ^limit {
			return nil, damaged("a bucket is out of range")
		}
		q.keys[i] = int32(key)
		if q.counts[i], b, err = cutCount(b, total); err != nil {
			return nil, err
		}
	}
	return b, nil
}
