package derived

import (
	"fmt"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// Table computes columns of a source's rows.
type Table struct {
	// Reads are the columns of files (names in feature.Table.Columns) that have to be
	// read, each once.
	Reads []string
	plan  *plan
}

// OfTable plans the columns of a table with the given names: those of files are
// passed through, those of Table.Derived are computed. An expression that does not fit
// the table is an error that wraps feature.ErrInvalid; so is an unknown name.
func OfTable(t *feature.Table, names ...string) (*Table, error) {
	vars := make([]expression.Variable, len(t.Columns))
	for i, c := range t.Columns {
		vars[i] = expression.Variable{Name: c.Name, Type: c.Type}
	}
	definitions := make([]definition, len(t.Derived))
	for i, d := range t.Derived {
		definitions[i] = definition{d.Name, d.Expression, d.Type}
	}
	for _, name := range names {
		if t.TypeOf(name).IsZero() {
			return nil, fmt.Errorf("source %s has no column %q: %w", t.Source, name, feature.ErrInvalid)
		}
	}
	p, err := newPlan(&scopes{}, vars, definitions, names)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", t.Source, err)
	}
	return &Table{Reads: p.reads, plan: p}, nil
}

// IsDerived tells whether a name is one of the table's derived columns.
func IsDerived(t *feature.Table, name string) bool {
	return slices.ContainsFunc(t.Derived, func(d feature.DerivedColumn) bool { return d.Name == name })
}

// TableMachine computes a Table's columns. It is used by one goroutine at a time.
type TableMachine struct{ machine }

// NewMachine makes a machine.
func (t *Table) NewMachine() *TableMachine { return &TableMachine{newMachine(t.plan)} }

// Compute gives the planned columns, in the order of the names, for a chunk of rows.
// reads are the chunk's columns of Table.Reads, which are not changed. An error that wraps
// feature.ErrTooLarge says that the columns take more than Limit allows, another one that
// reads are not what was planned for: no value is one.
func (m *TableMachine) Compute(rows int, reads []*feature.Column) ([]Result, error) {
	return m.compute(rows, reads)
}
