package registry

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// compareServices says how a service version differs from what the files describe
// now: everything but texts is part of what the version freezes.
func compareServices(a, b *ServiceVersion, at func(...string) Position) []Reason {
	d := differences{at: at}
	d.meta(&a.Meta, &b.Meta)
	d.serviceInputs(a, b)
	before, after := outputsByName(a), outputsByName(b)
	uses := map[string]bool{}
	for _, out := range a.Outputs {
		if _, stays := after[out.Name]; !stays {
			d.tell(Breaking, "features", out.Name, "", "output %s is removed", out.Name)
		}
	}
	for _, out := range b.Outputs {
		was, ok := before[out.Name]
		if !ok {
			d.tell(Breaking, "features", "", out.Name, "new output %s", out.Name)
			continue
		}
		d.serviceOutput(a, b, was, out, uses)
	}
	d.derivedReads(a, b, uses)
	if len(d.reasons) == 0 || worst(d.reasons) == Safe {
		if !slices.EqualFunc(a.Outputs, b.Outputs, func(x, y ServiceOutput) bool { return x.Name == y.Name }) {
			d.tell(Breaking, "features", outputNames(a), outputNames(b), "outputs stand in another order")
		} else if !slices.EqualFunc(a.Uses, b.Uses, equalUses) || !slices.Equal(a.Outputs, b.Outputs) {
			d.add(Breaking, "features", "views are used otherwise")
		}
	}
	return d.reasons
}

func outputNames(s *ServiceVersion) string {
	names := make([]string, len(s.Outputs))
	for i, out := range s.Outputs {
		names[i] = out.Name
	}
	return strings.Join(names, ", ")
}

func outputsByName(s *ServiceVersion) map[string]ServiceOutput {
	m := make(map[string]ServiceOutput, len(s.Outputs))
	for _, o := range s.Outputs {
		m[o.Name] = o
	}
	return m
}

// serviceOutput compares where one output comes from; what holds for a whole use
// is said once.
func (d *differences) serviceOutput(from, to *ServiceVersion, was, now ServiceOutput, told map[string]bool) {
	if was.Use == feature.DerivedOutput || now.Use == feature.DerivedOutput {
		d.derivedOutput(from, to, was, now)
		return
	}
	d.serviceUse(&from.Uses[was.Use], &to.Uses[now.Use], was, now, told)
}

func (d *differences) serviceUse(a, b *ServiceUse, was, now ServiceOutput, told map[string]bool) {
	once := func(what, from, to string) {
		if text := what + from + to; !told[text] {
			told[text] = true
			d.move(Breaking, "features", what, from, to, "")
		}
	}
	switch {
	case a.View != b.View || was.Feature != now.Feature:
		once("output "+now.Name+" shows", a.View+":"+was.Feature, b.View+":"+now.Feature)
	case a.Version != b.Version:
		once("view", fmt.Sprintf("%s@%d", a.View, a.Version), fmt.Sprintf("%s@%d", b.View, b.Version))
	}
	if a.View == b.View && !slices.Equal(a.Keys, b.Keys) {
		once("keys of "+b.Alias+" are taken from", strings.Join(a.Keys, ", "), strings.Join(b.Keys, ", "))
	}
}

func equalUses(a, b ServiceUse) bool {
	return a.View == b.View && a.Version == b.Version && a.Alias == b.Alias && slices.Equal(a.Keys, b.Keys)
}

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
