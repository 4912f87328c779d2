package aggregate

import (
	"unsafe"

	"github.com/quiver-features/quiver/feature"
)

type minText struct{ MinText }

// Add implements State.
func (t *minText) Add(v *Value) { t.MinText.Add(v.Bytes) }

// Merge implements State.
func (t *minText) Merge(o State) { t.MinText.Merge(&o.(*minText).MinText) } //nolint:errcheck // of the same New, as State asks

// AppendResult implements State.
func (t *minText) AppendResult(dst *feature.Column, _ float64) bool { return t.appendTo(dst) }

type maxText struct{ MaxText }

// Add implements State.
func (t *maxText) Add(v *Value) { t.MaxText.Add(v.Bytes) }

// Merge implements State.
func (t *maxText) Merge(o State) { t.MaxText.Merge(&o.(*maxText).MaxText) } //nolint:errcheck // of the same New, as State asks

// AppendResult implements State.
func (t *maxText) AppendResult(dst *feature.Column, _ float64) bool { return t.appendTo(dst) }

// Memory implements State.
func (t *text) Memory() int64 { return 32 + int64(cap(t.v)) }

func (t *text) appendTo(dst *feature.Column) bool {
	if t.any {
		dst.AppendBytes(t.v)
	} else {
		dst.AppendNull()
	}
	return t.any
}

type latest struct {
	*LastN
	coder
}

// Add implements State.
func (l *latest) Add(v *Value) {
	var room [9]byte
	l.LastN.Add(v.Stamp, l.bytes(room[:0], v))
}

// Merge implements State.
func (l *latest) Merge(o State) { l.LastN.Merge(o.(*latest).LastN) } //nolint:errcheck // of the same New, as State asks

// Memory implements State.
func (l *latest) Memory() int64 { return 80 + l.LastN.Memory() }

// AppendResult implements State.
func (l *latest) AppendResult(dst *feature.Column, _ float64) bool {
	return appendValues(dst, true, l.Len(), func(i int) []byte { return l.At(i).Value })
}

// single is a LastN or FirstN of one value, which there are most of: all in one piece of
// memory.
type single struct {
	coder
	entry      Entry
	any, first bool
	room       [9]byte // of a word's bytes
}

// Add implements State.
func (s *single) Add(v *Value) {
	stamp := v.Stamp
	if !stamp.HasCreated {
		stamp.Created = 0
	}
	if c := stamp.Compare(s.entry.Stamp); s.any && c != 0 && (c < 0) != s.first {
		return
	}
	var room [9]byte
	s.take(&Entry{stamp, s.bytes(room[:0], v)})
}

// take keeps a copy of an entry if it is the one to be kept.
func (s *single) take(e *Entry) {
	if c := e.Compare(&s.entry); s.any && (c == 0 || (c < 0) != s.first) {
		return
	}
	memory := s.entry.Value[:0]
	if s.word {
		memory = s.room[:0]
	}
	s.entry, s.any = Entry{e.Stamp, append(memory, e.Value...)}, true
}

// Merge implements State.
func (s *single) Merge(o State) {
	if other := o.(*single); other.any { //nolint:errcheck // of the same New, as State asks
		s.take(&other.entry)
	}
}

// Reset implements State.
func (s *single) Reset() { s.any = false }

// Len is the number of values that are kept, at most one.
func (s *single) Len() int {
	if s.any {
		return 1
	}
	return 0
}

// At gives the entry, as that of a LastN.
func (s *single) At(int) Entry { return s.entry }

// Memory implements State.
func (s *single) Memory() int64 {
	n := int64(unsafe.Sizeof(*s))
	if !s.word {
		n += int64(cap(s.entry.Value))
	}
	return n
}

// AppendResult implements State.
func (s *single) AppendResult(dst *feature.Column, _ float64) bool {
	return appendValues(dst, false, s.Len(), func(int) []byte { return s.entry.Value })
}

type distinct struct {
	Distinct
	coder
}

// Add implements State.
func (d *distinct) Add(v *Value) {
	var room [9]byte
	if !d.isNaN(v) {
		d.Distinct.Add(d.bytes(room[:0], v))
	}
}

// Merge implements State.
func (d *distinct) Merge(o State) { d.Distinct.Merge(&o.(*distinct).Distinct) } //nolint:errcheck // of the same New, as State asks

// Memory implements State.
func (d *distinct) Memory() int64 { return 64 + d.Distinct.Memory() }

// AppendResult implements State.
func (d *distinct) AppendResult(dst *feature.Column, _ float64) bool {
	n := d.Count()
	dst.AppendInt64(n)
	return n > 0
}

type quantile struct {
	Quantile
	coder
}

// Add implements State.
func (q *quantile) Add(v *Value) { q.Quantile.Add(q.float(v)) }

// Merge implements State.
func (q *quantile) Merge(o State) { q.Quantile.Merge(&o.(*quantile).Quantile) } //nolint:errcheck // of the same New, as State asks

// Memory implements State.
func (q *quantile) Memory() int64 { return 144 + q.Quantile.Memory() }

// AppendResult implements State.
func (q *quantile) AppendResult(dst *feature.Column, share float64) bool {
	v, ok := q.Value(share)
	if ok {
		dst.AppendFloat64(v)
	} else {
		dst.AppendNull()
	}
	return ok
}

// appendValues appends n values as AppendValue encodes them: as a list, or the first of
// them; null where there is none.
func appendValues(dst *feature.Column, list bool, n int, value func(i int) []byte) bool {
	if n == 0 {
		dst.AppendNull()
		return false
	}
	to := dst
	if list {
		to = dst.Items
	} else {
		n = 1
	}
	for i := range n {
		if err := DecodeValue(to, value(i)); err != nil {
			panic(err) // a state holds what AppendValue and AppendWord encode
		}
	}
	if list {
		dst.EndList()
	}
	return true
}
