package expression

import (
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// chunk is how many rows are computed at once: registers of a chunk stay in the
// processor's nearest cache, and memory does not grow with the rows.
const chunk = 1024

// Machine evaluates a program. It owns scratch memory, so it is not safe for
// concurrent use; a goroutine takes one for itself and keeps it. Until its next Eval it
// may keep a hold of the columns that it was given.
type Machine struct {
	program   *Program
	registers []*vector
	operands  [][]*vector // of each instruction
	failed    []bool
}

// NewMachine makes a machine. It takes memory at the first Eval.
func (p *Program) NewMachine() *Machine {
	m := &Machine{program: p, registers: make([]*vector, len(p.registers)), operands: make([][]*vector, len(p.code))}
	for i, t := range p.registers {
		m.registers[i] = newVector(t)
	}
	for i, ins := range p.code {
		for _, r := range ins.in {
			m.operands[i] = append(m.operands[i], m.registers[r])
		}
	}
	return m
}

// Eval computes the expression for rows rows and appends the results to dst, a column of the
// program's type. args are the columns of Reads, in that order and of the scope's
// types, each of rows values or of one value that holds for all rows; they are not
// changed.
//
// A row whose value can't be computed (integer overflow, a division by zero, a
// text that is no number) is null, and failed tells which these are: nil where there
// are none, otherwise of rows values, valid until the next Eval.
//
// No value makes Eval fail. The error, which wraps feature.ErrInvalid, says that
// the columns are not those of the program; then nothing was appended.
func (m *Machine) Eval(rows int, args []*feature.Column, dst *feature.Column) (failed []bool, err error) {
	if err := m.check(rows, args, dst); err != nil {
		return nil, err
	}
	m.failed = m.failed[:0]
	for from := 0; from < rows; from += chunk {
		n := min(chunk, rows-from)
		for _, v := range m.program.variables {
			m.registers[v.register].load(args[v.argument], from, n, rows)
		}
		for _, c := range m.program.constants {
			m.registers[c.register].repeat(c.value, n)
		}
		m.run(n)
		result := m.registers[m.program.result]
		result.store(dst, n, rows-from)
		m.collect(result, from, n, rows)
	}
	if len(m.failed) == 0 {
		return nil, nil
	}
	return m.failed, nil
}

func (m *Machine) check(rows int, args []*feature.Column, dst *feature.Column) error {
	p := m.program
	if dst.Type != p.typ {
		return fmt.Errorf("expression: results of type %s for a column of type %s: %w", p.typ, dst.Type, feature.ErrInvalid)
	}
	if len(args) != len(p.reads) {
		return fmt.Errorf("expression: %d columns for the variables %v: %w", len(args), p.reads, feature.ErrInvalid)
	}
	for _, v := range p.variables {
		arg, want := args[v.argument], p.registers[v.register]
		if t := arg.Type; t.Kind != want.Kind || t.List != want.List {
			return fmt.Errorf("expression: variable %s has type %s, its column %s: %w", p.reads[v.argument], want, t, feature.ErrInvalid)
		}
		if n := arg.Len(); n != rows && n != 1 {
			return fmt.Errorf("expression: variable %s has %d values for %d rows: %w", p.reads[v.argument], n, rows, feature.ErrInvalid)
		}
	}
	return nil
}

// run executes the code on the n rows that are loaded.
func (m *Machine) run(n int) {
	for i := range m.program.code {
		ins := &m.program.code[i]
		out := m.registers[ins.out]
		out.resize(n)
		if ins.strict {
			out.merge(m.operands[i])
		}
		ins.kernel(out, m.operands[i], n)
	}
}

// collect notes the failed rows of a chunk.
func (m *Machine) collect(result *vector, from, n, rows int) {
	if result.state == nil {
		return
	}
	for i, s := range result.state[:n] {
		if s != failed {
			continue
		}
		if len(m.failed) == 0 {
			m.failed = sized(m.failed, rows)
			clear(m.failed)
		}
		m.failed[from+i] = true
	}
}
