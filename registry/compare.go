package registry

import (
	"fmt"
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
