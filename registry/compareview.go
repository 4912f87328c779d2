package registry

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// compareViews says how a view version differs from what the files describe now.
// Every class is that of the design's list; the rule behind it is: what a reader
// of the version got for a row and a time must stay.
func compareViews(a, b *feature.ViewVersion, at func(...string) Position) []Reason {
	d := differences{at: at}
	m := newMeanings(a, b)
	d.meta(&a.Meta, &b.Meta)
	d.viewKeys(m)
	d.viewTable(m)
	d.viewRule(a, b)
	d.viewOnline(a, b)
	d.viewFeatures(m)
	return d.reasons
}

func (d *differences) viewKeys(m *meanings) {
	a, b := m.a, m.b
	if !slices.Equal(a.Keys, b.Keys) {
		d.move(Breaking, "entities", "join keys", keysText(a.Keys), keysText(b.Keys), "rows are found by other keys")
		return
	}
	if !slices.Equal(a.Entities, b.Entities) {
		d.move(Safe, "entities", "entities", rolesText(a.Entities), rolesText(b.Entities), "the join keys stay")
	}
	for i, key := range b.Keys {
		if from, to := a.KeyColumns[i], b.KeyColumns[i]; !m.sameColumn(from, to) {
			d.column(m, "keys."+key.Name, "join key "+key.Name+" is read from column", from, to, "")
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

// column adds that something comes from another column.
func (d *differences) column(m *meanings, field, what, from, to, why string) {
	was, now := columnText(m.a, from), columnText(m.b, to)
	if was == now {
		why = "what it is computed of changed"
	}
	d.move(Breaking, field, what, was, now, why)
}

func (d *differences) viewTable(m *meanings) {
	a, b := m.a, m.b
	if a.Table.Source != b.Table.Source {
		d.move(Breaking, "source", "source", a.Table.Source, b.Table.Source, "")
	}
	if !slices.Equal(a.Table.Parquet, b.Table.Parquet) {
		d.move(Breaking, "source", "files of source "+b.Table.Source+":", strings.Join(a.Table.Parquet, ", "), strings.Join(b.Table.Parquet, ", "), "")
	}
	for _, t := range []struct{ what, a, b string }{
		{"event timestamp", a.Table.Event, b.Table.Event},
		{"created timestamp", a.Table.Created, b.Table.Created},
		{"available timestamp", a.Table.Available, b.Table.Available},
	} {
		if !m.sameColumn(t.a, t.b) {
			d.column(m, "source", t.what+" of source "+b.Table.Source+":", t.a, t.b, "other rows are visible, or win")
		}
	}
	if a.Table.Mutable != b.Table.Mutable {
		d.move(Safe, "source", "mutable", strconv.FormatBool(a.Table.Mutable), strconv.FormatBool(b.Table.Mutable), "how runs read the files")
	}
	if a.Table.Source == b.Table.Source && !m.sameNames() {
		d.add(Safe, "source", "columns of source %s are named, declared or written otherwise; what is read stays", b.Table.Source)
	}
}

// sameNames tells whether two tables name and declare alike the columns that both
// read, and write alike what both compute.
func (m *meanings) sameNames() bool {
	a, b := &m.a.Table, &m.b.Table
	for i := range b.Columns {
		for j := range a.Columns {
			if x, y := &a.Columns[j], &b.Columns[i]; x.Column == y.Column && x.Type == y.Type && (x.Name != y.Name || x.Declared != y.Declared) {
				return false
			}
		}
	}
	for i := range b.Derived {
		was, now := derivedIn(a, b.Derived[i].Name), b.Derived[i].Expression
		if was != nil && was.Expression != now && m.sameText(was.Expression, now) {
			return false // another text is told with what it changes
		}
	}
	return true
}

func (d *differences) viewRule(a, b *feature.ViewVersion) {
	if a.Rule.Delay != b.Rule.Delay {
		d.move(Breaking, "delay", "delay", durationOr(a.Rule.Delay, "none"), durationOr(b.Rule.Delay, "none"), "rows are visible from another time on")
	}
	from, to := a.Rule.TTL, b.Rule.TTL
	switch {
	case from == to:
	case to == 0 || (from != 0 && to > from):
		d.move(Backfill, "ttl", "ttl", durationOr(from, "none"), durationOr(to, "none"), "older rows become visible")
	default:
		d.move(Breaking, "ttl", "ttl", durationOr(from, "none"), durationOr(to, "none"), "a shorter TTL makes values null that readers get now")
	}
}

func (d *differences) viewOnline(a, b *feature.ViewVersion) {
	switch {
	case !a.Online && b.Online:
		d.tell(Backfill, "online", "false", "true", "online: kept in the online store from now on")
	case a.Online && !b.Online:
		d.tell(Breaking, "online", "true", "false", "no longer online: requests that read it would fail")
	}
	if a.Schedule != b.Schedule {
		d.move(Safe, "schedule", "schedule", a.Schedule, b.Schedule, "")
	}
	if a.MaxStaleness != b.MaxStaleness {
		d.move(Safe, "max_staleness", "max_staleness", durationOr(a.MaxStaleness, "no limit"), durationOr(b.MaxStaleness, "no limit"), "")
	}
}

func (d *differences) viewFeatures(m *meanings) {
	a, b := m.a, m.b
	for i := range a.Features {
		if was := &a.Features[i]; b.Feature(was.Name) < 0 {
			d.tell(Breaking, "features."+was.Name, was.Type.String(), "", "feature %s is removed", was.Name)
		}
	}
	for i := range b.Features {
		now := &b.Features[i]
		at := a.Feature(now.Name)
		if at < 0 {
			class := Backfill
			if now.IsDerived() {
				class = Safe // nothing of it is stored
			}
			d.tell(class, "features."+now.Name, "", now.Type.String(), "new feature %s %s", now.Name, now.Type)
			continue
		}
		was := &a.Features[at]
		if was.Type != now.Type {
			d.move(Breaking, "features."+now.Name+".type", "type of feature "+now.Name+":", was.Type.String(), now.Type.String(), "")
		}
		d.made(m, was, now)
		if was.Description != now.Description {
			d.tell(Safe, "features."+now.Name+".description", was.Description, now.Description, "description of feature %s changed", now.Name)
		}
	}
	if !inOrder(a, b) {
		d.tell(Safe, "features", namesText(featureNames(a)), namesText(featureNames(b)), "features stand in another order")
	}
}

// made compares what a feature is made of.
func (d *differences) made(m *meanings, was, now *feature.Field) {
	from, to, field, why := madeOf(m.a, was), madeOf(m.b, now), "features."+now.Name, ""
	if m.sameFeature(was, now) {
		if now.IsDerived() && from != to {
			d.move(Safe, field+".expression", "feature "+now.Name+" is written otherwise:", from, to, "")
		}
		if now.Aggregate != nil && was.Aggregate.Input != now.Aggregate.Input { // what is stored says what it is of
			d.move(Safe, field+".aggregate", "feature "+now.Name+" is over", inputText(was.Aggregate), inputText(now.Aggregate), "its values stay")
		}
		return
	}
	switch {
	case from != to:
	case was.Aggregate != nil && now.Aggregate != nil && was.Aggregate.Input != now.Aggregate.Input:
		why = "it is over " + inputText(now.Aggregate) + " in place of " + inputText(was.Aggregate)
	default:
		why = "what it is computed of changed"
	}
	switch {
	case now.IsDerived():
		d.move(Breaking, field+".expression", "feature "+now.Name+" is", from, to, why)
	case was.Aggregate == nil && now.Aggregate == nil && !was.IsDerived():
		d.move(Breaking, field+".column", "feature "+now.Name+" is read from column", from, to, why)
	default:
		d.move(Breaking, field+".aggregate", "feature "+now.Name+" is", from, to, why)
	}
}

// inputText tells the type of the values that an aggregate is over.
func inputText(a *feature.Aggregate) string {
	if a.Input.IsZero() {
		return "rows"
	}
	return a.Input.String()
}

func namesText(names iter.Seq[string]) string {
	return strings.Join(slices.Collect(names), ", ")
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
