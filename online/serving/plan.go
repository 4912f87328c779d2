package serving

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

// plan is a service or a list of references, compiled against one snapshot. It is
// immutable, but for the marks and counters that it points to.
type plan struct {
	service  string // "delay_model@3"; empty for a list
	revision int64
	keys     []feature.JoinKey // the key columns of a request
	uses     []use
	cells    []cell   // what is decoded, each (use, feature) once, use by use
	outputs  []output // what is delivered
	room     [feature.Timestamp + 1]int
	noMatrix string // an output that can't stand in a matrix; empty: all can

	requests, rows prometheus.Counter
}

// use is one view version with its key columns.
type use struct {
	view       *feature.ViewVersion
	alias      string
	columns    []int // for each of the view's keys, the index into plan.keys
	layout     *online.Layout
	mark       *mark
	shortened  bool // the storage was filled under a shorter TTL than the view now has
	from, to   int  // the use's cells
	storedLen  int
	varies     bool             // one of the cells is a text or a list
	freshUntil feature.Duration // max_staleness; 0: no limit
}

// cell is one feature of a use.
type cell struct {
	stored int // index into the layout's features; -1: the storage does not hold it
	typ    feature.Type
}

// output is one delivered column.
type output struct {
	name, typeText string
	cell, use      int
}

// compile makes the plan of a selection. marks gives the mark of a storage.
func compile(s *feature.Selection, marks func(view string, storage uint64) *mark) (*plan, error) {
	p := &plan{service: s.Service, revision: s.Revision}
	var err error
	if p.keys, err = s.KeyColumns(); err != nil {
		return nil, err
	}
	index := make(map[string]int, len(p.keys))
	for i, k := range p.keys {
		index[k.Name] = i
	}
	for i := range s.Uses {
		u, err := compileUse(&s.Uses[i], index)
		if err != nil {
			return nil, err
		}
		p.uses = append(p.uses, u)
	}
	p.addOutputs(s)
	for i := range p.uses {
		p.uses[i].mark = marks(s.Uses[i].View.ID(), s.Uses[i].Active.ID)
	}
	return p, nil
}

func compileUse(su *feature.Use, index map[string]int) (use, error) {
	if su.Active == nil && su.View.Online {
		return use{}, fmt.Errorf("view %s was removed, and its values with it from the online store: training sets can still read it; to serve it, define it again with `online: true`, apply and materialize it: %w",
			su.View.ID(), feature.ErrInvalid)
	}
	if su.Active == nil {
		return use{}, fmt.Errorf("view %s is not kept online: set `online: true` in its definition, apply and materialize it: %w", su.View.ID(), feature.ErrInvalid)
	}
	layout, err := online.NewLayout(su.Active)
	if err != nil {
		return use{}, fmt.Errorf("view %s: %w", su.View.ID(), err)
	}
	u := use{
		view: su.View, alias: su.Alias, layout: layout, storedLen: len(layout.Features()),
		shortened: shorter(su.Active.Rule.TTL, su.View.Rule.TTL), freshUntil: su.View.MaxStaleness,
	}
	for _, column := range su.Keys {
		u.columns = append(u.columns, index[column])
	}
	return u, nil
}

// shorter tells whether TTL a ends before TTL b, 0 being no end.
func shorter(a, b feature.Duration) bool { return a != 0 && (b == 0 || a < b) }

// addOutputs lays out cells use by use, and the outputs over them in their order.
func (p *plan) addOutputs(s *feature.Selection) {
	type place struct{ use, feature int }
	at := make(map[place]int, len(s.Outputs))
	for i := range p.uses {
		u := &p.uses[i]
		u.from = len(p.cells)
		for _, o := range s.Outputs {
			pl := place{o.Use, o.Feature}
			if _, seen := at[pl]; seen || o.Use != i {
				continue
			}
			f := s.Field(o)
			at[pl] = len(p.cells)
			p.cells = append(p.cells, cell{stored: storedAt(u.layout, f), typ: f.Type})
			if !f.Type.List {
				p.room[f.Type.Kind]++
			}
			u.varies = u.varies || f.Type.List || f.Type.Kind == feature.String || f.Type.Kind == feature.Bytes
		}
		u.to = len(p.cells)
	}
	for _, o := range s.Outputs {
		f := s.Field(o)
		if p.noMatrix == "" && !fitsMatrix(f.Type) {
			p.noMatrix = fmt.Sprintf("%s (%s)", o.Name, f.Type)
		}
		p.outputs = append(p.outputs, output{name: o.Name, typeText: f.Type.String(), cell: at[place{o.Use, o.Feature}], use: o.Use})
	}
}

// storedAt finds a feature in the stored ones. One that is stored under another
// type is as good as not stored.
func storedAt(l *online.Layout, f *feature.Field) int {
	at := l.Feature(f.Name)
	if at >= 0 && l.Features()[at].Type != f.Type {
		return -1
	}
	return at
}

func fitsMatrix(t feature.Type) bool {
	switch t.Kind {
	case feature.Bool, feature.Int32, feature.Int64, feature.Float32, feature.Float64:
		return !t.List
	default:
		return false
	}
}
