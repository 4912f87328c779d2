package offline

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/derived"
	"github.com/quiver-features/quiver/offline/arrowconv"
)

// timeAt is the index of the time in spinePlan.read.
const timeAt = 0

// spinePlan says which of a spine's columns are read for keys and times.
type spinePlan struct {
	name   string // of the file, for messages
	time   int    // column index
	fields []arrow.Field
	read   []int // the columns that are scanned, each once
	groups []groupPlan
	ofUse  []int // per use, its group
	inputs []int // column indexes of the inputs that the service reads
}

// groupPlan is one distinct set of key columns. Views that take their keys from
// the same columns share it.
type groupPlan struct {
	columns []int // spine columns, ascending
	at      []int // of each in read
	types   []feature.Type
}

// keyOrder gives a use's keys in the order of its group's columns.
func keyOrder(columns []int) []int {
	order := make([]int, len(columns))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return columns[order[a]] < columns[order[b]] })
	return order
}

// planSpine checks a request against its spine's schema, and reports everything
// that is wrong at once.
func planSpine(req Request, service *derived.Service) (*spinePlan, error) {
	schema := req.Spine.Schema()
	p := &spinePlan{name: req.Spine.Source().Path, fields: schema.Fields()}
	var problems []string
	complain := func(err error) { problems = append(problems, err.Error()) }

	if _, err := req.Selection.KeyColumns(); err != nil {
		return nil, fmt.Errorf("offline: %w", err)
	}
	var err error
	if p.time, err = timeColumn(p.fields, req.EventTimestamp); err != nil {
		complain(err)
	}
	p.readColumn(p.time) // the first: at timeAt
	for i := range req.Selection.Uses {
		group, err := p.useKeys(&req.Selection.Uses[i])
		if err != nil {
			complain(err)
		}
		p.ofUse = append(p.ofUse, group)
	}
	for _, i := range service.Inputs {
		at, err := p.input(req.Selection, req.Selection.Inputs[i])
		if err != nil {
			complain(err)
		}
		p.inputs = append(p.inputs, at)
	}
	problems = append(problems, clashes(p.fields, req.Selection.Outputs)...)
	if len(problems) > 0 {
		return nil, fmt.Errorf("offline: spine %s: %s: %w", p.name, strings.Join(problems, "; "), feature.ErrInvalid)
	}
	return p, nil
}

// all gives the indexes of all of the spine's columns.
func (p *spinePlan) all() []int {
	all := make([]int, len(p.fields))
	for i := range all {
		all[i] = i
	}
	return all
}

// keyColumns gives the columns that a use takes its keys from.
func (p *spinePlan) keyColumns(use *feature.Use) []int {
	columns := make([]int, len(use.Keys))
	for k, name := range use.Keys {
		columns[k] = slices.IndexFunc(p.fields, func(f arrow.Field) bool { return f.Name == name })
	}
	return columns
}

func (p *spinePlan) readColumn(column int) int {
	if at := slices.Index(p.read, column); at >= 0 {
		return at
	}
	p.read = append(p.read, column)
	return len(p.read) - 1
}

// useKeys finds a use's key columns, and its group.
func (p *spinePlan) useKeys(use *feature.Use) (int, error) {
	columns := make([]int, len(use.Keys))
	for k, name := range use.Keys {
		key := use.View.Keys[k]
		at := slices.IndexFunc(p.fields, func(f arrow.Field) bool { return f.Name == name })
		if at < 0 {
			return 0, fmt.Errorf("view %s needs join key %s from a column %q, which the spine does not have%s; its columns are %s",
				use.View.ID(), key.Name, name, didYouMean(name, names(p.fields)), strings.Join(names(p.fields), ", "))
		}
		if err := keyFits(p.fields[at], key.Type); err != nil {
			return 0, fmt.Errorf("view %s, join key %s: %w", use.View.ID(), key.Name, err)
		}
		columns[k] = at
	}
	order := keyOrder(columns)
	var g groupPlan
	for _, k := range order {
		g.columns = append(g.columns, columns[k])
		g.at = append(g.at, p.readColumn(columns[k]))
		g.types = append(g.types, spineKeyType(use.View.Keys[k].Type))
	}
	for i := range p.groups {
		if slices.Equal(p.groups[i].columns, g.columns) {
			return i, nil // the types are the same, as KeyColumns has checked
		}
	}
	p.groups = append(p.groups, g)
	return len(p.groups) - 1, nil
}

// input finds the column of an input of the service.
func (p *spinePlan) input(s *feature.Selection, in feature.Input) (int, error) {
	at := slices.IndexFunc(p.fields, func(f arrow.Field) bool { return f.Name == in.Name })
	if at < 0 {
		return 0, fmt.Errorf("service %s needs input %s (%s) from a column %q, which the spine does not have%s; its columns are %s",
			s.Service, in.Name, in.Type, in.Name, didYouMean(in.Name, names(p.fields)), strings.Join(names(p.fields), ", "))
	}
	if err := inputFits(p.fields[at], in.Type); err != nil {
		return 0, fmt.Errorf("service %s, input %s: %w", s.Service, in.Name, err)
	}
	return at, nil
}

// spineKeyType is the type that a spine's key column is read as: integers are
// compared by value, so all of them are read in the greatest width.
func spineKeyType(t feature.Type) feature.Type {
	if t.Kind == feature.Int32 {
		return feature.Scalar(feature.Int64)
	}
	return t
}

// column gives a scanned column of a record as values.
func (p *spinePlan) column(rec arrow.Record, at int, t feature.Type, first int64) (*feature.Column, error) {
	if u, ok := rec.Column(at).(*array.Uint64); ok && t.Kind == feature.Int64 {
		return unsigned(u), nil
	}
	return p.values(rec.Column(at), p.read[at], t, first)
}

// values gives the values of a column of the spine from row first on.
func (p *spinePlan) values(arr arrow.Array, column int, t feature.Type, first int64) (*feature.Column, error) {
	c, err := arrowconv.FromArrow(arr, t)
	if err != nil {
		expected := ""
		if column == p.time && t.Kind == feature.Timestamp {
			expected = " (an event timestamp that is text is ISO 8601, for example 2001-06-30T12:00:00Z)"
		}
		return nil, fmt.Errorf("offline: spine %s, column %s, in the rows from %d: %w%s", p.name, p.fields[column].Name, first, err, expected)
	}
	return c, nil
}

// unsigned reads keys that may be greater than any key of a view: those are null,
// because they have no features either.
func unsigned(arr *array.Uint64) *feature.Column {
	c := feature.NewColumn(feature.Scalar(feature.Int64), arr.Len())
	for i := range arr.Len() {
		if arr.IsNull(i) || arr.Value(i) > math.MaxInt64 {
			c.AppendNull()
			continue
		}
		c.AppendInt64(int64(arr.Value(i)))
	}
	return c
}
