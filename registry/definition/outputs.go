package definition

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// outputs checks one service: what its uses name, and that the columns that it
// delivers and the key columns that it takes are distinct.
type outputs struct {
	*checker
	s       *service
	uses    []use
	byAlias map[string]*use
	renamed map[string]registry.Position
	keys    map[string]keyColumn
}

// use is a view as the service uses it. The features and keys of a view at a
// fixed version may differ from those in the files: they are not known then.
type use struct {
	*feature.ViewUse
	index string
	alias string
	view  *view // nil: not known, or a fixed version
	hide  map[string]bool
	only  map[string]bool
}

type keyColumn struct {
	at   registry.Position
	kind feature.Type // zero: not known
	view string
}

func (c *checker) checkService(s *service) {
	o := &outputs{
		checker: c, s: s, uses: make([]use, len(s.Features)),
		byAlias: map[string]*use{}, renamed: map[string]registry.Position{}, keys: map[string]keyColumn{},
	}
	for i := range s.Features {
		f := &s.Features[i]
		u := &o.uses[i]
		*u = use{ViewUse: f, index: s.uses[i], alias: f.View, hide: setOf(f.Hide), only: setOf(f.Only)}
		if f.As != "" {
			u.alias = f.As
		}
		v := c.view[f.View]
		if v == nil {
			c.dangling(o.at(u, "view"), registry.KindView, f.View, c.viewNames)
		} else if !o.fixed(u) {
			u.view = v
			o.checkNames(u)
		}
		o.checkAlias(u)
		o.addKeys(u)
	}
	for i := range o.uses {
		o.checkRenames(&o.uses[i])
	}
	o.checkKeys()
	o.checkOwn()
}

func (o *outputs) at(u *use, path ...string) registry.Position {
	return o.s.at.of(append([]string{"features", u.index}, path...)...)
}

// fixed tells whether the file names a version, be it a broken one.
func (o *outputs) fixed(u *use) bool {
	_, ok := o.s.at[part("features", u.index, "version")]
	return ok
}

// checkNames holds what a use names against the view in the files.
func (o *outputs) checkNames(u *use) {
	v := u.view
	if v.keysKnown && len(u.Keys) > 0 {
		names := keyNames(v)
		for k := range u.Keys {
			if !slices.Contains(names, k) {
				o.problems.add(o.at(u, "keys", k, "key"), fmt.Sprintf("keys: view %q has no join key %q", v.Name, k), o.keyHint(k, names))
			}
		}
	}
	if !v.featuresWhole {
		return
	}
	for _, f := range u.Only {
		o.checkFeature(u, f, o.at(u, "only", f), "only")
	}
	for _, f := range u.Hide {
		o.checkFeature(u, f, o.at(u, "hide", f), "hide")
	}
	for f := range u.Rename {
		o.checkFeature(u, f, o.at(u, "rename", f, "key"), "rename")
	}
	if len(o.s.Derived) > 0 {
		return // they may read what is hidden
	}
	if left := slices.ContainsFunc(v.Features, func(f feature.ViewFeature) bool { return !u.hide[f.Name] }); !left {
		o.problems.add(o.at(u, "hide"), fmt.Sprintf("hide: no feature of view %q is left", v.Name), "take the view out of the service")
	}
}

func (o *outputs) checkFeature(u *use, name string, at registry.Position, field string) {
	if u.view.features[name] {
		return
	}
	known := u.view.names
	o.problems.add(at, fmt.Sprintf("%s: view %q has no feature %q", field, u.view.Name, name),
		o.problems.nearest(name, known, "its features are "+listed(known)))
}

// checkAlias gives the alias to the first use that bears it.
func (o *outputs) checkAlias(u *use) {
	if u.alias == "" {
		return
	}
	first, twice := o.byAlias[u.alias]
	if !twice {
		o.byAlias[u.alias] = u
		return
	}
	what, at := "view", o.at(u, "view")
	if u.As != "" {
		what, at = "alias", o.at(u, "as")
	}
	o.problems.add(at, fmt.Sprintf("%s %q stands for two uses in one service, so their output columns would clash", what, u.alias),
		fmt.Sprintf("give each another name with as; first at %s", o.at(first)))
}

