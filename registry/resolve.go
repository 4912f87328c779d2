package registry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// resolver makes view versions of definitions: it looks up columns in the
// sources' files and fixes their types. It collects problems and goes on, so that
// all of them are told at once.
type resolver struct {
	base     *Snapshot
	defs     *Definitions
	problems Problems
	warnings Problems
	stored   []Stored

	told map[Problem]bool // what a source has is told with every view that reads it

	expressions *expressions

	entities  map[string]*feature.Entity
	sources   map[string]*resolvedSource
	intervals map[string]feature.Duration // of schedules
}

type resolvedSource struct {
	*feature.Source
	overrides map[string]*feature.ColumnOverride
	derived   map[string]*derivedColumn
	fields    map[string]*SourceField // by their name in the files; nil: unknown, and a problem was told
}

func newResolver(ctx context.Context, base *Snapshot, defs *Definitions, schemas Schemas) (*resolver, error) {
	compiler, err := newExpressions()
	if err != nil {
		return nil, err
	}
	r := &resolver{
		base: base, defs: defs, told: map[Problem]bool{}, expressions: compiler,
		entities:  make(map[string]*feature.Entity, len(defs.Entities)),
		sources:   make(map[string]*resolvedSource, len(defs.Sources)),
		intervals: map[string]feature.Duration{},
	}
	for i := range defs.Entities {
		r.entities[defs.Entities[i].Name] = &defs.Entities[i]
	}
	for i := range defs.Sources {
		if err := r.addSource(ctx, &defs.Sources[i], schemas); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *resolver) problem(at Position, hint, format string, args ...any) {
	p := Problem{Position: at, Message: fmt.Sprintf(format, args...), Hint: hint}
	if !r.told[p] {
		r.told[p] = true
		r.problems = append(r.problems, p)
	}
}

// warn tells of what works and will hurt.
func (r *resolver) warn(at Position, hint, format string, args ...any) {
	r.warnings = append(r.warnings, Problem{Position: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// addSource reads the source's columns. Only the end of the context is an error;
// what is wrong with the files is a problem of the definitions.
func (r *resolver) addSource(ctx context.Context, def *feature.Source, schemas Schemas) error {
	s := &resolvedSource{Source: def, overrides: make(map[string]*feature.ColumnOverride, len(def.Columns))}
	r.sources[def.Name] = s
	for i := range def.Columns {
		s.overrides[def.Columns[i].Name] = &def.Columns[i]
	}
	fields, err := schemas.Columns(ctx, def.Parquet)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("read the columns of source %s: %w", def.Name, context.Cause(ctx))
		}
		r.problem(r.defs.At(KindSource, def.Name, "parquet"), "", "source %s: %s", def.Name, err)
		r.addDerived(s)
		return nil
	}
	s.fields = make(map[string]*SourceField, len(fields))
	for i := range fields {
		s.fields[fields[i].Name] = &fields[i]
	}
	r.checkOverrides(s)
	r.addDerived(s)
	r.checkTimes(s)
	return nil
}

func (r *resolver) checkOverrides(s *resolvedSource) {
	for i := range s.Columns {
		o := &s.Columns[i]
		at := r.defs.At(KindSource, s.Name, "columns", o.Name, "column")
		field := s.field(o.Name)
		if field == nil {
			r.missing(at, s, s.inFiles(o.Name), "source %s", s.Name)
			continue
		}
		if o.Type.IsZero() || s.isTime(o.Name) {
			continue
		}
		if !converts(field, o.Type, true) {
			r.problem(r.defs.At(KindSource, s.Name, "columns", o.Name, "type"), conversionHint(field, o.Type),
				"column %s of source %s is declared %s, and the files hold %s", o.Name, s.Name, o.Type, field.describe())
		}
	}
}

func (r *resolver) checkTimes(s *resolvedSource) {
	for _, part := range []struct{ field, column string }{
		{"event_timestamp", s.EventTimestamp},
		{"created_timestamp", s.CreatedTimestamp},
		{"available_timestamp", s.AvailableTimestamp},
	} {
		if part.column == "" {
			continue
		}
		at := r.defs.At(KindSource, s.Name, part.field)
		if d := s.derived[part.column]; d != nil {
			if !d.typ.IsZero() && d.typ != feature.Scalar(feature.Timestamp) {
				r.problem(at, "timestamp(…) makes one", "%s of source %s: %s is %s, expected timestamp", part.field, s.Name, d.what, d.typ)
			}
			continue
		}
		field := s.field(part.column)
		if field == nil {
			if s.overrides[part.column] == nil { // else told already
				r.missing(at, s, part.column, "%s of source %s", part.field, s.Name)
			}
			continue
		}
		if k := field.Type.Kind; field.Type.List || (k != feature.Timestamp && k != feature.Date) {
			r.problem(at, "a time column holds timestamps, or dates, which stand for midnight UTC",
				"%s of source %s: column %s holds %s, expected timestamp or date", part.field, s.Name, part.column, field.describe())
			continue
		}
		if o := s.overrides[part.column]; o != nil && !o.Type.IsZero() && o.Type != feature.Scalar(feature.Timestamp) && o.Type != field.Type {
			r.problem(r.defs.At(KindSource, s.Name, "columns", o.Name, "type"), "leave the type out, or declare timestamp",
				"column %s of source %s is its %s and can't be %s", o.Name, s.Name, part.field, o.Type)
		}
	}
}

// missing tells of a column that the files lack.
func (r *resolver) missing(at Position, s *resolvedSource, column, format string, args ...any) {
	names := func(yield func(string) bool) {
		for name := range s.fields {
			if !yield(name) {
				return
			}
		}
		for name := range s.overrides {
			if !yield(name) {
				return
			}
		}
		for name := range s.derived {
			if !yield(name) {
				return
			}
		}
	}
	hint := "the files have " + shortList(slices.Sorted(maps.Keys(s.fields)))
	if near := feature.Nearest(column, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	r.problem(at, hint, "%s: the files have no column %q", fmt.Sprintf(format, args...), column)
}

// inFiles gives the name in the files of a column as definitions name it.
func (s *resolvedSource) inFiles(column string) string {
	if o := s.overrides[column]; o != nil && o.Column != "" {
		return o.Column
	}
	return column
}

func (s *resolvedSource) field(column string) *SourceField { return s.fields[s.inFiles(column)] }

func (s *resolvedSource) isTime(column string) bool {
	return column == s.EventTimestamp || column == s.CreatedTimestamp || column == s.AvailableTimestamp
}

// view resolves one view, without a version. fixed is the version that the files
// described so far, whose types are kept, or nil. What can't be resolved is a
// problem; the result still names all keys and features then.
func (r *resolver) view(def *feature.View, fixed *feature.ViewVersion) *feature.ViewVersion {
	s := r.sources[def.Source]
	v := &feature.ViewVersion{
		Meta:     def.Meta,
		Entities: def.Entities,
		Online:   def.Online, Schedule: def.Schedule, MaxStaleness: r.maxStaleness(def),
		Rule: feature.Rule{TTL: def.TTL, Delay: def.Delay, Created: s.CreatedTimestamp != "", Available: s.AvailableTimestamp != ""},
		Table: feature.Table{
			Source: s.Name, Parquet: s.Parquet, Mutable: s.Mutable,
			Event: s.EventTimestamp, Created: s.CreatedTimestamp, Available: s.AvailableTimestamp,
		},
	}
	w := r.wanted(def, s)
	w.times()
	w.keys(v)
	aggregates := make([]aggregate, len(def.Features))
	for i := range def.Features {
		switch f := &def.Features[i]; {
		case f.Expression != "":
		case f.Aggregate != nil:
			aggregates[i] = w.aggregate(f)
		default:
			w.want(f.SourceColumn(), f.Type, "feature "+f.Name, r.defs.At(KindView, def.Name, "features", f.Name, "column"))
		}
	}
	v.Table.Columns = w.resolve(fixed)
	w.compute(&v.Table)
	for i := range def.Features {
		v.Features = append(v.Features, r.field(def, &def.Features[i], &aggregates[i], &v.Table))
	}
	r.viewExpressions(def, v)
	r.checkStored(v)
	return v
}

// keys gives the view its join keys, and notes the columns that they are read from.
func (w *wanted) keys(v *feature.ViewVersion) {
	for _, role := range v.Entities {
		for _, key := range role.JoinKeys(*w.entities[role.Entity]) {
			column := key.Name
			if mapped, ok := w.view.Keys[key.Name]; ok {
				column = mapped
			}
			v.Keys = append(v.Keys, key)
			v.KeyColumns = append(v.KeyColumns, column)
			w.want(column, key.Type, "join key "+key.Name, w.defs.At(KindView, v.Name, "keys", key.Name))
			w.need(column)
		}
	}
}

// field makes a feature, once the table is known; one that is an expression still
// without its type.
func (r *resolver) field(def *feature.View, f *feature.ViewFeature, reads *aggregate, table *feature.Table) feature.Field {
	field := feature.Field{Name: f.Name, Description: f.Description}
	switch {
	case f.Expression != "":
		field.Expression = tidy(f.Expression)
	case f.Aggregate != nil:
		r.complete(&field, def, f, reads, table)
	default:
		field.Column = f.SourceColumn()
		field.Type = table.TypeOf(field.Column)
	}
	return field
}

// plain gives an error's text without the name of its kind, which problems don't need.
func plain(err error) string {
	return strings.TrimSuffix(err.Error(), ": "+feature.ErrInvalid.Error())
}

// maxStaleness is the one that the view declares, or three times the longest
// interval of its schedule.
func (r *resolver) maxStaleness(def *feature.View) feature.Duration {
	if def.MaxStaleness != 0 || def.Schedule == "" {
		return def.MaxStaleness
	}
	interval, known := r.intervals[def.Schedule]
	if !known {
		var err error
		if interval, err = scheduleInterval(def.Schedule); err != nil {
			r.problem(r.defs.At(KindView, def.Name, "schedule"), "five fields: minute, hour, day, month, weekday; for example */10 * * * *",
				"schedule %q of view %s is not a cron expression that comes due", def.Schedule, def.Name)
		}
		r.intervals[def.Schedule] = interval
	}
	return 3 * interval
}
