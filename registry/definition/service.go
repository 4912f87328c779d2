package definition

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// service is a service with the places of its parts.
type service struct {
	feature.Service
	at   positions
	uses []string // for each of Features its index in the file, by which at knows it
}

func (s *service) places() positions { return s.at }

func (r *reader) service(n *yaml.Node) *service {
	s := &service{at: positions{}}
	o := r.object(n, &r.grammar.service, s.at)
	s.Meta = o.meta()
	items := o.items("features", "a list of views like {view: route_last, only: [delay]}")
	if list := o.fields["features"]; list != nil && list.Kind == yaml.SequenceNode && len(items) == 0 {
		o.problem(list, "features: a service has at least one view", "for example features: [{view: route_last}]")
	}
	items, _ = o.atMost(maxUses, items, "features", "a service uses at most %d views")
	for i, item := range items {
		index := strconv.Itoa(i)
		if use, ok := r.use(item, s.at, index); ok {
			s.Features = append(s.Features, use)
			s.uses = append(s.uses, index)
		}
	}
	o.inputs(s)
	o.derived(s)
	return s
}

// inputs reads what requests bring along.
func (o *object) inputs(s *service) {
	items, _ := o.atMost(maxInputs, o.items("inputs", "a list of inputs like {name: distance, type: int64}"), "inputs", "a service has at most %d inputs")
	named(o, s.at, "inputs", items, &o.grammar.input, func(sub *object, name string) {
		if t := sub.kind(); !t.IsZero() {
			s.Inputs = append(s.Inputs, feature.Input{Name: name, Type: t})
		}
	})
}

// derived reads what the service computes.
func (o *object) derived(s *service) {
	items, _ := o.atMost(maxDerived, o.items("derived", "a list of features like {name: far, expression: distance > 1500}"), "derived", "a service has at most %d derived features")
	named(o, s.at, "derived", items, &o.grammar.derived, func(sub *object, name string) {
		d := feature.DerivedFeature{Name: name, Description: sub.text("description"), Type: sub.kind(), Expression: sub.expression("expression")}
		if d.Expression != "" {
			s.Derived = append(s.Derived, d)
		}
	})
}

// named reads the items of a list that have names, each name once.
func named(o *object, at positions, field string, items []*yaml.Node, s *shape, read func(sub *object, name string)) {
	_, what, _ := strings.Cut(s.what, " ")
	seen := map[string]registry.Position{}
	for _, item := range items {
		own := positions{}
		sub := o.reader.object(item, s, own)
		if sub == nil {
			continue
		}
		name := sub.nameField("name")
		if first, twice := seen[name]; twice && name != "" {
			o.problem(sub.fields["name"], fmt.Sprintf("%s %q is given twice", what, name), fmt.Sprintf("first at %s", first))
			continue
		}
		read(sub, name)
		if name != "" {
			seen[name] = o.pos(item)
			at.merge(own, field, name)
		}
	}
}

// use reads a view as a service uses it.
func (r *reader) use(n *yaml.Node, at positions, index string) (feature.ViewUse, bool) {
	o := r.object(n, &r.grammar.use, at, "features", index)
	if o == nil {
		return feature.ViewUse{}, false
	}
	u := feature.ViewUse{
		View: o.nameField("view"), Version: o.count("version"), As: o.nameField("as"),
		Keys: o.columnMap("keys", "join key"), Only: o.names("only"), Hide: o.names("hide"),
		Rename: o.columnMap("rename", "feature"),
	}
	if only := o.fields["only"]; only != nil && only.Kind == yaml.SequenceNode && len(only.Content) == 0 {
		o.problem(only, "only: an empty list leaves no features", "leave it out for all features of the view")
	}
	o.checkHidden(u)
	return u, true
}

// names reads a list of names; one that comes twice is reported.
func (o *object) names(field string) []string {
	var names []string
	seen := map[string]*yaml.Node{}
	for _, item := range o.items(field, "a list of feature names") {
		name, ok := o.name(item, field)
		if !ok {
			continue
		}
		if first := seen[name]; first != nil {
			o.problem(item, fmt.Sprintf("%s: feature %q is given twice", field, name), fmt.Sprintf("first at %s", o.pos(first)))
			continue
		}
		seen[name] = item
		names = append(names, name)
		o.at.set(o.pos(item), o.within(field, name)...)
	}
	return names
}

// checkHidden reports features that are asked for and hidden at once.
func (o *object) checkHidden(u feature.ViewUse) {
	only := setOf(u.Only)
	for _, f := range u.Hide {
		if only[f] {
			o.problems.add(o.at.of(o.within("hide", f)...), fmt.Sprintf("hide: feature %q is also in only", f), "take it out of one of them")
		}
	}
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, n := range names {
		set[n] = true
	}
	return set
}
