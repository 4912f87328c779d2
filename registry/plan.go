package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// Plan is what applying definitions would change. It holds for the revision that
// it was made on, and is not changed by Apply.
type Plan struct {
	Base    int64          `json:"base"`
	Changes []ObjectChange `json:"changes"` // entities, sources, views, services, each in the order of names
	// Removals is what applying takes away, in the order of Changes: names that are no
	// longer defined, and features that a service still reads.
	Removals []Removal `json:"removals,omitempty"`
	// Warnings are about what the files say, changed or not: it works, and will hurt.
	Warnings Problems `json:"-"`
	// Stored is what the views with aggregates that are kept online take there, by their names.
	Stored []Stored `json:"-"`

	write Change // without author
}

// Empty tells whether the registry says already what the files say.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 }

// Class is the gravest class of the changes.
func (p *Plan) Class() Class { return Gravest(p.Changes) }

// NewPlan compares definitions with a registry. It reads the columns of every
// source's files. What is wrong with the definitions, all of it, is an error of
// type Problems; other errors say why columns could not be read at all.
func NewPlan(ctx context.Context, base *Snapshot, defs *Definitions, schemas Schemas) (*Plan, error) {
	r, err := newResolver(ctx, base, defs, schemas)
	if err != nil {
		return nil, err
	}
	p := planner{
		resolver: r,
		plan:     &Plan{Base: base.Revision(), Changes: []ObjectChange{}},
		views:    map[string]*feature.ViewVersion{},
		services: map[string]*ServiceVersion{},
	}
	p.planEntities()
	p.planSources()
	p.planViews()
	p.planServices()
	p.retire()
	if len(p.problems) > 0 {
		p.problems.Sort()
		return nil, p.problems
	}
	p.warnings.Sort()
	p.plan.Warnings = p.warnings
	slices.SortFunc(p.stored, func(a, b Stored) int { return strings.Compare(a.View, b.View) })
	p.plan.Stored = p.stored
	p.plan.Removals = p.removals()
	giveUp(p.plan.Removals, p.plan.write.Retire)
	p.plan.write.Operation, p.plan.write.Changes = OperationApply, p.plan.Changes
	return p.plan, nil
}

// planner builds a plan: changes for people, and what a store writes.
type planner struct {
	*resolver
	plan     *Plan
	views    map[string]*feature.ViewVersion // what the files define, by name
	services map[string]*ServiceVersion      // what the files define, by name
}

// object notes that a store writes a new state of an object.
func (p *planner) object(kind, name string, version int, spec any) {
	text, err := json.Marshal(spec)
	if err != nil {
		p.problem(p.defs.At(kind, name), "", "%s %s can't be recorded: %s", kind, name, err)
		return
	}
	p.plan.write.Objects = append(p.plan.write.Objects, Object{Kind: kind, Name: name, Version: version, Spec: text})
}

func (p *planner) at(kind, name string) func(parts ...string) Position {
	return func(parts ...string) Position { return p.defs.At(kind, name, parts...) }
}

func (p *planner) planEntities() {
	planUnversioned(p, KindEntity, p.defs.Entities, p.base.entities,
		func(e *feature.Entity) string { return e.Name }, compareEntities)
}

func (p *planner) planSources() {
	planUnversioned(p, KindSource, p.defs.Sources, p.base.sources,
		func(s *feature.Source) string { return s.Name }, compareSources)
}

