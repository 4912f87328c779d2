package offlinetest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// view reads a view over one of the sources before it.
func (p *parser) view(name string) error {
	if err := feature.CheckName(name); err != nil {
		return p.errorf("view: %v", err)
	}
	v := &feature.ViewVersion{Meta: feature.Meta{Name: name}, Version: 1}
	seen := map[string]bool{}
	p.inside = func(line string) error {
		word, rest, _ := strings.Cut(line, " ")
		if seen[word] && !isExpressionWord(word) {
			return p.errorf("%s is there twice in view %s", word, name)
		}
		seen[word] = true
		return p.viewLine(v, word, strings.TrimSpace(rest))
	}
	p.close = func() error {
		if seen["keys"] == seen["global"] {
			return p.errorf("view %s: expected keys, or global for a view without any", name)
		}
		if slices.ContainsFunc(p.c.Views, func(o *feature.ViewVersion) bool { return o.ID() == v.ID() }) {
			return p.errorf("view %s is there twice", v.ID())
		}
		return p.finishView(v)
	}
	return nil
}

func (p *parser) viewLine(v *feature.ViewVersion, word, rest string) error {
	var err error
	switch word {
	case "source":
		v.Table.Source = rest
	case "version":
		v.Version, err = strconv.Atoi(rest)
		if err != nil || v.Version < 1 {
			return p.errorf("version %q: expected a whole number from 1", rest)
		}
	case "global":
	case "ttl", "delay":
		d, err := feature.ParseDuration(rest)
		if err != nil || d <= 0 {
			return p.errorf("%s %q: expected a duration longer than nothing, for example 1h30m", word, rest)
		}
		if word == "ttl" {
			v.Rule.TTL = d
		} else {
			v.Rule.Delay = d
		}
	case "keys":
		return p.items(rest, func(i item) {
			v.Keys = append(v.Keys, feature.JoinKey{Name: i.name, Type: i.kind})
			v.KeyColumns = append(v.KeyColumns, i.column)
		})
	case "features":
		return p.items(rest, func(i item) {
			if i.aggregate != nil {
				i.column = ""
			}
			v.Features = append(v.Features, feature.Field{Name: i.name, Type: i.kind, Column: i.column, Aggregate: i.aggregate})
		})
	default:
		if known, err := p.expressionLine(v, word, rest); known {
			return err
		}
		return p.errorf("unknown word %q in a view: expected source, version, keys, global, ttl, delay, features, derive, expression, event, created or available", word)
	}
	return nil
}

// item is NAME[:TYPE] [= COLUMN], or NAME = an aggregate.
type item struct {
	name      string
	kind      feature.Type
	column    string
	aggregate *feature.Aggregate
}

func (p *parser) items(list string, add func(item)) error {
	for _, text := range split(list, ",") {
		parts := split(text, "=")
		name, kind, typed := strings.Cut(parts[0], ":")
		i := item{name: name, column: name}
		if len(parts) > 2 {
			return p.errorf("%q: expected NAME = COLUMN", text)
		}
		if len(parts) == 2 {
			i.column = unquoted(parts[1])
			if words := fields(parts[1]); len(words) > 1 {
				var err error
				if i.aggregate, err = p.aggregate(words); err != nil {
					return err
				}
			}
		}
		if err := feature.CheckName(name); err != nil {
			return p.errorf("%v", err)
		}
		if typed {
			t, err := feature.ParseType(kind)
			if err != nil {
				return p.errorf("%v", err)
			}
			i.kind = t
		}
		add(i)
	}
	return nil
}

// finishView looks up what a view names: its source, the columns and their
// types.
func (p *parser) finishView(v *feature.ViewVersion) error {
	if v.Table.Source == "" && len(p.c.Sources) == 1 {
		v.Table.Source = p.c.Sources[0].Name
	}
	s := p.c.Source(v.Table.Source)
	switch {
	case s == nil:
		return p.errorf("view %s: there is no source %q before it", v.Name, v.Table.Source)
	case len(v.Features) == 0:
		return p.errorf("view %s has no features", v.Name)
	}
	for i, f := range v.Features {
		if v.Feature(f.Name) != i {
			return p.errorf("view %s: feature %s is there twice", v.Name, f.Name)
		}
	}
	for i, k := range v.Keys {
		if slices.ContainsFunc(v.Keys[:i], func(o feature.JoinKey) bool { return o.Name == k.Name }) {
			return p.errorf("view %s: join key %s is there twice", v.Name, k.Name)
		}
	}
	v.Table.Event, v.Table.Created, v.Table.Available = cmp.Or(v.Table.Event, s.Event), cmp.Or(v.Table.Created, s.Created), cmp.Or(v.Table.Available, s.Available)
	v.Rule.Created, v.Rule.Available = v.Table.Created != "", v.Table.Available != ""
	if err := v.Rule.Validate(); err != nil {
		return p.errorf("view %s: %v", v.Name, err)
	}
	v.Table.Parquet = viewFiles(s.Name)
	for _, name := range []string{v.Table.Event, v.Table.Created, v.Table.Available} {
		if name != "" && !isDerivedColumn(&v.Table, name) {
			addColumn(&v.Table, name, feature.Scalar(feature.Timestamp))
		}
	}
	for i := range v.Keys {
		if err := p.lookUp(v, s, v.KeyColumns[i], &v.Keys[i].Type); err != nil {
			return err
		}
		if !v.Keys[i].Type.IsKey() {
			return p.errorf("view %s: a join key can't be %s", v.Name, v.Keys[i].Type)
		}
	}
	for i := range v.Features {
		f := &v.Features[i]
		if f.Aggregate != nil || f.IsDerived() {
			continue
		}
		if err := p.lookUp(v, s, f.Column, &f.Type); err != nil {
			return err
		}
	}
	for i := range v.Features {
		if f := &v.Features[i]; f.Aggregate != nil {
			if err := p.lookUpAggregate(v, s, f); err != nil {
				return err
			}
		}
	}
	addColumns(&v.Table, s)
	slices.SortFunc(v.Table.Columns, func(a, b feature.TableColumn) int { return strings.Compare(a.Name, b.Name) })
	p.c.Views = append(p.c.Views, v)
	return nil
}

