package tiles

import (
	"bytes"
	"encoding/binary"

	"github.com/quiver-features/quiver/feature/aggregate"
)

// extremes are the least or the greatest of words, as package aggregate has them.
type extremes[S any, P extreme[S]] struct {
	all   []S
	float bool // words are floats, and the states keep their keys
	read  func(b []byte) (S, []byte, error)
}

type extreme[S any] interface {
	merger[S]
	Add(v int64)
	Value() (v int64, ok bool)
}

func newExtremes(greatest, float bool) states {
	if greatest {
		return &extremes[aggregate.Max, *aggregate.Max]{float: float, read: aggregate.ReadMax}
	}
	return &extremes[aggregate.Min, *aggregate.Min]{float: float, read: aggregate.ReadMin}
}

func (e *extremes[S, P]) reset()      { e.all = e.all[:0] }
func (e *extremes[S, P]) grow(n int)  { e.all = grown(e.all, n) }
func (e *extremes[S, P]) memory() int { return 16 * cap(e.all) }

func (e *extremes[S, P]) add(slot int, v *aggregate.Value) {
	word := v.Word
	if e.float {
		word = aggregate.FloatKey(floatOf(word))
	}
	P(&e.all[slot]).Add(word)
}

func (e *extremes[S, P]) append(dst []byte, slot int) []byte { return P(&e.all[slot]).Append(dst) }

func (e *extremes[S, P]) skip(b []byte) ([]byte, error) {
	_, b, err := e.read(b)
	return b, err
}

func (e *extremes[S, P]) merge(b []byte, n int) ([]byte, error) {
	for range n {
		one, rest, err := e.read(b)
		if err != nil {
			return nil, err
		}
		P(&e.all[0]).Merge(&one)
		b = rest
	}
	return b, nil
}

func (e *extremes[S, P]) answer(_ *ask, into *answer) error {
	into.word, into.ok = P(&e.all[0]).Value()
	if e.float {
		into.word = wordOf(aggregate.KeyFloat(into.word))
	}
	return nil
}

// texts are the least or the greatest of texts or bytes: 0 for nothing, else the length and
// 1, and the bytes. While an answer is made they alias what was read.
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
	v := t.all[slot]
	if v == nil {
		return append(dst, 0)
	}
	return append(binary.AppendUvarint(dst, uint64(len(v))+1), v...)
}

func (t *texts) skip(b []byte) ([]byte, error) {
	_, b, err := t.cut(b)
	return b, err
}

// cut cuts one state; v is nil where there is nothing.
func (t *texts) cut(b []byte) (v, rest []byte, err error) {
	size, b, err := cutUvarint(b)
	if err != nil || size == 0 {
		return nil, b, err
	}
	if size--; size > uint64(len(b)) {
		return nil, nil, damaged("a text of %d bytes ends too early", size)
	}
	return b[:size:size], b[size:], nil
}

func (t *texts) merge(b []byte, n int) ([]byte, error) {
	for range n {
		v, rest, err := t.cut(b)
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
