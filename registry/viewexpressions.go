package registry

import (
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// viewExpressions gives the features of a view that are expressions their types.
func (r *resolver) viewExpressions(def *feature.View, v *feature.ViewVersion) {
	e := viewExpressions{
		resolver: r, view: v, index: make(map[string]int, len(v.Features)),
		texts: map[string]*written{}, outlines: map[string]*expression.Outline{},
	}
	var names []string
	for i := range v.Features {
		f := &v.Features[i]
		e.index[f.Name] = i
		if !f.IsDerived() {
			continue
		}
		names = append(names, f.Name)
		w := &written{
			text: def.Features[i].Expression, what: "expression of feature " + f.Name + " of view " + v.Name,
			kind: KindView, name: v.Name, parts: []string{"features", f.Name, "expression"},
		}
		e.texts[f.Name], e.outlines[f.Name] = w, r.outlineOf(w)
	}
	if len(names) > 0 && len(names) == len(v.Features) {
		r.problem(r.defs.At(KindView, v.Name, "features"), "add a feature that is a column or an aggregate",
			"view %s: all of its features are expressions, which leaves nothing to compute them of", v.Name)
		return
	}
	order := r.order(names, func(i int) []string { return e.names(names[i]) }, func(i int) *written { return e.texts[names[i]] })
	for _, i := range order {
		at := e.index[names[i]]
		e.resolve(&v.Features[at], &def.Features[at])
	}
}

type viewExpressions struct {
	*resolver
	view     *feature.ViewVersion
	index    map[string]int // of features, by their names
	texts    map[string]*written
	outlines map[string]*expression.Outline // nil: broken, and told
}

func (e *viewExpressions) names(name string) []string {
	if o := e.outlines[name]; o != nil {
		return o.Names
	}
	return nil
}

// resolve gives one feature its type.
func (e *viewExpressions) resolve(f *feature.Field, def *feature.ViewFeature) {
	w, outline := e.texts[f.Name], e.outlines[f.Name]
	if outline == nil {
		return
	}
	for _, name := range outline.Names {
		_, isFeature := e.index[name]
		switch {
		case (name == feature.NameAsOf || name == feature.NameEventTimestamp) && isFeature:
			e.problem(e.defs.At(KindView, e.view.Name, "features", name, "name"), "give the feature another name",
				"feature %s of view %s: expressions take the name for a time", name, e.view.Name)
			return
		case name == feature.NameEventTimestamp && !e.hasRow():
			e.wrongFrom(w, "make a feature of the time, for example {name: latest, aggregate: max, column: "+e.view.Table.Event+", window: all}",
				"event_timestamp is that of the row that column features are of, and the view has none")
			return
		}
	}
	t := e.resolver.typeOf(w, lookUp(outline.Names, e.look), e.variables)
	if !t.IsZero() && !takesType(def.Type, t) {
		e.problem(e.defs.At(KindView, e.view.Name, "features", f.Name, "type"), "leave the type out",
			"feature %s of view %s is declared %s, and its expression gives %s", f.Name, e.view.Name, def.Type, t)
	}
	f.Type = t
}

// hasRow tells whether the view keeps the latest row: it has a feature that is a
// column.
func (e *viewExpressions) hasRow() bool {
	return slices.ContainsFunc(e.view.Features, func(f feature.Field) bool { return f.Aggregate == nil && !f.IsDerived() })
}

// look gives the type of a name, and tells whether there is such a thing.
func (e *viewExpressions) look(name string) (t feature.Type, exists bool) {
	if name == feature.NameAsOf || name == feature.NameEventTimestamp {
		return feature.Scalar(feature.Timestamp), true
	}
	at, exists := e.index[name]
	if exists {
		t = e.view.Features[at].Type
	}
	return t, exists
}

// variables gives all that the view's expressions can name.
func (e *viewExpressions) variables() []expression.Variable {
	names := append(slices.Collect(featureNames(e.view)), feature.NameAsOf)
	if e.hasRow() {
		names = append(names, feature.NameEventTimestamp)
	}
	slices.Sort(names)
	var vars []expression.Variable
	for _, name := range slices.Compact(names) {
		if t, _ := e.look(name); !t.IsZero() {
			vars = append(vars, expression.Variable{Name: name, Type: t})
		}
	}
	return vars
}
