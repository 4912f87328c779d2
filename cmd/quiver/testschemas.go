package main

import (
	"context"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/featuretest"
	"github.com/quiver-features/quiver/registry"
)

// testSchemas shows the sources' files to the registry, and where these can't be read, as
// there are none, the columns of the tests' rows.
type testSchemas struct {
	schemas
	defs  *registry.Definitions
	tests []*featuretest.Test
}

func (s testSchemas) Columns(ctx context.Context, patterns []string) ([]registry.SourceField, error) {
	fields, err := s.schemas.Columns(ctx, patterns)
	if err == nil || ctx.Err() != nil {
		return fields, err
	}
	for i := range s.defs.Sources {
		if source := &s.defs.Sources[i]; slices.Equal(source.Parquet, patterns) {
			var problems featuretest.Problems
			if fields, problems = s.ofRows(source, fields); len(problems) > 0 {
				return nil, testProblems(problems)
			}
		}
	}
	if len(fields) == 0 {
		return nil, err
	}
	return fields, nil
}

// ofRows adds the columns that tests give a source, and tells what is wrong with those that
// nothing else gives a type.
func (s testSchemas) ofRows(source *feature.Source, fields []registry.SourceField) (_ []registry.SourceField, problems featuretest.Problems) {
	known := func(name string) bool {
		return slices.ContainsFunc(fields, func(f registry.SourceField) bool { return f.Name == name })
	}
	add := func(name string, t feature.Type) {
		if !known(name) {
			fields = append(fields, registry.SourceField{Name: name, Type: t, Nullable: true})
		}
	}
	for _, o := range source.Columns {
		if name := o.Column; !o.Type.IsZero() {
			if name == "" {
				name = o.Name
			}
			add(name, o.Type)
		}
	}
	for _, name := range []string{source.EventTimestamp, source.CreatedTimestamp, source.AvailableTimestamp} {
		derived := slices.ContainsFunc(source.Derive, func(d feature.DerivedColumn) bool { return d.Name == name })
		if name != "" && !derived {
			add(name, feature.Scalar(feature.Timestamp))
		}
	}
	for _, c := range featuretest.Columns(s.tests, source.Name, s.sourceOf) {
		if c.Problem != nil && !known(c.Name) {
			problems = append(problems, *c.Problem)
		}
		add(c.Name, c.Type)
	}
	return fields, problems
}

// sourceOf names the source whose rows a test gives without a name.
func (s testSchemas) sourceOf(t *featuretest.Test) string {
	view := t.View
	if t.Service != "" {
		i := slices.IndexFunc(s.defs.Services, func(d feature.Service) bool { return d.Name == t.Service })
		if i < 0 || len(s.defs.Services[i].Features) == 0 {
			return ""
		}
		view = s.defs.Services[i].Features[0].View
	}
	if i := slices.IndexFunc(s.defs.Views, func(d feature.View) bool { return d.Name == view }); i >= 0 {
		return s.defs.Views[i].Source
	}
	return ""
}
