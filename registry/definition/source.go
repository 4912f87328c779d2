package definition

import (
	"cmp"
	"fmt"
	pathpkg "path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/quiver-features/quiver/feature"
)

// source is a source with the places of its parts.
type source struct {
	feature.Source
	at positions
}

func (s *source) places() positions { return s.at }

func (r *reader) source(n *yaml.Node) *source {
	s := &source{at: positions{}}
	o := r.object(n, &r.grammar.source, s.at)
	s.Meta = o.meta()
	s.Parquet = o.paths("parquet")
	s.EventTimestamp = o.columnField("event_timestamp")
	s.CreatedTimestamp = o.columnField("created_timestamp")
	s.AvailableTimestamp = o.columnField("available_timestamp")
	s.Mutable = o.boolean("mutable")
	s.Columns = o.overrides()
	s.Derive = o.derive(s.Columns)
	o.checkTimes(s)
	return s
}

// paths reads one text or a list of texts that name files, folders or globs.
func (o *object) paths(field string) []string {
	const expected = "text or a list of texts: files, folders or globs"
	n := o.fields[field]
	if n == nil {
		return nil
	}
	items := []*yaml.Node{n}
	if n.Kind != yaml.ScalarNode {
		items = o.items(field, expected)
		if n.Kind == yaml.SequenceNode && len(items) == 0 {
			o.problem(n, field+": expected at least one file, folder or glob", "")
		}
	}
	var paths []string
	seen := map[string]bool{}
	for i, item := range items {
		path, ok := o.string(item, field, expected, maxText)
		switch {
		case !ok:
		case strings.TrimSpace(path) == "":
			o.problem(item, field+": a path can't be empty", "")
		case strings.ContainsAny(path, "\n\t"):
			o.problem(item, field+": control characters can't stand in a path", "")
		case leaves(path):
			o.problem(item, fmt.Sprintf("%s: %s leads out of the data folder", field, quoted(path)),
				"write a path below data of "+ProjectFile+", or an absolute path")
		case seen[path]:
			o.problem(item, fmt.Sprintf("%s: %s is given twice", field, quoted(path)), "")
		default:
			seen[path] = true
			o.at.set(o.pos(item), field, strconv.Itoa(i))
			paths = append(paths, path)
		}
	}
	return paths
}

// leaves tells whether a relative path goes above where it starts. What links
// below the data folder lead to is followed: who may write there decides that.
func leaves(pattern string) bool {
	if strings.HasPrefix(pattern, "/") {
		return false
	}
	first, _, _ := strings.Cut(pathpkg.Clean(pattern), "/")
	return unescaped(first) == ".." || slices.ContainsFunc(strings.Split(pattern, "/"), func(part string) bool {
		return part != ".." && unescaped(part) == ".." // \.\. is no name that anybody means
	})
}

// unescaped takes a glob's backslashes away.
func unescaped(s string) string { return strings.ReplaceAll(s, `\`, "") }

// overrides reads columns: name: type, or name: {column: …, type: …}. They come
// in the order of their names.
func (o *object) overrides() []feature.ColumnOverride {
	const expected = "a mapping of column to type"
	var list []feature.ColumnOverride
	for k, v := range o.mapping("columns", expected, "column") {
		name, ok := o.column(k, "columns")
		if !ok {
			continue
		}
		c := feature.ColumnOverride{Name: name}
		if v.Kind == yaml.MappingNode {
			c = o.override(name, v)
		} else {
			o.at.set(o.pos(v), "columns", name)
			// A type alone is read like the field type of a mapping.
			short := &object{reader: o.reader, fields: map[string]*yaml.Node{"type": v}}
			c.Type = short.kind()
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b feature.ColumnOverride) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func (o *object) override(name string, v *yaml.Node) feature.ColumnOverride {
	sub := o.reader.object(v, &o.grammar.column, o.at, "columns", name)
	if len(v.Content) == 0 {
		o.problem(v, fmt.Sprintf("column %s: expected a type, the name of a column, or both", quoted(name)),
			"for example {column: Tail Number, type: string}")
	}
	return feature.ColumnOverride{Name: name, Column: sub.columnField("column"), Type: sub.kind()}
}

// derive reads name: expression. The columns come in the order of their names.
func (o *object) derive(columns []feature.ColumnOverride) []feature.DerivedColumn {
	var list []feature.DerivedColumn
	for k, v := range o.mapping("derive", "a mapping of column to expression", "column") {
		name, ok := o.name(k, "derive")
		if !ok {
			continue
		}
		o.at.set(o.pos(v), "derive", name)
		o.at.set(o.pos(k), "derive", name, "key")
		switch {
		case len(list) == maxDerived:
			o.problem(k, fmt.Sprintf("derive: a source has at most %d derived columns", maxDerived), "")
			return list
		case slices.ContainsFunc(columns, func(c feature.ColumnOverride) bool { return c.Name == name }):
			o.problem(k, fmt.Sprintf("derive: column %s stands under columns, too", quoted(name)), "give one of them another name")
			continue
		}
		if text := o.expressionIn(v, "derive", "derive", name); text != "" {
			list = append(list, feature.DerivedColumn{Name: name, Expression: text})
		}
	}
	slices.SortFunc(list, func(a, b feature.DerivedColumn) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// checkTimes holds the declared types of time columns against what they are for.
func (o *object) checkTimes(s *source) {
	for _, c := range s.Columns {
		for _, field := range []string{"event_timestamp", "created_timestamp", "available_timestamp"} {
			n := o.fields[field]
			if n == nil || n.Value != c.Name || c.Type.IsZero() {
				continue
			}
			if c.Type != feature.Scalar(feature.Timestamp) && c.Type != feature.Scalar(feature.Date) {
				o.problems.add(s.at.of("columns", c.Name, "type"), fmt.Sprintf("column %s is the %s and can't be of type %s",
					quoted(c.Name), field, c.Type), "expected timestamp or date")
				break
			}
		}
	}
}
