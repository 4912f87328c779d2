package registry

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
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

// move adds that something was one thing and is another. why may be empty.
func (d *differences) move(class Class, field, what, from, to, why string) {
	text := what + " " + orNone(from) + " -> " + orNone(to)
	if why != "" {
		text += ": " + why
	}
	d.add(class, field, "%s", text)
	last := &d.reasons[len(d.reasons)-1]
	last.Old, last.New, last.Why = from, to, why
}

// tell adds that something changed that is too long for a text: what it was and is
// stands beside.
func (d *differences) tell(class Class, field, from, to, format string, args ...any) {
	d.add(class, field, format, args...)
	last := &d.reasons[len(d.reasons)-1]
	last.Old, last.New = from, to
}

func (d *differences) meta(a, b *feature.Meta) {
	if a.Description != b.Description {
		d.tell(Safe, "description", a.Description, b.Description, "description changed")
	}
	if a.Owner != b.Owner {
		d.move(Safe, "owner", "owner", a.Owner, b.Owner, "")
	}
	if !maps.Equal(a.Tags, b.Tags) {
		d.tell(Safe, "tags", tagsText(a.Tags), tagsText(b.Tags), "tags changed")
	}
}

func tagsText(tags map[string]string) string {
	parts := make([]string, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		parts = append(parts, k+": "+tags[k])
	}
	return strings.Join(parts, ", ")
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
		d.move(Breaking, "keys", "keys", keysText(a.Keys), keysText(b.Keys), "rows are found by other keys")
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
		d.move(Breaking, "parquet", "parquet", strings.Join(a.Parquet, ", "), strings.Join(b.Parquet, ", "), "values come from other files")
	}
	for _, t := range []struct{ field, a, b string }{
		{"event_timestamp", a.EventTimestamp, b.EventTimestamp},
		{"created_timestamp", a.CreatedTimestamp, b.CreatedTimestamp},
		{"available_timestamp", a.AvailableTimestamp, b.AvailableTimestamp},
	} {
		if t.a != t.b {
			d.move(Breaking, t.field, t.field, t.a, t.b, "other rows are visible, or win")
		}
	}
	if !slices.Equal(a.Columns, b.Columns) {
		d.tell(Safe, "columns", columnsText(a.Columns), columnsText(b.Columns), "columns changed: the views that read them say what it does")
	}
	if !slices.Equal(a.Derive, b.Derive) {
		d.tell(Safe, "derive", deriveText(a.Derive), deriveText(b.Derive), "derived columns changed: the views that read them say what it does")
	}
	if a.Mutable != b.Mutable {
		d.move(Safe, "mutable", "mutable", strconv.FormatBool(a.Mutable), strconv.FormatBool(b.Mutable), "how runs read the files")
	}
	return d.reasons
}

func columnsText(columns []feature.ColumnOverride) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = c.Name
		if c.Column != "" && c.Column != c.Name {
			parts[i] += " from " + c.Column
		}
		if !c.Type.IsZero() {
			parts[i] += " " + c.Type.String()
		}
	}
	return strings.Join(parts, ", ")
}

func deriveText(columns []feature.DerivedColumn) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = c.Name + ": " + c.Expression
	}
	return strings.Join(parts, ", ")
}

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
		return
	}
	if from == to {
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
