package tiles

import (
	"math"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// states are states of one part: of many tiles while a patch is made, in slots of their
// numbers, and of one window, in slot 0, while an answer is.
type states interface {
	// reset drops all slots, grow makes empty ones up to n.
	reset()
	grow(n int)
	// add adds an event's value to a slot, and keeps nothing of it.
	add(slot int, v *aggregate.Value)
	// append appends the encoding of a slot, which nothing is added to afterwards.
	append(dst []byte, slot int) []byte
	// skip cuts one state's encoding off b.
	skip(b []byte) (rest []byte, err error)
	// merge adds the n states whose encodings b begins with to slot 0. They are those of
	// older tiles than all before them.
	merge(b []byte, n int) (rest []byte, err error)
	// answer gives what is asked of slot 0.
	answer(a *ask, into *answer) error
	// memory is what all slots take, about.
	memory() int
}

func isFloat(t feature.Type) bool {
	return !t.List && (t.Kind == feature.Float32 || t.Kind == feature.Float64)
}

// coder gives values as aggregate.AppendValue encodes them.
type coder struct {
	over feature.Type
	room []byte
}

// isNaN tells of what sketches leave out.
func (c *coder) isNaN(v *aggregate.Value) bool { return isFloat(c.over) && math.IsNaN(floatOf(v.Word)) }

func (c *coder) encode(v *aggregate.Value) []byte {
	if !aggregate.IsWord(c.over) {
		return v.Bytes
	}
	c.room = aggregate.AppendWord(c.room[:0], c.over.Kind, v.Word)
	return c.room
}

func floatOf(word int64) float64 { return math.Float64frombits(uint64(word)) }

func wordOf(f float64) int64 { return int64(math.Float64bits(f)) }

// answer is the value of a feature before it is appended.
type answer struct {
	ok    bool
	word  int64
	bytes []byte
	list  *feature.Column // the value is its only one: of lists, and of values that are decoded
}

func (a *answer) reset() {
	a.ok, a.bytes = false, nil
	if a.list != nil {
		a.list.Reset()
	}
}

// float sets a float, or none.
func (a *answer) float(f float64, ok bool) { a.word, a.ok = wordOf(f), ok }

// appendTo appends the answer.
func (a *answer) appendTo(dst *feature.Column, of *ask) {
	if !a.ok {
		of.appendNull(dst)
		return
	}
	if a.list != nil {
		dst.AppendFrom(a.list, 0)
		return
	}
	switch dst.Type.Kind {
	case feature.Bool:
		dst.AppendBool(a.word != 0)
	case feature.Int32, feature.Date:
		dst.AppendInt32(int32(a.word))
	case feature.Float32:
		dst.AppendFloat32(float32(floatOf(a.word)))
	case feature.Float64:
		dst.AppendFloat64(floatOf(a.word))
	case feature.String, feature.Bytes:
		dst.AppendBytes(a.bytes)
	default:
		dst.AppendInt64(a.word)
	}
}

// decode appends a value to the answer's column, as its only one or as an item.
func (a *answer) decode(v []byte, item bool) error {
	dst := a.list
	if item {
		dst = dst.Items
	}
	return aggregate.DecodeValue(dst, v)
}

// newStates makes states of a part, without a slot.
func (p *Plan) newStates(of part) states {
	over := p.inputs[of.input].over
	code := coder{over: over}
	switch of.kind {
	case count:
		return &counts{}
	case total:
		if isFloat(over) {
			return &floatTotals{}
		}
		return &intTotals{}
	case moments:
		if isFloat(over) {
			return &floatMoments{slots[aggregate.Moments, *aggregate.Moments]{read: aggregate.ReadMoments}}
		}
		return &intMoments{slots[aggregate.IntMoments, *aggregate.IntMoments]{read: aggregate.ReadIntMoments}}
	case minimum, maximum:
		return &extremes{greatest: of.kind == maximum, float: isFloat(over)}
	case minText, maxText:
		return &texts{greatest: of.kind == maxText}
	case distinct:
		return &distincts{sketches[aggregate.Distinct, *aggregate.Distinct]{read: aggregate.ReadDistinct}, code}
	case quantile:
		return &quantiles{sketches[aggregate.Quantile, *aggregate.Quantile]{read: aggregate.ReadQuantile}, isFloat(over)}
	case topK:
		return &tops{sketches[aggregate.TopK, *aggregate.TopK]{read: aggregate.ReadTopK}, code, of.n}
	default:
		return newFirsts(code)
	}
}