// planUnversioned plans the objects of a kind that has no versions: views and
// services hold copies of what they need of them.
func planUnversioned[T any](p *planner, kind string, defs []T, base map[string]*T, name func(*T) string,
	compare func(a, b *T, at func(...string) Position) []Reason,
) {
	var changes []ObjectChange
	defined := make(map[string]bool, len(defs))
	for i := range defs {
		n := name(&defs[i])
		defined[n] = true
		c := ObjectChange{Kind: kind, Name: n, Action: ActionCreate, At: p.defs.At(kind, n)}
		if was := base[n]; was != nil {
			c.Action, c.Reasons = ActionUpdate, compare(was, &defs[i], p.at(kind, n))
			if len(c.Reasons) == 0 {
				continue
			}
			c.Class = worst(c.Reasons)
		}
		p.object(kind, n, 0, &defs[i])
		changes = append(changes, c)
	}
	for n := range base {
		if !defined[n] {
			p.plan.write.Objects = append(p.plan.write.Objects, Object{Kind: kind, Name: n})
			changes = append(changes, ObjectChange{Kind: kind, Name: n, Action: ActionDelete, Class: Breaking})
		}
	}
	p.add(changes)
}

func (p *planner) add(changes []ObjectChange) {
	slices.SortFunc(changes, func(a, b ObjectChange) int { return strings.Compare(a.Name, b.Name) })
	p.plan.Changes = append(p.plan.Changes, changes...)
}

// planVersioned plans the objects of a kind that has versions.
func planVersioned[D, T any](p *planner, kind string, defs []D, base map[string]*versioned[T], name func(*D) string,
	plan func(def *D, was *versioned[T]) (ObjectChange, bool),
) {
	var changes []ObjectChange
	defined := make(map[string]bool, len(defs))
	for i := range defs {
		n := name(&defs[i])
		defined[n] = true
		if c, changed := plan(&defs[i], named(base, n)); changed {
			changes = append(changes, c)
		}
	}
	for n, v := range base {
		if v.pointer.Defined != 0 && !defined[n] {
			p.plan.write.Pointers = append(p.plan.write.Pointers, Pointer{Kind: kind, Name: n})
			changes = append(changes, ObjectChange{Kind: kind, Name: n, Action: ActionDelete, Class: Breaking, From: v.pointer.Defined})
		}
	}
	p.add(changes)
}

func (p *planner) planViews() {
	planVersioned(p, KindView, p.defs.Views, p.base.views, func(v *feature.View) string { return v.Name }, p.planView)
}

func (p *planner) planView(def *feature.View, was *versioned[*viewEntry]) (ObjectChange, bool) {
	at := p.at(KindView, def.Name)
	var fixed *feature.ViewVersion
	if e := was.versions[was.pointer.Defined]; e != nil {
		fixed = e.view
	}
	now := p.view(def, fixed)
	p.views[def.Name] = now

	d := decide(was, func(e *viewEntry) []Reason { return compareViews(e.view, now, at) })
	now.Version = d.pointer.Defined
	c := d.change(KindView, def.Name, at())
	if e := was.versions[now.Version]; e == nil || len(compareViews(e.view, now, at)) > 0 {
		p.object(KindView, def.Name, now.Version, now)
	}
	c.Storage = p.planStorage(now, was.versions[now.Version])
	p.move(KindView, def.Name, was.pointer, d.pointer)
	return c, d.changed
}

// move notes where the pointer of a view or a service goes.
func (p *planner) move(kind, name string, from, to Pointer) {
	if to != from {
		to.Kind, to.Name = kind, name
		p.plan.write.Pointers = append(p.plan.write.Pointers, to)
	}
}

// planStorage asks for a new storage where the version is kept online and what is
// stored of it, or is being filled, has another layout.
func (p *planner) planStorage(v *feature.ViewVersion, was *viewEntry) bool {
	if !v.Online {
		return false
	}
	if was != nil && storedAs(was, v) {
		return false
	}
	p.plan.write.Storages = append(p.plan.write.Storages, storageLayout(v))
	return true
}

