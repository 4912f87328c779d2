package tiles

import (
	"encoding/binary"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// sketches are longer states of package aggregate: the length and the state, so that one
// that isn't asked for is passed over.
type sketches[S any, P merger[S]] struct {
	all  []S
	read func(b []byte) (S, []byte, error)
}

func (s *sketches[S, P]) reset()     { clear(s.all); s.all = s.all[:0] }
func (s *sketches[S, P]) grow(n int) { s.all = grown(s.all, n) }

// memory supposes states of some values: it is looked at while there are many tiles.
func (s *sketches[S, P]) memory() int { return 512 * cap(s.all) }

func (s *sketches[S, P]) append(dst []byte, slot int) []byte {
	start := len(dst)
	return sized(P(&s.all[slot]).Append(dst), start)
}

func (s *sketches[S, P]) skip(b []byte) ([]byte, error) {
	_, b, err := cutSized(b)
	return b, err
}

func (s *sketches[S, P]) merge(b []byte, n int) ([]byte, error) {
	var one S // here, so that there is one for all
	for range n {
		v, rest, err := cutSized(b)
		if err != nil {
			return nil, err
		}
		if one, b, err = s.read(v); err != nil {
			return nil, err
		}
		if len(b) > 0 {
			return nil, damaged("%d bytes too many behind a state", len(b))
		}
		P(&s.all[0]).Merge(&one)
		b = rest
	}
	return b, nil
}

type distincts struct {
	sketches[aggregate.Distinct, *aggregate.Distinct]
	code coder
}

func (d *distincts) add(slot int, v *aggregate.Value) {
	if !d.code.isNaN(v) {
		d.all[slot].Add(d.code.encode(v))
	}
}

func (d *distincts) answer(_ *ask, into *answer) error {
	into.word, into.ok = d.all[0].Count(), true
	return nil
}

type quantiles struct {
	sketches[aggregate.Quantile, *aggregate.Quantile]
	float bool
}

func (q *quantiles) add(slot int, v *aggregate.Value) {
	if q.float {
		q.all[slot].Add(floatOf(v.Word))
	} else {
		q.all[slot].Add(float64(v.Word))
	}
}

func (q *quantiles) answer(a *ask, into *answer) error {
	into.float(q.all[0].Value(a.q))
	return nil
}

// tops are the most frequent values. Those of a tile are sealed when it is written, those
// of a window are not.
type tops struct {
	sketches[aggregate.TopK, *aggregate.TopK]
	code coder
	k    int
}

func (t *tops) add(slot int, v *aggregate.Value) {
	if !t.code.isNaN(v) {
		t.all[slot].Add(t.code.encode(v))
	}
}

func (t *tops) append(dst []byte, slot int) []byte {
	t.all[slot].Seal(aggregate.SealSize(t.k))
	return t.sketches.append(dst, slot)
}

func (t *tops) answer(a *ask, into *answer) error {
	top := t.all[0].Top(a.n)
	for _, c := range top {
		if err := into.decode([]byte(c.Value), true); err != nil {
			return err
		}
	}
	if into.ok = len(top) > 0; into.ok {
		into.list.EndList()
	}
	return nil
}

// firsts are the earliest values. Of tiles the oldest has the earliest one, so that of
// those that are merged, from the newest on, the last that has any counts.
type firsts struct {
	sketches[aggregate.LastN, *aggregate.LastN]
	code   coder
	oldest []byte // while states are merged: the encoding of that one; aliases what was read
}

func newFirsts(code coder) *firsts {
	read := func(b []byte) (aggregate.LastN, []byte, error) { return aggregate.ReadFirstN(b, 1) }
	return &firsts{sketches: sketches[aggregate.LastN, *aggregate.LastN]{read: read}, code: code}
}

func (f *firsts) reset() {
	f.sketches.reset()
	f.oldest = nil
}

func (f *firsts) grow(n int) {
	for len(f.all) < n {
		f.all = append(f.all, *aggregate.NewFirstN(1))
	}
}

func (f *firsts) add(slot int, v *aggregate.Value) { f.all[slot].Add(v.Stamp, f.code.encode(v)) }

func (f *firsts) append(dst []byte, slot int) []byte {
	if f.oldest != nil {
		return append(binary.AppendUvarint(dst, uint64(len(f.oldest))), f.oldest...)
	}
	return f.sketches.append(dst, slot)
}

func (f *firsts) merge(b []byte, n int) ([]byte, error) {
	for range n {
		v, rest, err := cutSized(b)
		if err != nil {
			return nil, err
		}
		if b = rest; len(v) > 1 { // one byte is none
			f.oldest = v
		}
	}
	return b, nil
}

func (f *firsts) answer(_ *ask, into *answer) error {
	if f.oldest == nil {
		return nil
	}
	l, rest, err := f.read(f.oldest)
	switch {
	case err != nil:
		return err
	case len(rest) > 0 || l.Len() == 0:
		return damaged("%d bytes too many behind a state", len(rest))
	}
	into.ok = true
	return into.decode(l.At(0).Value, false)
}

// latest appends to an answer those of the latest values that a window covers at t.
func latest(l *aggregate.LastN, a *ask, t feature.Time, into *answer) error {
	n := 0
	for n < min(l.Len(), a.n) && a.window.Covers(t, l.At(n).Stamp.Event) {
		if err := into.decode(l.At(n).Value, a.result.List && a.function == feature.LastN); err != nil {
			return err
		}
		n++
	}
	if into.ok = n > 0; into.ok && a.function == feature.LastN {
		into.list.EndList()
	}
	return nil
}
