package equivalence_test

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/offlinetest"
	"github.com/quiver-features/quiver/online/serving"
	"github.com/quiver-features/quiver/registry"
)

// model is the service that asks for what a case selects.
const model = "model"

// applyCase applies the definitions that a user would write for a case: version
// by version of its views, and then the service. Staleness, where given, is the
// max_staleness of views by name.
func (w *world) applyCase(ctx context.Context, c *offlinetest.Case, staleness map[string]feature.Duration) error {
	latest := 0
	for _, v := range c.Views {
		latest = max(latest, v.Version)
	}
	for version := 1; version <= latest; version++ {
		defs := &registry.Definitions{}
		for _, s := range c.Sources {
			defs.Sources = append(defs.Sources, sourceOf(s.Name, &s, &feature.Table{Event: s.Event, Available: s.Available}))
		}
		for _, v := range viewsAt(c, version) {
			addView(defs, v, staleness[v.Name])
			if t := &v.Table; len(t.Derived) > 0 { // which each view of a case has of its own
				name := t.Source + "_of_" + v.Name
				defs.Views[len(defs.Views)-1].Source = name
				defs.Sources = append(defs.Sources, sourceOf(name, c.Source(t.Source), t))
			}
		}
		if version == latest {
			defs.Services = []feature.Service{serviceOf(c)}
		}
		if err := w.apply(ctx, defs); err != nil {
			return err
		}
	}
	return nil
}

// sourceOf writes a source as a table reads it. What types it gives to columns that no feature
// or key declares is declared here, and fixed lengths of lists, which no footer tells.
func sourceOf(name string, s *offlinetest.Source, t *feature.Table) feature.Source {
	out := feature.Source{
		Meta: feature.Meta{Name: name}, Parquet: []string{s.Name + "/*.parquet"},
		EventTimestamp: t.Event, CreatedTimestamp: s.Created, AvailableTimestamp: t.Available, Derive: t.Derived,
	}
	if len(s.Files) > 0 {
		for _, c := range s.Files[0].Columns {
			as := c.Values.Type
			if t.Column(c.Name) != nil {
				as = t.TypeOf(c.Name)
			}
			if as.Length > 0 || as != c.Values.Type {
				out.Columns = append(out.Columns, feature.ColumnOverride{Name: c.Name, Type: as})
			}
		}
	}
	return out
}

// viewsAt gives each view of a case in its newest version up to the given one.
func viewsAt(c *offlinetest.Case, version int) []*feature.ViewVersion {
	newest := map[string]*feature.ViewVersion{}
	for _, v := range c.Views {
		if had := newest[v.Name]; v.Version <= version && (had == nil || had.Version < v.Version) {
			newest[v.Name] = v
		}
	}
	var views []*feature.ViewVersion
	for _, name := range slices.Sorted(maps.Keys(newest)) {
		views = append(views, newest[name])
	}
	return views
}

// addView writes a view, and an entity of its own that has its keys.
func addView(defs *registry.Definitions, v *feature.ViewVersion, staleness feature.Duration) {
	def := feature.View{
		Meta: feature.Meta{Name: v.Name}, Source: v.Table.Source, TTL: v.Rule.TTL, Delay: v.Rule.Delay,
		Online: true, MaxStaleness: staleness, Keys: map[string]string{},
	}
	if len(v.Keys) > 0 {
		entity := "of_" + v.Name
		def.Entities = []feature.Role{{Entity: entity}}
		defs.Entities = append(defs.Entities, feature.Entity{Meta: feature.Meta{Name: entity}, Keys: v.Keys})
		for i, k := range v.Keys {
			def.Keys[k.Name] = v.KeyColumns[i]
		}
	}
	for _, f := range v.Features {
		def.Features = append(def.Features, featureOf(f))
	}
	defs.Views = append(defs.Views, def)
}

// featureOf writes a feature.
func featureOf(f feature.Field) feature.ViewFeature {
	a := f.Aggregate
	if a == nil {
		return feature.ViewFeature{Name: f.Name, Type: f.Type, Column: f.Column, Expression: f.Expression}
	}
	g := feature.Aggregation{Function: a.Function, Where: a.Where, Window: a.Window.Length, Granularity: a.Window.Granularity, N: a.N, Q: a.Q, Default: a.Default}
	if a.Window.Length == 0 {
		g.Granularity = 0
	}
	return feature.ViewFeature{Name: f.Name, Column: a.Column, Aggregate: &g}
}

