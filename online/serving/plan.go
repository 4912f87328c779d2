package serving

import (
	"fmt"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/derived"
	"github.com/quiver-features/quiver/online"
)

// plan is a service or a list of references, compiled against one snapshot. It is
// immutable, but for the marks and counters that it points to and the machines that it
// keeps.
type plan struct {
	service  string // "delay_model@3"; empty for a list
	revision int64
	keys     []feature.JoinKey // the key columns of a request
	inputs   []feature.Input   // what else a request brings along
	uses     []use
	cells    []cell   // each (use, feature) once, use by use: those that are decoded, then those that are computed; last what the service derives
	derived  computed // what the service derives
	computes bool     // one of the cells is computed
	tiled    bool     // one of the uses has windowed aggregates
	outputs  []output // what is delivered
	room     [feature.Timestamp + 1]int
	noMatrix string // an output that can't stand in a matrix; empty: all can
	machines sync.Pool

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
	from, to   int  // the use's cells that are decoded
	storedLen  int
	varies     bool             // one of the cells is a text or a list
	freshUntil feature.Duration // max_staleness; 0: no limit
	derived    computed
	readsEvent bool // an expression reads the event timestamp
	rowless    bool // the view has no column features, and thus no latest row
}

// cell is one feature of a use, or one that the service derives.
type cell struct {
	stored int // index into the layout's features; -1: the storage does not hold it
	typ    feature.Type
	window bool               // it is a windowed aggregate, which the TTL does not limit
	failed prometheus.Counter // rows whose value could not be computed; of cells that are decoded nil
}

// output is one delivered column.
type output struct {
	name, typeText string
	cell, use      int // use: -1 where the service derives it
}

// readsEvents tells whether an expression reads the event timestamps of a view's rows.
func (p *plan) readsEvents() bool {
	return slices.ContainsFunc(p.uses, func(u use) bool { return u.readsEvent })
}

// compiling is what a plan points to and does not make itself.
type compiling struct {
	mark   func(view string, storage uint64) *mark
	failed func(feature string) prometheus.Counter
}

// compile makes the plan of a selection.
func compile(s *feature.Selection, with compiling) (*plan, error) {
	p := &plan{service: s.Service, revision: s.Revision, inputs: s.Inputs}
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
		p.tiled = p.tiled || u.layout.HasTiles()
	}
	d, err := derived.OfSelection(s)
	if err != nil {
		return nil, err
	}
	p.lay(s, d, with.failed)
	p.machines.New = func() any { return newMachines(p, d) }
	for i := range p.uses {
		p.uses[i].mark = with.mark(s.Uses[i].View.ID(), s.Uses[i].Active.ID)
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
		rowless: layout.HasTiles() && !slices.ContainsFunc(layout.Features(), func(f feature.Field) bool { return f.Aggregate == nil }),
	}
	for _, column := range su.Keys {
		u.columns = append(u.columns, index[column])
	}
	return u, nil
}

// shorter tells whether TTL a ends before TTL b, 0 being no end.
func shorter(a, b feature.Duration) bool { return a != 0 && (b == 0 || a < b) }

// lay lays out cells use by use, and the outputs over them in their order.
func (p *plan) lay(s *feature.Selection, d *derived.Selection, failed func(string) prometheus.Counter) {
	at := map[derived.Place]int{}
	for i := range p.uses {
		u, v := &p.uses[i], d.Views[i]
		u.from = len(p.cells)
		for _, f := range v.Stored {
			field := &u.view.Features[f]
			at[derived.Place{Use: i, Feature: f}] = p.addCell(cell{stored: storedAt(u.layout, field), typ: field.Type, window: field.Aggregate != nil})
			u.varies = u.varies || varies(field.Type)
		}
		u.to = len(p.cells)
		u.readsEvent = v.Event
		u.derived = p.layView(i, v, at, failed)
	}
	p.derived = p.layService(s, d.Service, at, failed)
	for _, o := range s.Outputs {
		f := s.Field(o)
		if p.noMatrix == "" && !fitsMatrix(f.Type) {
			p.noMatrix = fmt.Sprintf("%s (%s)", o.Name, f.Type)
		}
		p.outputs = append(p.outputs, output{name: o.Name, typeText: f.Type.String(), cell: at[derived.Place{Use: o.Use, Feature: o.Feature}], use: o.Use})
	}
}

func (p *plan) addCell(c cell) int {
	if !c.typ.List {
		p.room[c.typ.Kind]++
	}
	p.computes = p.computes || c.failed != nil
	p.cells = append(p.cells, c)
	return len(p.cells) - 1
}

func varies(t feature.Type) bool {
	return t.List || t.Kind == feature.String || t.Kind == feature.Bytes
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