// lookUp finds the column of a key or feature and settles its type.
func (p *parser) lookUp(v *feature.ViewVersion, s *Source, column string, t *feature.Type) error {
	if isDerivedColumn(&v.Table, column) {
		have := v.Table.TypeOf(column)
		if !t.IsZero() && *t != have {
			return p.errorf("view %s: derived column %s is %s and can't be read as %s", v.Name, column, have, *t)
		}
		*t = have
		return nil
	}
	header := s.header()
	c := find(header, column)
	if c == nil {
		return p.errorf("view %s: source %s has no column %q", v.Name, s.Name, column)
	}
	if t.IsZero() {
		*t = c.Values.Type
	}
	if !widens(c.Values.Type, *t) {
		return p.errorf("view %s: column %s is %s and can't be read as %s", v.Name, column, c.Values.Type, *t)
	}
	if had := v.Table.Column(column); had != nil && had.Type != *t {
		return p.errorf("view %s reads column %s both as %s and as %s", v.Name, column, had.Type, *t)
	}
	addColumn(&v.Table, column, *t)
	return nil
}

func addColumn(table *feature.Table, name string, t feature.Type) {
	if table.Column(name) == nil {
		table.Columns = append(table.Columns, feature.TableColumn{Name: name, Column: name, Type: t})
	}
}

// header gives the source's columns; their values are those of one file only.
func (s *Source) header() []Column { return s.Files[0].Columns }

// widens tells whether values of one type are read as another without loss.
func widens(from, to feature.Type) bool {
	if from == to {
		return true
	}
	if from.List || to.List {
		return false
	}
	return from.Kind == feature.Int32 && to.Kind == feature.Int64 || from.Kind == feature.Float32 && to.Kind == feature.Float64
}

// useBlock is one use of a view, as written.
type useBlock struct {
	view  *feature.ViewVersion
	alias string
	keys  map[string]string // join key: spine column
	only  [][2]string       // feature, output name or empty; none: all
}

func (p *parser) use(rest string) error {
	name, version, err := p.version(rest)
	if err != nil {
		return err
	}
	u := &useBlock{alias: name, keys: map[string]string{}}
	for _, v := range p.c.Views {
		if v.Name == name && v.Version == version {
			u.view = v
		}
	}
	if u.view == nil {
		return p.errorf("there is no view %s before it", rest)
	}
	p.inside = func(line string) error {
		word, rest, _ := strings.Cut(line, " ")
		return p.useLine(u, word, strings.TrimSpace(rest))
	}
	p.close = func() error { return p.addUse(u) }
	return nil
}

func (p *parser) useLine(u *useBlock, word, rest string) error {
	switch word {
	case "as":
		if err := feature.CheckName(rest); err != nil {
			return p.errorf("%v", err)
		}
		u.alias = rest
	case "keys":
		for _, text := range split(rest, ",") {
			parts := split(text, "=")
			if len(parts) != 2 {
				return p.errorf("%q: expected JOIN_KEY = SPINE_COLUMN", text)
			}
			if !slices.ContainsFunc(u.view.Keys, func(k feature.JoinKey) bool { return k.Name == parts[0] }) {
				return p.errorf("view %s has no join key %q", u.view.Name, parts[0])
			}
			u.keys[parts[0]] = unquoted(parts[1])
		}
	case "only":
		for _, text := range split(rest, ",") {
			words := fields(text)
			switch {
			case len(words) == 1:
				u.only = append(u.only, [2]string{words[0], ""})
			case len(words) == 3 && words[1] == "as":
				u.only = append(u.only, [2]string{words[0], words[2]})
			default:
				return p.errorf("%q: expected FEATURE, or FEATURE as OUTPUT", text)
			}
		}
	default:
		return p.errorf("unknown word %q in use: expected as, keys or only", word)
	}
	return nil
}

// addUse appends a use and its outputs to the selection.
func (p *parser) addUse(u *useBlock) error {
	p.uses++
	s := p.c.Selection
	use := feature.Use{View: u.view, Alias: u.alias}
	for _, k := range u.view.Keys {
		column, ok := u.keys[k.Name]
		if !ok {
			column = k.Name
		}
		use.Keys = append(use.Keys, column)
	}
	if u.only == nil {
		for _, f := range u.view.Features {
			u.only = append(u.only, [2]string{f.Name, ""})
		}
	}
	for _, o := range u.only {
		i := u.view.Feature(o[0])
		if i < 0 {
			return p.errorf("view %s has no feature %q", u.view.Name, o[0])
		}
		name := o[1]
		if name == "" {
			name = u.alias + "__" + o[0]
		}
		if slices.ContainsFunc(s.Outputs, func(o feature.Output) bool { return o.Name == name }) {
			return p.errorf("two outputs are named %s", name)
		}
		s.Outputs = append(s.Outputs, feature.Output{Use: len(s.Uses), Feature: i, Name: name})
	}
	s.Uses = append(s.Uses, use)
	return nil
}