// serviceOf writes what a case selects as a service.
func serviceOf(c *offlinetest.Case) feature.Service {
	s := feature.Service{Meta: feature.Meta{Name: model}}
	for u, use := range c.Selection.Uses {
		vu := feature.ViewUse{View: use.View.Name, Version: use.View.Version, As: use.Alias, Keys: map[string]string{}, Rename: map[string]string{}}
		for i, k := range use.View.Keys {
			vu.Keys[k.Name] = use.Keys[i]
		}
		for _, o := range c.Selection.Outputs {
			if o.Use != u {
				continue
			}
			name := use.View.Features[o.Feature].Name
			vu.Only = append(vu.Only, name)
			if o.Name != use.Alias+"__"+name {
				vu.Rename[name] = o.Name
			}
		}
		s.Features = append(s.Features, vu)
	}
	s.Inputs = c.Selection.Inputs
	for _, d := range c.Selection.Derived {
		s.Derived = append(s.Derived, feature.DerivedFeature{Name: d.Name, Expression: d.Expression})
	}
	return s
}

// request asks for the model's features of some spine rows of a case.
func request(c *offlinetest.Case, rows []int) *serving.Request {
	r := &serving.Request{Service: model, Keys: map[string]*feature.Column{}, Inputs: map[string]*feature.Column{}}
	for _, in := range c.Selection.Inputs {
		r.Inputs[in.Name] = asked(c.SpineColumn(in.Name), rows)
	}
	for _, use := range c.Selection.Uses {
		for _, name := range use.Keys {
			if r.Keys[name] == nil {
				r.Keys[name] = asked(c.SpineColumn(name), rows)
			}
		}
	}
	return r
}

// asked gives values of a spine column as a client sends them: whole
// microseconds.
func asked(c *offlinetest.Column, rows []int) *feature.Column {
	out := feature.NewColumn(c.Values.Type, len(rows))
	for _, row := range rows {
		if c.Nanos && !c.Values.IsNull(row) {
			out.AppendInt64(int64(feature.FloorNanos(c.Values.Int64s[row])))
			continue
		}
		out.AppendFrom(c.Values, row)
	}
	return out
}

// answers gives what the handler serves for spine rows: a column and the statuses
// per output of the case's selection.
func (w *world) answers(ctx context.Context, c *offlinetest.Case, rows []int) ([]*feature.Column, [][]feature.Status, error) {
	r := request(c, rows)
	response, err := w.handler.Get(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	if len(response.Features) != len(c.Selection.Outputs) {
		return nil, nil, fmt.Errorf("got %d features, want %d", len(response.Features), len(c.Selection.Outputs))
	}
	if response.Time != w.clock() {
		return nil, nil, fmt.Errorf("the request has the time %s, want %s", response.Time, w.clock())
	}
	var values []*feature.Column
	var statuses [][]feature.Status
	for i, o := range c.Selection.Outputs {
		f := &response.Features[i]
		if f.Name != o.Name {
			return nil, nil, fmt.Errorf("feature %d is called %s, want %s", i, f.Name, o.Name)
		}
		column, status := feature.NewColumn(f.Values.Type, len(rows)), make([]feature.Status, len(rows))
		for row := range rows {
			at := row
			if len(r.Keys) == 0 && len(r.Inputs) == 0 {
				at = 0 // only global views: one row holds for every request
			}
			column.AppendFrom(f.Values, at)
			status[row] = f.Status(at)
			has := status[row] == feature.StatusPresent || status[row] == feature.StatusStale
			if status[row] == feature.StatusNotFound && c.Selection.Field(o).Aggregate != nil {
				has = !f.Values.IsNull(at) // what an empty window gives
			}
			if has == f.Values.IsNull(at) {
				return nil, nil, fmt.Errorf("%s, row %d: status %s with the value %v", o.Name, row, status[row], f.Values.Any(at))
			}
		}
		values, statuses = append(values, column), append(statuses, status)
	}
	return values, statuses, nil
}
