package definition

import (
	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// shape says what fields a mapping may and must have, in the order in which they
// are written.
type shape struct {
	what   string // "a view"
	doc    string
	fields []field
	needs  map[string]string // a field that has no meaning without another one: that one
}

// field is one field of a mapping.
type field struct {
	name     string
	doc      string // what it means, for editors
	form     form
	required bool
}

// must marks a field that can't be left out.
func (f field) must() field {
	f.required = true
	return f
}

func (s *shape) names() []string {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	return names
}

func (s *shape) required() []string {
	var names []string
	for _, f := range s.fields {
		if f.required {
			names = append(names, f.name)
		}
	}
	return names
}

// field gives a field by its name, or nil.
func (s *shape) field(name string) *field {
	for i := range s.fields {
		if s.fields[i].name == name {
			return &s.fields[i]
		}
	}
	return nil
}

// kinds are what documents can define.
func kinds() []string {
	return []string{registry.KindEntity, registry.KindSource, registry.KindView, registry.KindService}
}

// grammar is everything that can stand in the files, written once: the loader
// takes the names of fields from it, the formatter their order, and the JSON
// Schema all of it. It is not changed once made.
type grammar struct {
	entity, joinKey      shape
	source, column       shape
	view, role, feature  shape
	service, use         shape
	input, derived       shape
	project, environment shape
}

func newGrammar() *grammar {
	g := &grammar{}
	g.entities()
	g.sources()
	g.views()
	g.services()
	g.projects()
	return g
}

// kind gives the shape of a document by its kind, or nil.
func (g *grammar) kind(name string) *shape {
	switch name {
	case registry.KindEntity:
		return &g.entity
	case registry.KindSource:
		return &g.source
	case registry.KindView:
		return &g.view
	case registry.KindService:
		return &g.service
	}
	return nil
}

// document gives the fields that every document begins with, and then its own.
func document(kind string, more ...field) []field {
	return append([]field{
		{name: "kind", doc: "What the document defines.", form: one(kind)},
		field{name: "name", doc: "Its name, unique among those of its kind.", form: name()}.must(),
		{name: "description", doc: "What it is, for people who look for it.", form: text()},
		{name: "owner", doc: "Who answers for it: a team or an address.", form: text()},
		{name: "tags", doc: "Anything else worth searching for, as text.", form: mapping(tag(), text())},
	}, more...)
}

func (g *grammar) entities() {
	g.joinKey = shape{what: "a join key", doc: "One typed column that identifies the thing.", fields: []field{
		field{name: "name", doc: "The key's name.", form: name()}.must(),
		field{name: "type", doc: "The key's type. Floats and lists can't be keys.", form: keyType()}.must(),
	}}
	g.entity = shape{
		what: "an entity", doc: "A thing that features describe, identified by its join keys.",
		fields: document(registry.KindEntity,
			field{name: "keys", doc: "The join keys, several for a composite key.", form: listOf(fields(&g.joinKey), 1, maxKeys)}.must()),
	}
}

func (g *grammar) sources() {
	g.column = shape{what: "a column", doc: "A column under another name, with another type, or both.", fields: []field{
		{name: "column", doc: "The column's name in the files, where it is another one.", form: column()},
		{name: "type", doc: "The type to read it as; the files' own if left out.", form: anyType()},
		{name: "length", doc: "How many items every list has.", form: count()},
	}}
	g.source = shape{
		what: "a source", doc: "Where raw rows come from, and which of their columns are times.",
		fields: document(registry.KindSource,
			field{
				name: "parquet", doc: "A file, a folder, a glob, or a list of them. Relative paths lie below data of quiver.yaml.",
				form: either(path(), listOf(path(), 1, 0)),
			}.must(),
			field{name: "event_timestamp", doc: "The column that says when it happened.", form: column()}.must(),
			field{name: "created_timestamp", doc: "The column that says when the row was written; it decides between rows of one time.", form: column()},
			field{name: "available_timestamp", doc: "The column that says when the row could first be known; it keeps later knowledge out of training sets.", form: column()},
			field{
				name: "columns", doc: "Types and other names of columns; all others are as the files say.",
				form: mapping(column(), either(anyType(), fields(&g.column))),
			},
			field{
				name: "derive", doc: "Columns that are computed for each row: their expressions, over the columns of the files and one another.",
				form: mapping(name(), expression()),
			},
			field{name: "mutable", doc: "Rows may be changed in place: every run builds anew.", form: boolean()}),
	}
}

func (g *grammar) views() {
	g.role = shape{what: "an entity in a role", doc: "An entity as the view uses it.", fields: []field{
		field{name: "entity", doc: "The entity's name.", form: name()}.must(),
		{name: "as", doc: "The role: it becomes the join key's name, or begins the names of several.", form: name()},
	}}
	g.feature = shape{
		what: "a feature", doc: "One feature: a column as it stands, a windowed aggregate of events, or an expression over other features.",
		fields: []field{
			field{name: "name", doc: "The feature's name.", form: name()}.must(),
			{name: "type", doc: "Its type; the column's own, fixed when it is applied, or that of the aggregate or the expression, if left out.", form: anyType()},
			{name: "length", doc: "How many items every list has.", form: count()},
			{name: "aggregate", doc: "What is computed of the source's rows in the window.", form: oneOf(functionNames()...)},
			{name: "column", doc: "The source's column, where its name is another one; of an aggregate the column that it is over.", form: column()},
			{name: "of", doc: "In place of column: an expression over the source's row that an aggregate is over.", form: expression()},
			{name: "where", doc: "Which of the source's rows an aggregate counts: an expression that is true or false.", form: expression()},
			{name: "window", doc: "How long an aggregate looks back, or all.", form: either(duration(), one("all"))},
			{name: "granularity", doc: "The steps in which the window's tail moves; what goes with the window if left out.", form: duration()},
			{name: "n", doc: "Of last_n and top_k: how many values, at most.", form: countTo(feature.MaxLastN)},
			{name: "q", doc: "Of quantile: the share of values that are no greater, between 0 and 1.", form: share()},
			{name: "default", doc: "What an aggregate is in place of null.", form: plainValue()},
			{name: "expression", doc: "An expression over the view's other features, as_of and event_timestamp.", form: expression()},
			{name: "description", doc: "What it is, for people who look for it.", form: text()},
		},
		needs: map[string]string{
			"aggregate": "window", "window": "aggregate", "granularity": "aggregate", "n": "aggregate", "q": "aggregate", "default": "aggregate",
			"of": "aggregate", "where": "aggregate",
		},
	}
	g.view = shape{
		what: "a view", doc: "Features of entities from one source, with a time rule.",
		fields: document(registry.KindView,
			field{
				name: "entities", doc: "What the features describe. None: a global view, whose latest row holds for every request.",
				form: listOf(either(name(), fields(&g.role)), 0, maxRoles),
			},
			field{name: "keys", doc: "For join keys, the source's columns, where the names differ.", form: mapping(name(), column())},
			field{name: "source", doc: "The source's name.", form: name()}.must(),
			field{name: "ttl", doc: "How old a row may be. No limit if left out.", form: duration()},
			field{name: "delay", doc: "How long after the event a row becomes known.", form: duration()},
			field{name: "online", doc: "Keep the latest values in the online store.", form: boolean()},
			field{name: "schedule", doc: "When to materialize: a cron expression of five fields, UTC.", form: cron()},
			field{name: "max_staleness", doc: "How far behind the online store may be; three intervals of the schedule if left out.", form: duration()},
			field{name: "features", doc: "The features.", form: listOf(fields(&g.feature), 1, maxFeatures)}.must()),
	}
}

func (g *grammar) services() {
	g.use = shape{what: "a view in a service", doc: "Which features of a view the service delivers, and as what.", fields: []field{
		field{name: "view", doc: "The view's name.", form: name()}.must(),
		{name: "version", doc: "A version of the view to stay with; the one that the files define if left out.", form: count()},
		{name: "as", doc: "Replaces the view's name in output columns.", form: name()},
		{name: "keys", doc: "For join keys, columns of the spine or the request, where the names differ.", form: mapping(name(), column())},
		{name: "only", doc: "These features, in this order. All if left out.", form: distinctNames(1)},
		{name: "hide", doc: "All features but these.", form: distinctNames(0)},
		{name: "rename", doc: "For features, the names of their output columns.", form: mapping(name(), column())},
	}}
	g.input = shape{what: "an input", doc: "A value that only a request knows; in a spine it is a column.", fields: []field{
		field{name: "name", doc: "Its name, by which expressions read it.", form: name()}.must(),
		field{name: "type", doc: "Its type.", form: anyType()}.must(),
		{name: "length", doc: "How many items every list has.", form: count()},
	}}
	g.derived = shape{what: "a derived feature", doc: "A feature that the service computes.", fields: []field{
		field{name: "name", doc: "The feature's name, and that of its output column.", form: name()}.must(),
		{name: "type", doc: "Its type; that of the expression if left out.", form: anyType()},
		{name: "length", doc: "How many items every list has.", form: count()},
		field{name: "expression", doc: "An expression over the views' features (as view.feature or alias.feature), inputs and other derived features.", form: expression()}.must(),
		{name: "description", doc: "What it is, for people who look for it.", form: text()},
	}}
	g.service = shape{
		what: "a service", doc: "The features that one model uses, with a version.",
		fields: document(registry.KindService,
			field{name: "features", doc: "The views, with what is taken of each.", form: listOf(fields(&g.use), 1, maxUses)}.must(),
			field{name: "inputs", doc: "What a request brings along for the derived features.", form: listOf(fields(&g.input), 0, maxInputs)},
			field{name: "derived", doc: "Features that are computed of others and of inputs.", form: listOf(fields(&g.derived), 0, maxDerived)}),
	}
}

func (g *grammar) projects() {
	places := []field{
		{name: "definitions", doc: "Folders and files with definitions, relative to this file.", form: either(path(), listOf(path(), 1, 0))},
		{name: "data", doc: "The folder that relative paths of sources start from.", form: path()},
		{name: "registry", doc: "The registry's store: " + registryURLs().expected() + ".", form: url(registryURLs())},
		{name: "online", doc: "The online store: " + onlineURLs().expected() + ".", form: url(onlineURLs())},
	}
	now := field{name: "now", doc: "A frozen clock for every command, for old data and demonstrations.", form: instant()}
	g.environment = shape{what: "an environment", doc: "Values that replace the file's own.", fields: append(places[:len(places):len(places)], now)}
	g.project = shape{what: "a project file", doc: "Where a project's definitions, data and stores are. ${NAME} is taken from the environment."}
	g.project.fields = append(g.project.fields, field{name: "project", doc: "The project's name.", form: projectName()}.must())
	g.project.fields = append(g.project.fields, places...)
	g.project.fields = append(g.project.fields,
		field{name: "environments", doc: "Environments for --env.", form: mapping(environmentName(), fields(&g.environment))}, now)
}

func typeNames() []string {
	var names []string
	for k := feature.Bool; k <= feature.Timestamp; k++ {
		names = append(names, k.String(), feature.ListOf(k, 0).String())
	}
	return names
}
