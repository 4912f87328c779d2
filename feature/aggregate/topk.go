package aggregate

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// TopK counts values, for the most frequent ones. It is defined over tiles: the state
// of a tile has the exact counts of the tile's values, of which Seal keeps the first SealSize(k)
// when all its rows are in. The state of a window is the sum of its sealed tiles,
// in any order, and never sealed again. So a state depends on the
// values and on the tiles' bounds, and on nothing else. The count of a
// value is at most its true one, and falls short of it by no more than the sum, over the
// tiles that dropped it, of the least count that they kept.
//
// The zero value is that of no values. It owns its memory and is not copied
// by assignment.
type TopK struct {
	entries []Count
	index   map[string]int // of each value in entries; nil: entries are ascending by value
}

// Count is a value, as AppendValue encodes it, and how often it was counted.
type Count struct {
	Value string
	N     int64
}

// SealSize is the number of values that a sealed tile keeps for the k most frequent ones:
// 4k, and at least 32.
func SealSize(k int) int { return max(32, 4*k) }

// Add adds a value as AppendValue encodes it. Callers leave NaN out.
func (t *TopK) Add(v []byte) {
	t.open()
	if i, ok := t.index[string(v)]; ok {
		t.entries[i].N++
		return
	}
	t.insert(Count{string(v), 1})
}

// open makes the index, so that values may be added.
func (t *TopK) open() {
	if t.index != nil {
		return
	}
	t.index = make(map[string]int, len(t.entries))
	for i, e := range t.entries {
		t.index[e.Value] = i
	}
}

func (t *TopK) insert(e Count) {
	t.index[e.Value] = len(t.entries)
	t.entries = append(t.entries, e)
}

// Merge adds the counts of o.
func (t *TopK) Merge(o *TopK) {
	t.open()
	for _, e := range o.entries {
		if i, ok := t.index[e.Value]; ok {
			t.entries[i].N += e.N
		} else {
			t.insert(e)
		}
	}
}

// Unmerge takes away the counts of o, and tells whether it could: not where o was never
// merged as it is, for instance because it was sealed since. It changes nothing then.
func (t *TopK) Unmerge(o *TopK) bool {
	t.open()
	for _, e := range o.entries {
		if i, ok := t.index[e.Value]; !ok || t.entries[i].N < e.N {
			return false
		}
	}
	// Where o is t itself, its entries are read while they change: each once, before.
	for i := range o.entries {
		e := o.entries[i]
		t.entries[t.index[e.Value]].N -= e.N
	}
	t.entries = slices.DeleteFunc(t.entries, func(e Count) bool { return e.N == 0 })
	t.sort()
	return true
}

// sort puts the entries in the order of values.
func (t *TopK) sort() {
	t.index = nil
	slices.SortFunc(t.entries, func(a, b Count) int { return strings.Compare(a.Value, b.Value) })
}

// Seal keeps the m most frequent values of a tile; of equally frequent ones the
// lesser.
func (t *TopK) Seal(m int) {
	slices.SortFunc(t.entries, byCount)
	if len(t.entries) > m {
		clear(t.entries[m:])
		t.entries = t.entries[:m]
	}
	t.sort()
}

// byCount orders by count, the greatest first, then by value.
func byCount(a, b Count) int {
	if c := cmp.Compare(b.N, a.N); c != 0 {
		return c
	}
	return strings.Compare(a.Value, b.Value)
}

// Top gives the k most frequent values in new memory, most frequent first, of equally
// frequent ones the lesser first; fewer where there are fewer.
func (t *TopK) Top(k int) []Count {
	top := make([]Count, 0, max(0, min(k, len(t.entries))))
	for _, e := range t.entries {
		if len(top) == cap(top) {
			if len(top) == 0 || byCount(e, top[len(top)-1]) > 0 {
				continue
			}
			top = top[:len(top)-1]
		}
		at, _ := slices.BinarySearchFunc(top, e, byCount)
		top = slices.Insert(top, at, e)
	}
	return top
}

// Reset makes it that of no values.
func (t *TopK) Reset() { *t = TopK{} }

// TopKMaxBytes is no less than the length of the longest encoding of a TopK of m
// values, each of at most valueBytes when encoded.
func TopKMaxBytes(m, valueBytes int) int {
	return uvarintLen(uint64(m)) + m*(uvarintLen(uint64(valueBytes))+valueBytes+uvarintLen(MaxCount))
}

// Append appends the encoding: the number of values, then these, ascending, each as its
// length, its bytes and its count.
func (t *TopK) Append(dst []byte) []byte {
	entries := t.entries
	if t.index != nil {
		sorted := TopK{entries: slices.Clone(entries)}
		sorted.sort()
		entries = sorted.entries
	}
	dst = binary.AppendUvarint(dst, uint64(len(entries)))
	for _, e := range entries {
		dst = binary.AppendUvarint(dst, uint64(len(e.Value)))
		dst = append(dst, e.Value...)
		dst = binary.AppendUvarint(dst, uint64(e.N))
	}
	return dst
}

// ReadTopK cuts a TopK from the front of b. It copies.
func ReadTopK(b []byte) (t TopK, rest []byte, err error) {
	// A value takes two bytes at least, so that no number asks for more memory than
	// the bytes give reason for.
	n, b, err := cutUvarint(b, uint64(len(b)/2), "a number of values")
	if err != nil {
		return TopK{}, nil, err
	}
	rest = b
	for range n { // where does it end?
		if _, _, rest, err = cutCounted(rest); err != nil {
			return TopK{}, nil, err
		}
	}
	// One copy for all values.
	text := string(b[:len(b)-len(rest)])
	t.entries = make([]Count, n)
	for i := range t.entries {
		v, count, next, err := cutCounted(b)
		if err != nil {
			return TopK{}, nil, err
		}
		at := len(text) - (len(b) - len(rest))
		size := uvarintLen(uint64(len(v)))
		t.entries[i] = Count{text[at+size : at+size+len(v)], count}
		if i > 0 && t.entries[i].Value <= t.entries[i-1].Value {
			return TopK{}, nil, damaged("values are not in order")
		}
		b = next
	}
	return t, rest, nil
}

// cutCounted cuts a value and its count.
func cutCounted(b []byte) (v []byte, n int64, rest []byte, err error) {
	v, b, err = cutBytes(b)
	if err != nil {
		return nil, 0, nil, err
	}
	count, b, err := cutUvarint(b, MaxCount, "a count")
	if err != nil {
		return nil, 0, nil, err
	}
	if count == 0 {
		return nil, 0, nil, damaged("a count is zero")
	}
	return v, int64(count), b, nil
}

// cutBytes cuts a length and that many bytes.
func cutBytes(b []byte) (v, rest []byte, err error) {
	n, b, err := cutUvarint(b, 1<<62, "the length of a value")
	if err != nil {
		return nil, nil, err
	}
	if n > uint64(len(b)) {
		return nil, nil, damaged("a value ends too early")
	}
	return b[:n], b[n:], nil
}
