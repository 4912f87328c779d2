package registry

import (
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// serviceInputs compares what requests bring along: all that changes in it changes
// what callers have to send.
func (d *differences) serviceInputs(a, b *ServiceVersion) {
	find := func(s *ServiceVersion, name string) string {
		for _, in := range s.Inputs {
			if in.Name == name {
				return in.Type.String()
			}
		}
		return ""
	}
	for _, in := range a.Inputs {
		if find(b, in.Name) == "" {
			d.tell(Breaking, "inputs."+in.Name, in.Type.String(), "", "input %s is removed: requests that send it are refused", in.Name)
		}
	}
	for _, in := range b.Inputs {
		switch was := find(a, in.Name); was {
		case in.Type.String():
		case "":
			d.tell(Breaking, "inputs."+in.Name, "", in.Type.String(), "new input %s %s: requests have to send it", in.Name, in.Type)
		default:
			d.move(Breaking, "inputs."+in.Name+".type", "type of input "+in.Name+":", was, in.Type.String(), "")
		}
	}
}

// derivedOutput compares an output that the service computes, before, now or both.
func (d *differences) derivedOutput(a, b *ServiceVersion, was, now ServiceOutput) {
	field := "derived." + now.Name
	from, to := outputText(a, was), outputText(b, now)
	if was.Use != now.Use {
		d.move(Breaking, field, "output "+now.Name+" shows", from, to, "")
		return
	}
	x, y := &a.Derived[a.derivedIndex(was.Feature)], &b.Derived[b.derivedIndex(now.Feature)]
	switch m := (&meanings{}); {
	case !m.sameText(from, to):
		d.move(Breaking, field+".expression", "derived feature "+now.Name+" is", from, to, "")
	case from != to:
		d.move(Safe, field+".expression", "derived feature "+now.Name+" is written otherwise:", from, to, "")
	}
	if x.Type != y.Type {
		d.move(Breaking, field+".type", "type of derived feature "+now.Name+":", x.Type.String(), y.Type.String(), "")
	}
	if x.Description != y.Description {
		d.tell(Safe, field+".description", x.Description, y.Description, "description of derived feature %s changed", now.Name)
	}
}

// outputText tells what an output shows: a feature, or the expression that it is.
func outputText(s *ServiceVersion, o ServiceOutput) string {
	if o.Use == feature.DerivedOutput {
		return s.Derived[s.derivedIndex(o.Feature)].Expression
	}
	return s.Uses[o.Use].View + ":" + o.Feature
}

// derivedReads compares where features come from that are read and not delivered.
func (d *differences) derivedReads(a, b *ServiceVersion, told map[string]bool) {
	use := func(s *ServiceVersion, alias string) *ServiceUse {
		if i := slices.IndexFunc(s.Uses, func(u ServiceUse) bool { return u.Alias == alias }); i >= 0 {
			return &s.Uses[i]
		}
		return nil
	}
	for i := range b.Derived {
		for _, read := range b.Derived[i].Reads {
			alias, name, ok := strings.Cut(read, ".")
			if from, to := use(a, alias), use(b, alias); ok && from != nil && to != nil {
				d.serviceUse(from, to, ServiceOutput{Feature: name, Name: read}, ServiceOutput{Feature: name, Name: read}, told)
			}
		}
	}
}
