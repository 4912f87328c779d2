package expression

import (
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// Program is a compiled expression. It is immutable, and safe for concurrent use.
type Program struct {
	typ       feature.Type
	result    int // its register
	reads     []string
	variables []variable
	registers []feature.Type // their types
	constants []constant
	code      []instruction // in the order in which they run
}

// variable is a register that is loaded from an argument.
type variable struct {
	register int
	argument int // position in reads
}

// constant is a register that holds one value for all rows.
type constant struct {
	register int
	value    *vector // of one row
}

// instruction computes one register of others, row by row.
type instruction struct {
	out    int
	in     []int
	kernel kernel
	strict bool // a null or failed operand makes the result so, before the kernel runs
	varies bool // the result is of texts or lists
}

// Type is the type of the result.
func (p *Program) Type() feature.Type { return p.typ }

// Reads gives the variables that the expression names, sorted, each once.
func (p *Program) Reads() []string { return slices.Clone(p.reads) }

// Uses tells whether the expression names a variable.
func (p *Program) Uses(name string) bool {
	_, ok := slices.BinarySearch(p.reads, name)
	return ok
}
