package definition

import (
	"fmt"
	"maps"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// checker holds the objects of all files against one another: names are unique
// per kind, references resolve, and names that meet in one table don't clash.
// What depends on a part that is broken, and reported as such, is not checked.
type checker struct {
	*loader
	entity map[string]*entity
	source map[string]*source
	view   map[string]*view

	entityNames, sourceNames, viewNames []string // for hints
}

func newChecker(l *loader) *checker {
	c := &checker{
		loader: l,
		entity: map[string]*entity{}, source: map[string]*source{}, view: map[string]*view{},
	}
	services := map[string]*service{}
	for _, o := range l.entities {
		register(c, registry.KindEntity, c.entity, o.Name, o)
	}
	for _, o := range l.sources {
		register(c, registry.KindSource, c.source, o.Name, o)
	}
	for _, o := range l.views {
		register(c, registry.KindView, c.view, o.Name, o)
	}
	for _, o := range l.services {
		register(c, registry.KindService, services, o.Name, o)
	}
	c.entityNames = slices.Sorted(maps.Keys(c.entity))
	c.sourceNames = slices.Sorted(maps.Keys(c.source))
	c.viewNames = slices.Sorted(maps.Keys(c.view))
	return c
}

// register gives a name to the first object that bears it.
func register[T interface{ places() positions }](c *checker, kind string, known map[string]T, name string, o T) {
	if name == "" {
		return
	}
	if first, ok := known[name]; ok {
		c.problems.add(o.places().of("name"), fmt.Sprintf("%s %q is defined twice", kind, name),
			fmt.Sprintf("first at %s", first.places().of("name")))
		return
	}
	known[name] = o
}

func (c *checker) check() {
	// Views first: services look at their join keys.
	for _, v := range c.views {
		c.checkView(v)
	}
	for _, s := range c.services {
		c.checkService(s)
	}
}

// dangling reports a reference to nothing, unless what it means may be in a
// document that could not be read.
func (c *checker) dangling(at registry.Position, kind, name string, known []string) {
	if name == "" || c.isBroken(kind, name) {
		return
	}
	otherwise := "known: " + listed(known)
	if len(known) == 0 {
		otherwise = fmt.Sprintf("no %s is defined", kind)
	}
	c.problems.add(at, fmt.Sprintf("unknown %s %q", kind, name), c.problems.nearest(name, known, otherwise))
}

func (c *checker) checkView(v *view) {
	if c.source[v.Source] == nil {
		c.dangling(v.at.of("source"), registry.KindSource, v.Source, c.sourceNames)
	}
	c.resolveKeys(v)
	if !v.keysKnown {
		return
	}
	names := keyNames(v)
	for _, k := range slices.Sorted(maps.Keys(v.Keys)) {
		if !slices.Contains(names, k) {
			c.problems.add(v.at.of("keys", k, "key"), fmt.Sprintf("keys: the view has no join key %q", k), c.keyHint(k, names))
		}
	}
}

func keyNames(v *view) []string {
	names := make([]string, len(v.joinKeys))
	for i, k := range v.joinKeys {
		names[i] = k.Name
	}
	return names
}

func (c *checker) keyHint(name string, names []string) string {
	if len(names) == 0 {
		return "it has no entities"
	}
	return c.problems.nearest(name, names, "its join keys are "+listed(names))
}

// resolveKeys looks up the view's entities and gives it its join keys.
func (c *checker) resolveKeys(v *view) {
	v.keysKnown = v.rolesWhole
	owner := map[string]feature.Role{}
	for i, role := range v.Entities {
		at := v.at.of("entities", v.roles[i], "entity")
		e := c.entity[role.Entity]
		if e == nil {
			v.keysKnown = false
			c.dangling(at, registry.KindEntity, role.Entity, c.entityNames)
			continue
		}
		v.keysKnown = v.keysKnown && e.complete
		for _, k := range role.JoinKeys(e.Entity) {
			if first, twice := owner[k.Name]; twice {
				c.keyClash(at, k.Name, first, role)
				v.keysKnown = false
				break // the other keys of the role clash for the same reason
			}
			if err := feature.CheckName(k.Name); err != nil {
				c.problems.add(at, fmt.Sprintf("the join key of role %q: %s", role.As, plain(err)), "choose another role or rename the entity's key")
				v.keysKnown = false
				break
			}
			owner[k.Name] = role
			v.joinKeys = append(v.joinKeys, k)
		}
	}
}

func (c *checker) keyClash(at registry.Position, key string, a, b feature.Role) {
	if a.Entity == b.Entity {
		c.problems.add(at, fmt.Sprintf("entity %q is used twice with the join key %q", a.Entity, key),
			fmt.Sprintf("give each use its role, for example {entity: %s, as: origin}", a.Entity))
		return
	}
	c.problems.add(at, fmt.Sprintf("join key %q comes from entity %q and from entity %q", key, a.Entity, b.Entity),
		fmt.Sprintf("give one of them a role, for example {entity: %s, as: other}", b.Entity))
}
