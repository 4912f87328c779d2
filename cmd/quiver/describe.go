package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

func (a *app) describeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "describe NAME[@VERSION]",
		Short: "Show everything about an entity, a source, a view or a service",
		Example: `  quiver describe airport_delay
  quiver describe delay_model@1 -o json`,
		Args: exactly("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			name, version, err := feature.ParseVersioned(args[0])
			if err != nil {
				return usagef("%w", err)
			}
			return a.withReader(c.Context(), func(_ *project, _ registry.Store, s *registry.Snapshot) error {
				found, err := findObjects(s, name, version)
				if err != nil {
					return err
				}
				return a.print(found, func() error {
					for i, o := range found {
						if i > 0 {
							if err := a.printText("\n"); err != nil {
								return err
							}
						}
						if err := a.describe(s, o); err != nil {
							return err
						}
					}
					return nil
				})
			})
		},
	}
}

// described is an object of any kind, with what reads it.
type described struct {
	Kind     string               `json:"kind"`
	Object   any                  `json:"object"`
	Current  int                  `json:"current,omitzero"`
	Defined  int                  `json:"defined,omitzero"`
	Versions []int                `json:"versions,omitempty"`
	Keys     []feature.JoinKey    `json:"keys,omitempty"`    // that a service asks for
	Inputs   []feature.Input      `json:"inputs,omitempty"`  // of a service: what requests bring along
	Outputs  []describedOutput    `json:"outputs,omitempty"` // of a service
	UsedBy   []registry.ObjectRef `json:"used_by,omitempty"`
	// Lineage are trees of what it reads and what reads it, from the sources down to
	// services; of an entity from itself.
	Lineage []registry.LineageNode `json:"lineage"`
}

// describedOutput is a feature as a service gives it.
type describedOutput struct {
	Name       string       `json:"name"`
	Type       feature.Type `json:"type"`
	Feature    string       `json:"feature,omitempty"`    // view@version:feature
	By         []string     `json:"by,omitempty"`         // the request's key columns
	Expression string       `json:"expression,omitempty"` // of what the service derives, in place of the feature
}

func (d *described) ofView(s *registry.Snapshot, name string) {
	for _, l := range s.Views() {
		if l.Name == name {
			d.Current, d.Defined, d.Versions = l.Current, l.Defined, viewVersions(l.Versions)
		}
	}
}

func (d *described) ofService(s *registry.Snapshot, name string, version int) error {
	for _, l := range s.Services() {
		if l.Name == name {
			d.Current, d.Defined, d.Versions = l.Current, l.Defined, serviceVersions(l.Versions)
		}
	}
	selection, err := s.Service(name, version)
	if err != nil {
		return err
	}
	if d.Keys, err = selection.KeyColumns(); err != nil {
		return err
	}
	d.Inputs = selection.Inputs
	for _, o := range selection.Outputs {
		field := selection.Field(o)
		if o.Use == feature.DerivedOutput {
			d.Outputs = append(d.Outputs, describedOutput{Name: o.Name, Type: field.Type, Expression: field.Expression})
			continue
		}
		use := &selection.Uses[o.Use]
		d.Outputs = append(d.Outputs, describedOutput{Name: o.Name, Type: field.Type, Feature: use.View.ID() + ":" + field.Name, By: use.Keys})
	}
	return nil
}

