package registry

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// differences collects how one state of an object differs from another.
type differences struct {
	at      func(parts ...string) Position
	reasons []Reason
}

func (d *differences) add(class Class, field, format string, args ...any) {
	d.reasons = append(d.reasons, Reason{
		Class: class, Field: field, Text: fmt.Sprintf(format, args...), At: d.at(strings.Split(field, ".")...),
	})
}

func (d *differences) meta(a, b *feature.Meta) {
	if a.Description != b.Description {
		d.add(Safe, "description", "description changed")
	}
	if a.Owner != b.Owner {
		d.add(Safe, "owner", "owner %s -> %s", orNone(a.Owner), orNone(b.Owner))
	}
	if !maps.Equal(a.Tags, b.Tags) {
		d.add(Safe, "tags", "tags changed")
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func durationOr(d feature.Duration, zero string) string {
	if d == 0 {
		return zero
	}
	return d.String()
}

// compareEntities says how an entity changed. What its keys do to views is told
// with the views.
func compareEntities(a, b *feature.Entity, at func(...string) Position) []Reason {
	d := differences{at: at}
	d.meta(&a.Meta, &b.Meta)
	if !slices.Equal(a.Keys, b.Keys) {
		d.add(Breaking, "keys", "keys %s -> %s: rows are found by other keys", keysText(a.Keys), keysText(b.Keys))
	}
	return d.reasons
}

func keysText(keys []feature.JoinKey) string {
	if len(keys) == 0 {
		return "none"
	}
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k.Name + " " + k.Type.String()
	}
	return strings.Join(parts, ", ")
}

// compareSources says how a source changed. A change of its columns is told with
// the views that read them.
func compareSources(a, b *feature.Source, at func(...string) Position) []Reason {
	d := differences{at: at}
	d.meta(&a.Meta, &b.Meta)
	if !slices.Equal(a.Parquet, b.Parquet) {
		d.add(Breaking, "parquet", "parquet %s -> %s: values come from other files", strings.Join(a.Parquet, ", "), strings.Join(b.Parquet, ", "))
	}
	for _, t := range []struct{ field, a, b string }{
		{"event_timestamp", a.EventTimestamp, b.EventTimestamp},
		{"created_timestamp", a.CreatedTimestamp, b.CreatedTimestamp},
		{"available_timestamp", a.AvailableTimestamp, b.AvailableTimestamp},
	} {
		if t.a != t.b {
			d.add(Breaking, t.field, "%s %s -> %s: other rows are visible, or win", t.field, orNone(t.a), orNone(t.b))
		}
	}
	if !slices.Equal(a.Columns, b.Columns) {
		d.add(Safe, "columns", "columns changed: the views that read them say what it does")
	}
	if a.Mutable != b.Mutable {
		d.add(Safe, "mutable", "mutable %t -> %t: how runs read the files", a.Mutable, b.Mutable)
	}
	return d.reasons
}

// compareViews says how a view version differs from what the files describe now.
// Every class is that of the design's list; the rule behind it is: what a reader
// of the version got for a row and a time must stay.
func compareViews(a, b *feature.ViewVersion, at func(...string) Position) []Reason {
	d := differences{at: at}
	d.meta(&a.Meta, &b.Meta)
	d.viewKeys(a, b)
	d.viewTable(a, b)
	d.viewRule(a, b)
	d.viewOnline(a, b)
	d.viewFeatures(a, b)
	return d.reasons
}

func (d *differences) viewKeys(a, b *feature.ViewVersion) {
	if !slices.Equal(a.Keys, b.Keys) {
		d.add(Breaking, "entities", "join keys %s -> %s: rows are found by other keys", keysText(a.Keys), keysText(b.Keys))
		return
	}
	if !slices.Equal(a.Entities, b.Entities) {
		d.add(Safe, "entities", "entities %s -> %s, with the same join keys", rolesText(a.Entities), rolesText(b.Entities))
	}
	for i, key := range b.Keys {
		if from, to := inFiles(a, a.KeyColumns[i]), inFiles(b, b.KeyColumns[i]); from != to {
			d.add(Breaking, "keys."+key.Name, "join key %s is read from column %s -> %s", key.Name, from, to)
		}
	}
}

func rolesText(roles []feature.Role) string {
	if len(roles) == 0 {
		return "none"
	}
	parts := make([]string, len(roles))
	for i, r := range roles {
		parts[i] = r.Entity
		if r.As != "" {
			parts[i] += " as " + r.As
		}
	}
	return strings.Join(parts, ", ")
}

// inFiles gives the column in the files that a view's column is read from: a
// rename under the source's columns changes no value.
func inFiles(v *feature.ViewVersion, column string) string {
	if c := v.Table.Column(column); c != nil {
		return c.Column
	}
	return column
}

func (d *differences) viewTable(a, b *feature.ViewVersion) {
	if a.Table.Source != b.Table.Source {
		d.add(Breaking, "source", "source %s -> %s", a.Table.Source, b.Table.Source)
	}
	if !slices.Equal(a.Table.Parquet, b.Table.Parquet) {
		d.add(Breaking, "source", "files of source %s: %s -> %s", b.Table.Source, strings.Join(a.Table.Parquet, ", "), strings.Join(b.Table.Parquet, ", "))
	}
	for _, t := range []struct{ what, a, b string }{
		{"event timestamp", a.Table.Event, b.Table.Event},
		{"created timestamp", a.Table.Created, b.Table.Created},
		{"available timestamp", a.Table.Available, b.Table.Available},
	} {
		if from, to := inFiles(a, t.a), inFiles(b, t.b); from != to {
			d.add(Breaking, "source", "%s of source %s: %s -> %s: other rows are visible, or win", t.what, b.Table.Source, orNone(from), orNone(to))
		}
	}
	if a.Table.Mutable != b.Table.Mutable {
		d.add(Safe, "source", "mutable %t -> %t: how runs read the files", a.Table.Mutable, b.Table.Mutable)
	}
	if a.Table.Source == b.Table.Source && !sameNames(&a.Table, &b.Table) {
		d.add(Safe, "source", "columns of source %s are named or declared otherwise; what is read stays", b.Table.Source)
	}
}

// sameNames tells whether two tables name and declare alike the columns that both
// read.
func sameNames(a, b *feature.Table) bool {
	for i := range b.Columns {
		for j := range a.Columns {
			if x, y := &a.Columns[j], &b.Columns[i]; x.Column == y.Column && x.Type == y.Type && (x.Name != y.Name || x.Declared != y.Declared) {
				return false
			}
		}
	}
	return true
}

func (d *differences) viewRule(a, b *feature.ViewVersion) {
	if a.Rule.Delay != b.Rule.Delay {
		d.add(Breaking, "delay", "delay %s -> %s: rows are visible from another time on", durationOr(a.Rule.Delay, "none"), durationOr(b.Rule.Delay, "none"))
	}
	from, to := a.Rule.TTL, b.Rule.TTL
	switch {
	case from == to:
	case to == 0 || (from != 0 && to > from):
		d.add(Backfill, "ttl", "ttl %s -> %s: older rows become visible", durationOr(from, "none"), durationOr(to, "none"))
	default:
		d.add(Breaking, "ttl", "ttl %s -> %s: a shorter TTL makes values null that readers get now", durationOr(from, "none"), durationOr(to, "none"))
	}
}

func (d *differences) viewOnline(a, b *feature.ViewVersion) {
	switch {
	case !a.Online && b.Online:
		d.add(Backfill, "online", "online: kept in the online store from now on")
	case a.Online && !b.Online:
		d.add(Breaking, "online", "no longer online: requests that read it would fail")
	}
	if a.Schedule != b.Schedule {
		d.add(Safe, "schedule", "schedule %s -> %s", orNone(a.Schedule), orNone(b.Schedule))
	}
	if a.MaxStaleness != b.MaxStaleness {
		d.add(Safe, "max_staleness", "max_staleness %s -> %s", durationOr(a.MaxStaleness, "no limit"), durationOr(b.MaxStaleness, "no limit"))
	}
}

func (d *differences) viewFeatures(a, b *feature.ViewVersion) {
	for i := range a.Features {
		if b.Feature(a.Features[i].Name) < 0 {
			d.add(Breaking, "features", "feature %s is removed", a.Features[i].Name)
		}
	}
	for i := range b.Features {
		now := &b.Features[i]
		at := a.Feature(now.Name)
		if at < 0 {
			d.add(Backfill, "features."+now.Name, "new feature %s %s", now.Name, now.Type)
			continue
		}
		was := &a.Features[at]
		if was.Type != now.Type {
			d.add(Breaking, "features."+now.Name+".type", "type of feature %s: %s -> %s", now.Name, was.Type, now.Type)
		}
		if from, to := inFiles(a, was.Column), inFiles(b, now.Column); from != to {
			d.add(Breaking, "features."+now.Name+".column", "feature %s is read from column %s -> %s", now.Name, from, to)
		}
		if was.Description != now.Description {
			d.add(Safe, "features."+now.Name+".description", "description of feature %s changed", now.Name)
		}
	}
	if !inOrder(a, b) {
		d.add(Safe, "features", "features stand in another order")
	}
}

// inOrder tells whether the features that both have stand in the same order.
func inOrder(a, b *feature.ViewVersion) bool {
	last := -1
	for i := range b.Features {
		if at := a.Feature(b.Features[i].Name); at >= 0 {
			if at < last {
				return false
			}
			last = at
		}
	}
	return true
}

// compareServices says how a service version differs from what the files describe
// now: everything but texts is part of what the version freezes.
func compareServices(a, b *ServiceVersion, at func(...string) Position) []Reason {
	d := differences{at: at}
	d.meta(&a.Meta, &b.Meta)
	before, after := outputsByName(a), outputsByName(b)
	uses := map[string]bool{}
	for _, out := range a.Outputs {
		if _, stays := after[out.Name]; !stays {
			d.add(Breaking, "features", "output %s is removed", out.Name)
		}
	}
	for _, out := range b.Outputs {
		was, ok := before[out.Name]
		if !ok {
			d.add(Breaking, "features", "new output %s", out.Name)
			continue
		}
		d.serviceOutput(&a.Uses[was.Use], &b.Uses[out.Use], was, out, uses)
	}
	if len(d.reasons) == 0 || worst(d.reasons) == Safe {
		if !slices.EqualFunc(a.Outputs, b.Outputs, func(x, y ServiceOutput) bool { return x.Name == y.Name }) {
			d.add(Breaking, "features", "outputs stand in another order")
		} else if !slices.EqualFunc(a.Uses, b.Uses, equalUses) || !slices.Equal(a.Outputs, b.Outputs) {
			d.add(Breaking, "features", "views are used otherwise")
		}
	}
	return d.reasons
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
func (d *differences) serviceOutput(a, b *ServiceUse, was, now ServiceOutput, told map[string]bool) {
	once := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !told[text] {
			told[text] = true
			d.add(Breaking, "features", "%s", text)
		}
	}
	switch {
	case a.View != b.View || was.Feature != now.Feature:
		once("output %s shows %s:%s -> %s:%s", now.Name, a.View, was.Feature, b.View, now.Feature)
	case a.Version != b.Version:
		once("view %s@%d -> %s@%d", a.View, a.Version, b.View, b.Version)
	}
	if a.View == b.View && !slices.Equal(a.Keys, b.Keys) {
		once("keys of %s are taken from %s -> %s", b.Alias, strings.Join(a.Keys, ", "), strings.Join(b.Keys, ", "))
	}
}

func equalUses(a, b ServiceUse) bool {
	return a.View == b.View && a.Version == b.Version && a.Alias == b.Alias && slices.Equal(a.Keys, b.Keys)
}
