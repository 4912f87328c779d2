package tiles

import (
	"bytes"

	"github.com/quiver-features/quiver/feature/aggregate"
)

// extremes are the least or the greatest of words, as package aggregate encodes them.
type extremes struct {
	greatest, float bool // of floats their keys are kept
	all             []aggregate.Min
}

func (e *extremes) reset()      { e.all = e.all[:0] }
func (e *extremes) grow(n int)  { e.all = grown(e.all, n) }
func (e *extremes) memory() int { return 16 * cap(e.all) }

// word turns the greatest into the least: ^v falls where v rises. It is its own inverse.
func (e *extremes) word(v int64) int64 {
	if e.greatest {
		return ^v
	}
	return v
}

func (e *extremes) add(slot int, v *aggregate.Value) {
	word := v.Word
	if e.float {
		word = aggregate.FloatKey(floatOf(word))
	}
	e.all[slot].Add(e.word(word))
}

func (e *extremes) append(dst []byte, slot int) []byte {
	var one aggregate.Min
	if v, ok := e.all[slot].Value(); ok {
		one.Add(e.word(v))
	}
	return one.Append(dst)
}

func (e *extremes) skip(b []byte) ([]byte, error) {
	_, b, err := aggregate.ReadMin(b)
	return b, err
}

func (e *extremes) merge(b []byte, n int) ([]byte, error) {
	least := &e.all[0]
	for range n {
		one, rest, err := aggregate.ReadMin(b)
		if err != nil {
			return nil, err
		}
		if v, ok := one.Value(); ok {
			least.Add(e.word(v))
		}
		b = rest
	}
	return b, nil
}

func (e *extremes) answer(_ *ask, into *answer) error {
	v, ok := e.all[0].Value()
	if into.word, into.ok = e.word(v), ok; e.float {
		into.word = wordOf(aggregate.KeyFloat(into.word))
	}
	return nil
}

// texts are the least or the greatest of texts or bytes, as package aggregate encodes them.
// While an answer is made they alias what was read.
type texts struct {
	greatest bool
	all      [][]byte // nil: nothing
	bytes    int
}

func (t *texts) reset()      { clear(t.all); t.all, t.bytes = t.all[:0], 0 }
func (t *texts) grow(n int)  { t.all = grown(t.all, n) }
func (t *texts) memory() int { return 24*cap(t.all) + t.bytes }

// better tells whether v takes the place of what a slot has.
func (t *texts) better(slot int, v []byte) bool {
	have := t.all[slot]
	if have == nil {
		return true
	}
	c := bytes.Compare(v, have)
	return t.greatest && c > 0 || !t.greatest && c < 0
}

func (t *texts) add(slot int, v *aggregate.Value) {
	if t.better(slot, v.Bytes) {
		t.bytes += len(v.Bytes) - len(t.all[slot])
		t.all[slot] = append(make([]byte, 0, len(v.Bytes)+1), v.Bytes...) // with room, so that it isn't nil
	}
}

func (t *texts) append(dst []byte, slot int) []byte {
	return aggregate.AppendText(dst, t.all[slot])
}

func (t *texts) skip(b []byte) ([]byte, error) {
	_, b, err := aggregate.CutText(b)
	return b, err
}

func (t *texts) merge(b []byte, n int) ([]byte, error) {
	for range n {
		v, rest, err := aggregate.CutText(b)
		if err != nil {
			return nil, err
		}
		if v != nil && t.better(0, v) {
			t.all[0] = v
		}
		b = rest
	}
	return b, nil
}

func (t *texts) answer(_ *ask, into *answer) error {
	into.bytes, into.ok = t.all[0], t.all[0] != nil
	return nil
}