// storageLayout is what is stored of a view version: its columns and aggregates in the
// order of their names, without texts and without where columns come from.
func storageLayout(v *feature.ViewVersion) feature.Storage {
	s := feature.Storage{
		View: v.Name, Version: v.Version, Keys: v.Keys, Rule: v.Rule,
		Features: make([]feature.Field, 0, len(v.Features)),
	}
	for i := range v.Features {
		if f := &v.Features[i]; !f.IsDerived() {
			s.Features = append(s.Features, feature.Field{Name: f.Name, Type: f.Type, Aggregate: f.Aggregate})
		}
	}
	slices.SortFunc(s.Features, func(a, b feature.Field) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

func equalLayouts(a, b *feature.Storage) bool {
	return slices.Equal(a.Keys, b.Keys) && slices.EqualFunc(a.Features, b.Features, equalFields) && a.Rule == b.Rule
}

// equalFields tells whether two features are stored alike.
func equalFields(a, b feature.Field) bool {
	return a.Name == b.Name && a.Type == b.Type && equalAggregates(a.Aggregate, b.Aggregate)
}

func equalAggregates(a, b *feature.Aggregate) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	sameDefault := x.Default == y.Default || x.Default != nil && y.Default != nil && *x.Default == *y.Default
	x.Default, y.Default = nil, nil
	return x == y && sameDefault
}

// storedAs tells whether what is stored of a version, or is being filled, has its
// layout.
func storedAs(e *viewEntry, view *feature.ViewVersion) bool {
	latest := e.filling
	if latest == nil {
		latest = e.active
	}
	layout := storageLayout(view)
	return latest != nil && equalLayouts(latest, &layout)
}

// retire gives up the storages of removed views' versions that no service uses,
// removed ones not counted.
func (p *planner) retire() {
	used := map[ViewRef]bool{}
	note := func(s *ServiceVersion) {
		for _, u := range s.Uses {
			used[ViewRef{u.View, u.Version}] = true
		}
	}
	for name, s := range p.base.services {
		if p.services[name] != nil {
			for _, version := range s.versions {
				note(version)
			}
		}
	}
	for _, s := range p.services {
		note(s)
	}
	for name, v := range p.base.views {
		if p.views[name] != nil {
			continue
		}
		for version, e := range v.versions {
			if ref := (ViewRef{name, version}); !used[ref] && (e.active != nil || e.filling != nil) {
				p.plan.write.Retire = append(p.plan.write.Retire, ref)
			}
		}
	}
	slices.SortFunc(p.plan.write.Retire, compareRefs)
}

func compareRefs(x, y ViewRef) int {
	return cmp.Or(strings.Compare(x.View, y.View), cmp.Compare(x.Version, y.Version))
}

// decision is what becomes of a versioned object.
type decision struct {
	pointer Pointer // without kind and name
	from    int
	action  Action
	reasons []Reason
	changed bool
}

// decide finds the version that what the files say now belongs to: the defined one
// where the difference is not breaking, else an earlier one that says exactly the
// same, else a new one. What the bare name stands for stays, unless it stands for
// nothing.
func decide[T any](was *versioned[T], compare func(T) []Reason) decision {
	versions, defined := was.numbers(), was.pointer.Defined
	d := decision{pointer: was.pointer, from: defined, changed: true}
	if defined != 0 {
		d.reasons = compare(was.versions[defined])
		if len(d.reasons) == 0 {
			d.changed = false
			return d
		}
		if worst(d.reasons) != Breaking {
			d.action = ActionUpdate
			return d
		}
	}
	d.action, d.pointer.Defined = ActionCreate, 1
	if len(versions) > 0 {
		d.action, d.pointer.Defined = ActionNewVersion, versions[len(versions)-1]+1
	}
	for _, v := range slices.Backward(versions) { // the newest of those that say the same
		if v != defined && worst(compare(was.versions[v])) == Safe {
			d.action, d.pointer.Defined = ActionRestore, v
			break
		}
	}
	if d.pointer.Current == 0 {
		d.pointer.Current = d.pointer.Defined
	}
	return d
}

func (d *decision) change(kind, name string, at Position) ObjectChange {
	return ObjectChange{
		Kind: kind, Name: name, Action: d.action, Class: worst(d.reasons), At: at,
		From: d.from, To: d.pointer.Defined, Current: d.pointer.Current == d.pointer.Defined, Reasons: d.reasons,
	}
}
