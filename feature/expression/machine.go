package expression

import (
	"fmt"
	"slices"

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
	limit     int // bytes
	ended     func() error
	large     bool // registers may hold large memory
}

// NewMachine makes a machine. It takes memory at the first Eval.
func (p *Program) NewMachine() *Machine {
	m := &Machine{program: p, registers: make([]*vector, len(p.registers)), operands: make([][]*vector, len(p.code)), limit: maxResult}
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
// No value makes Eval fail. An error that wraps feature.ErrInvalid says that the columns
// are not those of the program; then nothing was appended. One that wraps
// feature.ErrTooLarge says that the values are more than Limit allows; then some were.
func (m *Machine) Eval(rows int, args []*feature.Column, dst *feature.Column) (failed []bool, err error) {
	if err := m.check(rows, args, dst); err != nil {
		return nil, err
	}
	m.failed = m.failed[:0]
	defer m.drop()
	varies, left := isVarying(m.program.typ), m.limit
	for from, size := 0, chunk; from < rows; {
		n := m.fitting(args, from, min(size, rows-from), rows)
		m.load(args, from, n, rows)
		result := m.registers[m.program.result]
		fits, err := m.run(n, m.loaded(args, from, n, rows))
		switch {
		case err != nil:
			return nil, err
		case !fits && n > 1:
			size = n / 2
			continue
		case !fits && m.room() < maxChunk:
			return nil, m.tooLarge(rows)
		case !fits:
			result.resize(1)
			result.fail(0)
		}
		if varies {
			made := result.varying(n)
			if left -= made; left < 0 {
				return nil, m.tooLarge(rows)
			}
			if result.lane == textLane {
				dst.Data = slices.Grow(dst.Data, made)
			}
		}
		result.store(dst, n, rows-from)
		m.collect(result, from, n, rows)
		from, size = from+n, min(2*n, chunk)
	}
	if len(m.failed) == 0 {
		return nil, nil
	}
	return m.failed, nil
}

// Limit bounds the bytes of texts and lists that an Eval appends, as feature.Column.Varying
// counts them, and those that it makes on the way to some rows: 1 GiB until it is called.
func (m *Machine) Limit(bytes int) { m.limit = bytes }

// Until has Eval ask, where it has much to do, whether it is still wanted: an error is Eval's,
// which has appended some of the values then. nil: nobody is asked.
func (m *Machine) Until(ended func() error) { m.ended = ended }

// room is how many bytes may be made on the way to the values of a chunk.
func (m *Machine) room() int { return min(maxChunk, max(m.limit, arenaBlock)) }

func (m *Machine) tooLarge(rows int) error {
	return fmt.Errorf("expression: texts and lists of %d rows take more than %d bytes: %w", rows, m.limit, feature.ErrTooLarge)
}

// loaded gives the bytes of texts and lists that a chunk reads.
func (m *Machine) loaded(args []*feature.Column, from, n, rows int) (size int) {
	for _, v := range m.program.variables {
		size += loaded(args[v.argument], from, n, rows)
	}
	return size
}

// fitting gives how many of n rows are read at once.
func (m *Machine) fitting(args []*feature.Column, from, n, rows int) int {
	for n > 1 && m.loaded(args, from, n, rows) > maxLoad {
		n /= 2
	}
	return n
}

func (m *Machine) load(args []*feature.Column, from, n, rows int) {
	for _, v := range m.program.variables {
		m.registers[v.register].load(args[v.argument], from, n, rows)
	}
	for _, c := range m.program.constants {
		m.registers[c.register].repeat(c.value, n)
	}
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

// run executes the code on the n rows that are loaded, of so many bytes of texts and lists.
// It is false where those on the way take more than room; then there is no result. The
// error is that of Until.
func (m *Machine) run(n, work int) (fits bool, err error) {
	room := m.room()
	for i := range m.program.code {
		ins := &m.program.code[i]
		out := m.registers[ins.out]
		out.resize(n)
		if ins.strict {
			out.merge(m.operands[i])
		}
		out.room, out.ended = room, m.ended
		ins.kernel(out, m.operands[i], n)
		if out.gone != nil {
			return false, out.gone
		}
		if ins.varies {
			made := out.made()
			room, work = room-made, work+made
		}
		if work > littleWork {
			m.large = true
			if m.ended != nil {
				if err := m.ended(); err != nil {
					return false, err
				}
			}
		}
		if ins.varies && out.full {
			return false, nil
		}
	}
	return true, nil
}

// drop gives back large memory, once no value of it is needed.
func (m *Machine) drop() {
	if !m.large {
		return
	}
	m.large = false
	for _, ins := range m.program.code {
		m.registers[ins.out].drop()
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
