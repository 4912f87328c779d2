package definition

import (
	"fmt"

	"go.yaml.in/yaml/v4"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// document reads one definition.
func (l *loader) document(r *reader, n *yaml.Node) {
	kind, name := peek(n, "kind"), peek(n, "name")
	known := ""
	if kind != nil {
		known = kind.Value
	}
	switch known {
	case registry.KindEntity:
		l.entities = append(l.entities, r.entity(n))
	case registry.KindSource:
		l.sources = append(l.sources, r.source(n))
	case registry.KindView:
		l.views = append(l.views, r.view(n))
	case registry.KindService:
		l.services = append(l.services, r.service(n))
	default:
		if name != nil {
			l.breaks("", name.Value)
		}
		r.unknownKind(n, kind)
	}
}

func (r *reader) unknownKind(n, kind *yaml.Node) {
	switch {
	case n.Kind != yaml.MappingNode:
		r.mismatch(n, "", "a definition (a mapping with kind and name)")
	case kind == nil:
		r.problem(n, `missing field "kind"`, "one of "+listed(kinds()))
	default:
		if s, ok := r.string(kind, "kind", "one of "+listed(kinds()), maxText); ok {
			r.problem(kind, "unknown kind "+quoted(s), r.problems.nearest(s, kinds(), "one of "+listed(kinds())))
		}
	}
}

// peek gives the value of a field of a mapping, before the mapping is checked.
func peek(n *yaml.Node, field string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == field {
			return n.Content[i+1]
		}
	}
	return nil
}

// meta reads the fields of every object.
func (o *object) meta() feature.Meta {
	m := feature.Meta{Name: o.nameField("name"), Description: o.text("description"), Owner: o.text("owner")}
	for k, v := range o.mapping("tags", "a mapping of text to text", "tag") {
		key, ok := o.string(k, "tags", "text", 128)
		text, fine := o.string(v, "tags", "text", maxText)
		if key == "" && ok {
			o.problem(k, "tags: a tag's name can't be empty", "")
			continue
		}
		if ok && fine {
			if m.Tags == nil {
				m.Tags = map[string]string{}
			}
			m.Tags[key] = text
			o.at.set(o.pos(v), "tags", key)
		}
	}
	return m
}

// columnMap reads a mapping of names of ours to columns.
func (o *object) columnMap(field, what string) map[string]string {
	var m map[string]string
	for k, v := range o.mapping(field, "a mapping of "+what+" to column", what) {
		name, ok := o.name(k, field)
		column, fine := o.column(v, field)
		if !ok || !fine {
			continue
		}
		if m == nil {
			m = map[string]string{}
		}
		m[name] = column
		o.at.set(o.pos(v), o.within(field, name)...)
		o.at.set(o.pos(k), o.within(field, name, "key")...)
	}
	return m
}

// entity is an entity with the places of its parts.
type entity struct {
	feature.Entity
	at       positions
	complete bool // false: keys may be missing, because they are broken
}

func (e *entity) places() positions { return e.at }

func (r *reader) entity(n *yaml.Node) *entity {
	e := &entity{at: positions{}}
	o := r.object(n, &r.grammar.entity, e.at)
	e.Meta = o.meta()
	items := o.items("keys", "a list of join keys like {name: airport, type: string}")
	if keys := o.fields["keys"]; keys != nil && keys.Kind == yaml.SequenceNode && len(items) == 0 {
		o.problem(keys, "keys: an entity has at least one join key", "for example keys: [{name: airport, type: string}]")
	}
	items, all := o.atMost(maxKeys, items, "keys", "an entity has at most %d join keys")
	seen := map[string]registry.Position{}
	for _, item := range items {
		if k, ok := r.joinKey(item, e.at, seen); ok {
			e.Keys = append(e.Keys, k)
		}
	}
	e.complete = all && len(items) > 0 && len(e.Keys) == len(items)
	return e
}

func (r *reader) joinKey(n *yaml.Node, at positions, seen map[string]registry.Position) (feature.JoinKey, bool) {
	own := positions{}
	o := r.object(n, &r.grammar.joinKey, own)
	if o == nil {
		return feature.JoinKey{}, false
	}
	k := feature.JoinKey{Name: o.nameField("name"), Type: o.kind()}
	if t := k.Type; !t.IsZero() && !t.IsKey() {
		why := "of two floats that look the same one may not equal the other"
		if t.List {
			why = "a key is one value"
		}
		o.problem(o.fields["type"], fmt.Sprintf("type: %s can't be the type of a join key: %s", t, why),
			"use bool, int32, int64, string, bytes, date or timestamp")
	}
	if k.Name == "" {
		return k, false
	}
	if first, ok := seen[k.Name]; ok {
		o.problem(o.fields["name"], fmt.Sprintf("join key %q is given twice", k.Name), fmt.Sprintf("first at %s", first))
		return k, false
	}
	seen[k.Name] = r.pos(n)
	at.merge(own, "keys", k.Name)
	return k, true
}