// findObjects gives everything that bears a name: names are unique per kind only.
func findObjects(s *registry.Snapshot, name string, version int) ([]described, error) {
	var found []described
	if version == 0 {
		if e, err := s.Entity(name); err == nil {
			found = append(found, described{Kind: registry.KindEntity, Object: e, UsedBy: s.UsedBy(registry.KindEntity, name, 0)})
		}
		if e, err := s.Source(name); err == nil {
			found = append(found, described{Kind: registry.KindSource, Object: e, UsedBy: s.UsedBy(registry.KindSource, name, 0)})
		}
	}
	v, noView := s.View(name, version)
	if noView == nil {
		d := described{Kind: registry.KindView, Object: v, UsedBy: s.UsedBy(registry.KindView, name, v.Version)}
		d.ofView(s, name)
		found = append(found, d)
	}
	service, noService := s.ServiceVersion(name, version)
	if noService == nil {
		d := described{Kind: registry.KindService, Object: service}
		if err := d.ofService(s, name, service.Version); err != nil {
			return nil, err
		}
		found = append(found, d)
	}
	for i := range found {
		trees, err := lineageOf(s, &found[i])
		if err != nil {
			return nil, err
		}
		found[i].Lineage = trees
	}
	switch {
	case len(found) > 0:
		return found, nil
	case slices.ContainsFunc(s.Views(), func(l registry.ViewListing) bool { return l.Name == name }):
		return nil, noView // names the versions that there are
	case slices.ContainsFunc(s.Services(), func(l registry.ServiceListing) bool { return l.Name == name }):
		return nil, noService
	}
	hint := "quiver list shows what there is"
	if near := feature.Nearest(name, slices.Values(allNames(s))); near != "" && near != name {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	return nil, fmt.Errorf("nothing in the registry is named %s (%s): %w", versioned(name, version), hint, feature.ErrNotFound)
}

func lineageOf(s *registry.Snapshot, d *described) ([]registry.LineageNode, error) {
	switch o := d.Object.(type) {
	case *feature.Entity:
		return s.Lineage(d.Kind, o.Name, 0)
	case *feature.Source:
		return s.Lineage(d.Kind, o.Name, 0)
	case *feature.ViewVersion:
		return s.Lineage(d.Kind, o.Name, o.Version)
	case *registry.ServiceVersion:
		return s.Lineage(d.Kind, o.Name, o.Version)
	}
	return nil, nil
}

func allNames(s *registry.Snapshot) []string {
	var names []string
	for _, kind := range []string{"entities", "sources", "views", "services"} {
		for _, l := range listKind(s, kind) {
			names = append(names, l.Name)
		}
	}
	return names
}

func (a *app) describe(s *registry.Snapshot, d described) error {
	var lines [][]string
	add := func(name, value string) {
		if value != "" {
			lines = append(lines, []string{name, value})
		}
	}
	meta := func(m feature.Meta, version int) {
		add(d.Kind, versioned(m.Name, version))
		add("description", m.Description)
		add("owner", m.Owner)
		for _, k := range slices.Sorted(maps.Keys(m.Tags)) {
			add("tag", k+": "+m.Tags[k])
		}
	}
	tail := func() error { return nil }
	switch o := d.Object.(type) {
	case *feature.Entity:
		meta(o.Meta, 0)
		add("keys", keyList(o.Keys))
	case *feature.Source:
		meta(o.Meta, 0)
		add("parquet", strings.Join(o.Parquet, ", "))
		add("event timestamp", o.EventTimestamp)
		add("created timestamp", o.CreatedTimestamp)
		add("available timestamp", o.AvailableTimestamp)
		for _, c := range o.Columns {
			add("column", columnText(c))
		}
		for _, c := range o.Derive {
			add("derived column", c.Name+": "+c.Expression)
		}
		if o.Mutable {
			add("mutable", "rows may be changed in place: every run builds anew")
		}
	case *feature.ViewVersion:
		meta(o.Meta, o.Version)
		add("versions", versionsText(d.Versions, d.Current, d.Defined))
		describeView(o, s, add)
		tail = func() error { return errors.Join(a.printText("\n"), a.printFeatures(o)) }
	case *registry.ServiceVersion:
		meta(o.Meta, o.Version)
		add("versions", versionsText(d.Versions, d.Current, d.Defined))
		add("asks for", keyList(d.Keys))
		add("inputs", inputList(d.Inputs))
		tail = func() error { return errors.Join(a.printText("\n"), a.printOutputs(d.Outputs)) }
	}
	if err := a.printPairs(lines); err != nil {
		return err
	}
	if err := a.printText("\n" + a.lineageText(d.Lineage)); err != nil {
		return err
	}
	return tail()
}

// columnText writes what a source declares of a column: tail string, in the files Tail Number.
func columnText(c feature.ColumnOverride) string {
	text := c.Name
	if !c.Type.IsZero() {
		text += " " + c.Type.String()
	}
	if c.Column != "" && c.Column != c.Name {
		text += ", in the files " + c.Column
	}
	return text
}

func describeView(v *feature.ViewVersion, s *registry.Snapshot, add func(name, value string)) {
	if len(v.Keys) == 0 {
		add("keys", "none: one row for every request")
	} else {
		add("keys", keyList(v.Keys))
	}
	add("source", v.Table.Source+" ("+strings.Join(v.Table.Parquet, ", ")+")")
	add("event timestamp", v.Table.Event)
	add("created timestamp", v.Table.Created)
	add("available timestamp", v.Table.Available)
	for _, c := range v.Table.Derived {
		if !strings.HasPrefix(c.Name, "=") { // else it stands with the aggregates that read it
			add("derived column", c.Name+" "+c.Type.String()+": "+c.Expression)
		}
	}
	if v.Rule.TTL != 0 {
		add("ttl", v.Rule.TTL.String())
	}
	if v.Rule.Delay != 0 {
		add("delay", v.Rule.Delay.String())
	}
	add("schedule", v.Schedule)
	if v.MaxStaleness != 0 {
		add("max staleness", v.MaxStaleness.String())
	}
	if active := s.Active(v.Name, v.Version); active != nil {
		text := "storage " + strconv.FormatUint(active.ID, 10)
		if filling := s.Filling(v.Name, v.Version); filling != nil {
			text += fmt.Sprintf("; storage %d waits to be filled by quiver materialize %s", filling.ID, v.Name)
		}
		add("online", text)
	}
}

func (a *app) printPairs(lines [][]string) error { return a.printText(a.pairs(lines)) }

func (a *app) printFeatures(v *feature.ViewVersion) error {
	var rows [][]string
	from := []string{"COLUMN"}
	also := func(word string) {
		if !slices.Contains(from, word) {
			from = append(from, word)
		}
	}
	for i := range v.Features {
		f := &v.Features[i]
		made := f.Column
		switch {
		case f.Aggregate != nil:
			made = aggregateText(v, f.Aggregate)
			also("AGGREGATE")
		case f.IsDerived():
			made = f.Expression
			also("EXPRESSION")
		}
		rows = append(rows, []string{f.Name, f.Type.String(), made, f.Description})
	}
	return a.printTable([]string{"FEATURE", "TYPE", strings.Join(from, " OR "), "DESCRIPTION"}, rows)
}

// aggregateText tells an aggregate in words, with its expressions as they were written.
func aggregateText(v *feature.ViewVersion, a *feature.Aggregate) string {
	shown := *a
	for _, c := range v.Table.Derived {
		if !strings.HasPrefix(c.Name, "=") {
			continue
		}
		if c.Name == a.Column {
			shown.Column = c.Expression
		}
		if c.Name == a.Where {
			shown.Where = c.Expression
		}
	}
	return shown.String()
}

// inputList writes what requests bring along: distance int64, hour int32.
func inputList(inputs []feature.Input) string {
	parts := make([]string, len(inputs))
	for i, in := range inputs {
		parts[i] = in.Name + " " + in.Type.String()
	}
	return strings.Join(parts, ", ")
}

func (a *app) printOutputs(outputs []describedOutput) error {
	var rows [][]string
	title := "FEATURE"
	for _, o := range outputs {
		from := o.Feature
		if from == "" {
			from, title = o.Expression, "FEATURE OR EXPRESSION"
		}
		rows = append(rows, []string{o.Name, o.Type.String(), from, strings.Join(o.By, ", ")})
	}
	return a.printTable([]string{"OUTPUT", "TYPE", title, "BY"}, rows)
}
