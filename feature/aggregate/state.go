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

// State is a state that takes rows' values of any type and can be merged: one interface over the
// types of this package, for those functions whose states are no single numbers.
type State interface {
	// Add adds a value, and copies what it keeps. Sketches leave NaN out.
	Add(v *Value)
	// Merge adds all that was added to o, which New made of the same function, type and n.
	Merge(o State)
	// Reset makes it that of no values, and keeps memory where that helps.
	Reset()
	// AppendResult appends the function's result, null for no values, to a column of the
	// type that Function.Of gives; share is that of Quantile. It tells whether there
	// are values.
	AppendResult(dst *feature.Column, share float64) bool
	// Memory gives the bytes that it takes, about.
	Memory() int64
}

// New makes the state of a function over values of a type: of First, Last, LastN (n is how
// many), CountDistinct, Quantile, and of Min and Max over text and bytes. For others it
// gives nil: their states are single numbers, or go by tiles.
func New(f feature.Function, over feature.Type, n int) State {
	of := coder{kind: over.Kind, word: IsWord(over)}
	switch {
	case f == feature.Min && !of.word:
		return &minText{}
	case f == feature.Max && !of.word:
		return &maxText{}
	case f == feature.First || f == feature.Last:
		return &single{coder: of, first: f == feature.First}
	case f == feature.LastN:
		return &latest{LastN: NewLastN(n), coder: of}
	case f == feature.CountDistinct:
		return &distinct{coder: of}
	case f == feature.Quantile:
		return &quantile{coder: of}
	}
	return nil
}

// coder gives values as bytes.
type coder struct {
	kind feature.Kind
	word bool
}

func (c *coder) isNaN(v *Value) bool { return c.isFloat() && math.IsNaN(c.float(v)) }

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