// addKeys notes the columns that the use takes its join keys from.
func (o *outputs) addKeys(u *use) {
	if u.view == nil {
		for k, column := range u.Keys {
			if _, ok := o.keys[column]; !ok {
				o.keys[column] = keyColumn{at: o.at(u, "keys", k)}
			}
		}
		return
	}
	for _, k := range u.view.joinKeys {
		column := k.Name
		if to, ok := u.Keys[k.Name]; ok {
			column = to
		}
		at := o.at(u, "keys", k.Name)
		have, ok := o.keys[column]
		switch {
		case !ok || have.kind.IsZero():
			o.keys[column] = keyColumn{at: at, kind: k.Type, view: u.View}
		case !k.Type.IsZero() && !alike(have.kind, k.Type):
			o.problems.add(at, fmt.Sprintf("key column %s is taken as %s and, by view %q, as %s", quoted(column), have.kind, u.View, k.Type),
				"map one of them to another column with keys")
		}
	}
}

// alike tells whether one column can hold keys of both types.
func alike(a, b feature.Type) bool {
	whole := func(t feature.Type) bool { return t.Kind == feature.Int32 || t.Kind == feature.Int64 }
	return a == b || whole(a) && whole(b)
}

// checkRenames holds the new names of outputs against one another, against
// those that are not renamed and against the key columns.
func (o *outputs) checkRenames(u *use) {
	for _, f := range slices.Sorted(maps.Keys(u.Rename)) {
		name, at := u.Rename[f], o.at(u, "rename", f)
		if u.view != nil && u.view.featuresWhole && !u.view.features[f] {
			continue // told by checkNames
		}
		if u.hide[f] || len(u.only) > 0 && !u.only[f] {
			o.problems.add(o.at(u, "rename", f, "key"), fmt.Sprintf("rename: feature %q is not delivered", f),
				"take it out of rename, or out of hide and into only")
			continue
		}
		first, twice := o.renamed[name]
		if !twice {
			o.renamed[name] = at
			first, twice = o.natural(name)
		}
		if !twice {
			if key, ok := o.keys[name]; ok {
				o.problems.add(at, fmt.Sprintf("output column %s is also a key column", quoted(name)), fmt.Sprintf("taken at %s", key.at))
			}
			continue
		}
		o.problems.add(at, fmt.Sprintf("output column %s is there twice", quoted(name)), fmt.Sprintf("first at %s", first))
	}
}

// checkKeys looks for key columns that are also outputs under their own names.
func (o *outputs) checkKeys() {
	for _, name := range slices.Sorted(maps.Keys(o.keys)) {
		if at, ok := o.natural(name); ok {
			o.problems.add(o.keys[name].at, fmt.Sprintf("key column %s is also an output column", quoted(name)), fmt.Sprintf("delivered at %s", at))
		}
	}
}

// checkOwn holds the names of inputs and of derived features against one another and
// against the other columns. None can be that of an output that is not renamed, which
// has a double underscore.
func (o *outputs) checkOwn() {
	own := map[string]registry.Position{}
	check := func(field, what, name string) {
		at := o.s.at.of(field, name, "name")
		if first, twice := own[name]; twice {
			o.problems.add(at, fmt.Sprintf("%s %q is also an input", what, name), fmt.Sprintf("give one of them another name; the input is at %s", first))
			return
		}
		own[name] = at
		if key, ok := o.keys[name]; ok {
			o.problems.add(at, fmt.Sprintf("%s %q is also a key column", what, name), fmt.Sprintf("give it another name; the key is taken at %s", key.at))
		}
		if renamed, ok := o.renamed[name]; ok {
			o.problems.add(at, fmt.Sprintf("%s %q is also an output column", what, name), fmt.Sprintf("delivered at %s", renamed))
		}
	}
	for _, in := range o.s.Inputs {
		check("inputs", "input", in.Name)
	}
	for _, d := range o.s.Derived {
		check("derived", "derived feature", d.Name)
	}
}

// natural finds the use that delivers alias__feature without renaming it. Names
// hold no double underscore but may end in one, so that every split is tried.
func (o *outputs) natural(column string) (registry.Position, bool) {
	for i := range column {
		name, ok := strings.CutPrefix(column[i:], "__")
		if !ok {
			continue
		}
		u := o.byAlias[column[:i]]
		if u == nil || u.hide[name] || u.Rename[name] != "" {
			continue
		}
		if len(u.only) > 0 && u.only[name] || len(u.only) == 0 && u.view != nil && u.view.features[name] {
			return o.at(u), true
		}
	}
	return registry.Position{}, false
}
