package tiles

import (
	"encoding/binary"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// grown gives a slice of at least n, with what is new as zero.
func grown[S any](all []S, n int) []S {
	for len(all) < n {
		var zero S
		all = append(all, zero)
	}
	return all
}

// counts count. A count is a varint.
type counts struct{ n []int64 }

func (c *counts) reset()                        { c.n = c.n[:0] }
func (c *counts) grow(n int)                    { c.n = grown(c.n, n) }
func (c *counts) memory() int                   { return 8 * cap(c.n) }
func (c *counts) add(s int, _ *aggregate.Value) { c.n[s]++ }

func (c *counts) append(dst []byte, slot int) []byte {
	return binary.AppendUvarint(dst, uint64(c.n[slot]))
}

func (c *counts) skip(b []byte) ([]byte, error) {
	_, b, err := cutCount(b)
	return b, err
}

func (c *counts) merge(b []byte, n int) ([]byte, error) {
	sum := c.n[0]
	for range n {
		v, rest, err := cutCount(b)
		if err != nil {
			return nil, err
		}
		sum, b = sum+v, rest
	}
	c.n[0] = sum
	return b, nil
}

func (c *counts) answer(_ *ask, into *answer) error {
	into.word, into.ok = c.n[0], true
	return nil
}

// intTotals are counts and sums of integers: the count and, unless it is zero, the sum.
type intTotals struct {
	counts
	sums []aggregate.IntSum
}

func (t *intTotals) reset()      { t.counts.reset(); t.sums = t.sums[:0] }
func (t *intTotals) grow(n int)  { t.counts.grow(n); t.sums = grown(t.sums, n) }
func (t *intTotals) memory() int { return t.counts.memory() + 16*cap(t.sums) }

func (t *intTotals) add(slot int, v *aggregate.Value) {
	t.n[slot]++
	t.sums[slot].Add(v.Word)
}

func (t *intTotals) append(dst []byte, slot int) []byte {
	dst = t.counts.append(dst, slot)
	if t.n[slot] == 0 {
		return dst
	}
	return t.sums[slot].Append(dst)
}

func (t *intTotals) skip(b []byte) ([]byte, error) {
	n, b, err := cutCount(b)
	if err != nil || n == 0 {
		return b, err
	}
	_, b, err = aggregate.ReadIntSumOf(b, n)
	return b, err
}

func (t *intTotals) merge(b []byte, n int) ([]byte, error) {
	for range n {
		v, rest, err := cutCount(b)
		if err != nil {
			return nil, err
		}
		if b = rest; v == 0 {
			continue
		}
		t.n[0] += v
		s, rest, err := aggregate.ReadIntSumOf(b, v)
		if err != nil {
			return nil, err
		}
		t.sums[0].Merge(&s)
		b = rest
	}
	return b, nil
}

func (t *intTotals) answer(a *ask, into *answer) error {
	switch n := t.n[0]; {
	case a.function == feature.Count:
		return t.counts.answer(a, into)
	case n == 0:
	case a.function == feature.Sum:
		into.word, into.ok = t.sums[0].Int64()
	default:
		into.float(t.sums[0].Mean(n), true)
	}
	return nil
}

// floatTotals are the same of floats.
type floatTotals struct {
	counts
	sums []aggregate.Sum
}

func (t *floatTotals) reset()      { t.counts.reset(); t.sums = t.sums[:0] }
func (t *floatTotals) grow(n int)  { t.counts.grow(n); t.sums = grown(t.sums, n) }
func (t *floatTotals) memory() int { return t.counts.memory() + 32*cap(t.sums) }

func (t *floatTotals) add(slot int, v *aggregate.Value) {
	t.n[slot]++
	t.sums[slot].Add(floatOf(v.Word))
}

func (t *floatTotals) append(dst []byte, slot int) []byte {
	dst = t.counts.append(dst, slot)
	if t.n[slot] == 0 {
		return dst
	}
	return t.sums[slot].Append(dst)
}

func (t *floatTotals) skip(b []byte) ([]byte, error) {
	n, b, err := cutCount(b)
	if err != nil || n == 0 {
		return b, err
	}
	_, b, err = aggregate.ReadSum(b)
	return b, err
}

func (t *floatTotals) merge(b []byte, n int) ([]byte, error) {
	for range n {
		v, rest, err := cutCount(b)
		if err != nil {
			return nil, err
		}
		if b = rest; v == 0 {
			continue
		}
		t.n[0] += v
		if b, err = t.sums[0].MergeEncoded(b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (t *floatTotals) answer(a *ask, into *answer) error {
	switch n := t.n[0]; {
	case a.function == feature.Count:
		return t.counts.answer(a, into)
	case n == 0:
	case a.function == feature.Sum:
		into.float(t.sums[0].Float64(), true)
	default:
		into.float(t.sums[0].Mean(n), true)
	}
	return nil
}

// merger is what states of package aggregate have in common.
type merger[S any] interface {
	*S
	Append(dst []byte) []byte
	Merge(o *S)
}

// slots are states of package aggregate as they are encoded there.
type slots[S any, P merger[S]] struct {
	all  []S
	read func(b []byte) (S, []byte, error)
}

func (s *slots[S, P]) reset()      { clear(s.all); s.all = s.all[:0] }
func (s *slots[S, P]) grow(n int)  { s.all = grown(s.all, n) }
func (s *slots[S, P]) memory() int { return 120 * cap(s.all) }

func (s *slots[S, P]) append(dst []byte, slot int) []byte { return P(&s.all[slot]).Append(dst) }

func (s *slots[S, P]) skip(b []byte) ([]byte, error) {
	_, b, err := s.read(b)
	return b, err
}

func (s *slots[S, P]) merge(b []byte, n int) ([]byte, error) {
	var one S // here, so that there is one for all
	var err error
	for range n {
		if one, b, err = s.read(b); err != nil {
			return nil, err
		}
		P(&s.all[0]).Merge(&one)
	}
	return b, nil
}

type intMoments struct {
	slots[aggregate.IntMoments, *aggregate.IntMoments]
}

func (m *intMoments) add(slot int, v *aggregate.Value) { m.all[slot].Add(v.Word) }

func (m *intMoments) answer(a *ask, into *answer) error {
	s := &m.all[0]
	switch a.function {
	case feature.Count:
		into.word, into.ok = s.Count(), true
	case feature.Sum:
		if sum := s.Sum(); s.Count() > 0 {
			into.word, into.ok = sum.Int64()
		}
	case feature.Mean:
		into.float(s.Mean())
	case feature.Variance:
		into.float(s.Variance())
	default:
		into.float(s.Stddev())
	}
	return nil
}

type floatMoments struct {
	slots[aggregate.Moments, *aggregate.Moments]
}

func (m *floatMoments) add(slot int, v *aggregate.Value) { m.all[slot].Add(floatOf(v.Word)) }

func (m *floatMoments) answer(a *ask, into *answer) error {
	s := &m.all[0]
	switch a.function {
	case feature.Count:
		into.word, into.ok = s.Count(), true
	case feature.Sum:
		into.float(s.Sum(), s.Count() > 0)
	case feature.Mean:
		into.float(s.Mean())
	case feature.Variance:
		into.float(s.Variance())
	default:
		into.float(s.Stddev())
	}
	return nil
}
