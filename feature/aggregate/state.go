package aggregate

import (
	"math"

	"github.com/quiver-features/quiver/feature"
)

// Value is what a row gives to a State: a value that is not null, and the row's stamp.
type Value struct {
	Stamp feature.Stamp // First, Last and LastN go by it
	Word  int64         // of a type that IsWord
	Bytes []byte        // of another type: the value as AppendValue encodes it
}

// IsWord tells whether a value of a type is one word: an integer, a date in days, a time in
// microseconds, a boolean as 0 or 1; a float by its bits as a float64.
func IsWord(t feature.Type) bool {
	return !t.List && t.Kind != feature.String && t.Kind != feature.Bytes && t.Kind != feature.Invalid
}

// AppendWord appends a word of a kind of value as AppendValue encodes it.
func AppendWord(dst []byte, kind feature.Kind, word int64) []byte {
	switch kind {
	case feature.Bool:
		return append(dst, byte(word))
	case feature.Float32, feature.Float64:
		return AppendFloat(dst, math.Float64frombits(uint64(word)))
	default:
		return AppendInt(dst, word)
	}
}

// State is a state that takes rows' values of any type. The interface covers the
// functions whose states are no single numbers; the types beneath are those of this package.
type State interface {
	// Add adds a value, and copies what it keeps. Sketches leave NaN out.
	Add(v *Value)
	// Merge adds all that was added to o, which New made of the same function, type and n.
	Merge(o State)
	// Reset makes it that of no values, and keeps memory where that helps.
	Reset()
	// Append appends the encoding.
	Append(dst []byte) []byte
	// AppendResult appends the function's result, null for no values, to a column of the
	// type that Function.Of gives; share is that of Quantile. It tells whether there
	// are values.
	AppendResult(dst *feature.Column, share float64) bool
	// Memory gives the bytes that it takes, about.
	Memory() int64
}

// New makes the state of a function over values of a type: of First, Last, LastN (n is how
// many), CountDistinct, Quantile, TopK, and of Min and Max over text and bytes. For others it
// gives nil: their states are Sum, IntSum, Moments, IntMoments, Min, Max and a count.
func New(f feature.Function, over feature.Type, n int) State {
	of := coder{kind: over.Kind, word: IsWord(over)}
	switch {
	case f == feature.Min && !of.word:
		return &minText{}
	case f == feature.Max && !of.word:
		return &maxText{}
	case f == feature.First:
		return &latest{LastN: NewFirstN(1), coder: of}
	case f == feature.Last:
		return &latest{LastN: NewLastN(1), coder: of}
	case f == feature.LastN:
		return &latest{LastN: NewLastN(n), coder: of, list: true}
	case f == feature.CountDistinct:
		return &distinct{coder: of}
	case f == feature.Quantile:
		return &quantile{coder: of}
	case f == feature.TopK:
		return &top{coder: of, k: n}
	}
	return nil
}

// coder gives values as bytes.
type coder struct {
	kind feature.Kind
	word bool
}

func (c *coder) isNaN(v *Value) bool { return c.isFloat() && c.float(v) != c.float(v) } //nolint:gocritic // this is what NaN means

func (c *coder) isFloat() bool {
	return c.word && (c.kind == feature.Float32 || c.kind == feature.Float64)
}

func (c *coder) float(v *Value) float64 {
	if c.isFloat() {
		return math.Float64frombits(uint64(v.Word))
	}
	return float64(v.Word)
}

// bytes gives a value as AppendValue encodes it; room is memory for it.
func (c *coder) bytes(room []byte, v *Value) []byte {
	if c.word {
		return AppendWord(room, c.kind, v.Word)
	}
	return v.Bytes
}

type minText struct{ MinText }

func (t *minText) Add(v *Value) { t.MinText.Add(v.Bytes) }

func (t *minText) Merge(o State) { t.MinText.Merge(&o.(*minText).MinText) } //nolint:forcetypeassert // as State asks

func (t *minText) AppendResult(dst *feature.Column, _ float64) bool { return t.appendTo(dst) }

type maxText struct{ MaxText }

func (t *maxText) Add(v *Value) { t.MaxText.Add(v.Bytes) }

func (t *maxText) Merge(o State) { t.MaxText.Merge(&o.(*maxText).MaxText) } //nolint:forcetypeassert // as State asks

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
	list bool
}

func (l *latest) Add(v *Value) {
	var room [9]byte
	l.LastN.Add(v.Stamp, l.bytes(room[:0], v))
}

func (l *latest) Merge(o State) { l.LastN.Merge(o.(*latest).LastN) } //nolint:forcetypeassert // as State asks

func (l *latest) Memory() int64 { return 80 + l.LastN.Memory() }

func (l *latest) AppendResult(dst *feature.Column, _ float64) bool {
	return appendValues(dst, l.list, l.Len(), func(i int) []byte { return l.At(i).Value })
}

type distinct struct {
	Distinct
	coder
}

func (d *distinct) Add(v *Value) {
	var room [9]byte
	if !d.isNaN(v) {
		d.Distinct.Add(d.bytes(room[:0], v))
	}
}

func (d *distinct) Merge(o State) { d.Distinct.Merge(&o.(*distinct).Distinct) } //nolint:forcetypeassert // as State asks

func (d *distinct) Memory() int64 { return 64 + d.Distinct.Memory() }

func (d *distinct) AppendResult(dst *feature.Column, _ float64) bool {
	n := d.Count()
	dst.AppendInt64(n)
	return n > 0
}

type quantile struct {
	Quantile
	coder
}

func (q *quantile) Add(v *Value) { q.Quantile.Add(q.float(v)) }

func (q *quantile) Merge(o State) { q.Quantile.Merge(&o.(*quantile).Quantile) } //nolint:forcetypeassert // as State asks

func (q *quantile) Memory() int64 { return 144 + q.Quantile.Memory() }

func (q *quantile) AppendResult(dst *feature.Column, share float64) bool {
	v, ok := q.Value(share)
	if ok {
		dst.AppendFloat64(v)
	} else {
		dst.AppendNull()
	}
	return ok
}

type top struct {
	TopK
	coder
	k int
}

func (t *top) Add(v *Value) {
	var room [9]byte
	if !t.isNaN(v) {
		t.TopK.Add(t.bytes(room[:0], v))
	}
}

func (t *top) Merge(o State) { t.TopK.Merge(&o.(*top).TopK) } //nolint:forcetypeassert // as State asks

func (t *top) Memory() int64 { return 64 + 48*int64(len(t.entries)) }

func (t *top) AppendResult(dst *feature.Column, _ float64) bool {
	all := t.Top(t.k)
	return appendValues(dst, true, len(all), func(i int) []byte { return []byte(all[i].Value) })
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

// Seal ends a tile's state: of TopK it keeps the SealSize(n) most frequent values, to
// other states it does nothing.
func Seal(s State) {
	if t, ok := s.(*top); ok {
		t.TopK.Seal(SealSize(t.k))
	}
}
