package offlinetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// GenerateExpressions is GenerateWindows with columns that are derived of others (some of
// them keys, times, and what aggregates are over), features that are expressions, and a
// service that derives features of features and inputs.
func GenerateExpressions(seed uint64) *Case {
	return addExpressions(generate(seed, size{groupRows: 8, spineRows: 15, windows: seed%3 != 0}), seed)
}

// GenerateManyExpressions is GenerateExpressions with more rows, as GenerateMany has.
func GenerateManyExpressions(seed uint64, rows int) *Case {
	return addExpressions(generate(seed, size{groupRows: max(rows/3, 1), spineRows: rows, wide: true, windows: seed%3 != 0}), seed)
}

func addExpressions(c *Case, seed uint64) *Case {
	g := &formulas{Rand: rand.New(rand.NewPCG(seed, 3)), c: c} // the same seed gives the same case
	for _, v := range c.Views {
		g.table(v)
		g.features(v)
	}
	g.ask()
	g.service()
	s := c.Selection
	slices.SortStableFunc(s.Outputs, func(a, b feature.Output) int { return cmp.Compare(uint(a.Use), uint(b.Use)) }) // derived ones last
	return c
}

// formulas draws expressions.
type formulas struct {
	*rand.Rand
	c *Case
}

func (g *formulas) chance(percent int) bool { return g.IntN(100) < percent }

// table derives columns of a view's source, and has other things read them.
func (g *formulas) table(v *feature.ViewVersion) {
	if g.chance(25) {
		return
	}
	s := g.c.Source(v.Table.Source)
	for _, column := range s.header() {
		addColumn(&v.Table, column.Name, column.Values.Type)
	}
	var vars []expression.Variable
	for _, column := range v.Table.Columns {
		vars = append(vars, expression.Variable{Name: column.Name, Type: column.Type})
	}
	add := func(kind feature.Kind) string {
		f := g.field(fmt.Sprintf("d%d", len(v.Table.Derived)+1), kind, vars)
		v.Table.Derived = append(v.Table.Derived, feature.DerivedColumn{Name: f.Name, Expression: f.Expression, Type: f.Type})
		vars = append(vars, expression.Variable{Name: f.Name, Type: f.Type})
		return f.Name
	}
	for n := range g.IntN(3) {
		// No floats: NaN of several bits would settle ties, and which a processor gives is open.
		name := add(pickOne(g.Rand, []feature.Kind{feature.Bool, feature.Int64, feature.String, feature.Timestamp}))
		if g.chance(60) {
			v.Features = append(v.Features, feature.Field{Name: fmt.Sprintf("%c_derived", 'a'+25*n), Type: v.Table.TypeOf(name), Column: name})
		}
	}
	if g.chance(25) {
		v.Table.Event = add(feature.Timestamp)
	}
	if g.chance(20) && v.Table.Available != "" {
		v.Table.Available = add(feature.Timestamp)
	}
	for i := range v.Keys {
		if k := v.Keys[i].Type.Kind; g.chance(20) && (k == feature.Int64 || k == feature.String || k == feature.Bool || k == feature.Timestamp) {
			if name := add(k); v.Table.TypeOf(name) == v.Keys[i].Type {
				v.KeyColumns[i] = name
			}
		}
	}
	for i := range v.Features {
		if a := v.Features[i].Aggregate; a != nil {
			g.aggregate(&v.Table, a, add)
		}
	}
	slices.SortFunc(v.Table.Columns, func(a, b feature.TableColumn) int { return cmp.Compare(a.Name, b.Name) })
}

// aggregate has an aggregate be over an expression, or of the rows for which one holds.
func (g *formulas) aggregate(t *feature.Table, a *feature.Aggregate, add func(feature.Kind) string) {
	if g.chance(30) && (a.Input == feature.Scalar(feature.Int64) || a.Input == feature.Scalar(feature.Float64) || a.Input == feature.Scalar(feature.Bool)) {
		if name := add(a.Input.Kind); t.TypeOf(name) == a.Input { // and not narrower
			a.Column = name
		}
	}
	if g.chance(30) {
		a.Where = add(feature.Bool)
	}
}

// features adds expressions over a view's features, times and one another.
func (g *formulas) features(v *feature.ViewVersion) {
	vars := []expression.Variable{{Name: "as_of", Type: feature.Scalar(feature.Timestamp)}, {Name: "event_timestamp", Type: feature.Scalar(feature.Timestamp)}}
	for _, f := range v.Features {
		if f.Aggregate == nil || f.Aggregate.Function != feature.Quantile { // which is known with an error
			vars = append(vars, expression.Variable{Name: f.Name, Type: f.Type})
		}
	}
	for n := range g.IntN(4) {
		f := g.field(fmt.Sprintf("e%d", n+1), g.kind(), vars)
		v.Features = append(v.Features, f)
		vars = append(vars, expression.Variable{Name: f.Name, Type: f.Type})
	}
	if g.chance(50) { // what is read need not stand before
		slices.Reverse(v.Features[len(v.Features)-min(len(v.Features), 3):])
	}
}

// ask asks for the features that were added, and looks up the others again, which may
// have moved.
func (g *formulas) ask() {
	s := g.c.Selection
	for i := range s.Outputs {
		o := &s.Outputs[i]
		name := o.Name[len(s.Uses[o.Use].Alias)+len("__"):]
		o.Feature = s.Uses[o.Use].View.Feature(name)
	}
	for u := range s.Uses {
		for f, field := range s.Uses[u].View.Features {
			added := field.IsDerived() || isDerivedColumn(&s.Uses[u].View.Table, field.Column)
			if added && g.chance(70) {
				s.Outputs = append(s.Outputs, feature.Output{Use: u, Feature: f, Name: s.Uses[u].Alias + "__" + field.Name})
			}
		}
	}
}

// service derives features, and gives the spine the inputs.
func (g *formulas) service() {
	s := g.c.Selection
	if g.chance(30) {
		return
	}
	var vars []expression.Variable
	for u := range s.Uses {
		for _, f := range s.Uses[u].View.Features {
			if f.Aggregate == nil || f.Aggregate.Function != feature.Quantile {
				vars = append(vars, expression.Variable{Name: s.Uses[u].Alias + "." + f.Name, Type: f.Type})
			}
		}
	}
	for n := range g.IntN(3) {
		in := feature.Input{Name: fmt.Sprintf("in%d", n+1), Type: feature.Scalar(g.kind())}
		c := Column{Name: in.Name, Values: feature.NewColumn(in.Type, g.c.Rows())}
		values := &generator{r: g.Rand}
		for range g.c.Rows() {
			values.append(&c, false, 15)
		}
		s.Inputs, g.c.Spine = append(s.Inputs, in), append(g.c.Spine, c)
		vars = append(vars, expression.Variable{Name: in.Name, Type: in.Type})
	}
	for n := range 1 + g.IntN(3) {
		f := g.field(fmt.Sprintf("s%d", n+1), g.kind(), vars)
		s.Derived = append(s.Derived, f)
		vars = append(vars, expression.Variable{Name: f.Name, Type: f.Type})
		if g.chance(80) {
			s.Outputs = append(s.Outputs, feature.Output{Use: feature.DerivedOutput, Feature: n, Name: f.Name})
		}
	}
}

func (g *formulas) kind() feature.Kind {
	return pickOne(g.Rand, []feature.Kind{feature.Bool, feature.Int64, feature.Float64, feature.String, feature.Timestamp})
}

// field draws an expression until one has a type: branches of int32 and int64 have none.
func (g *formulas) field(name string, kind feature.Kind, vars []expression.Variable) feature.Field {
	scope, err := expression.NewScope(vars)
	if err != nil {
		panic(err) // names are distinct
	}
	for {
		text := g.text(kind, 1+g.IntN(3), vars)
		if program, err := expression.Compile(text, scope); err == nil {
			return feature.Field{Name: name, Type: program.Type(), Expression: text}
		}
	}
}

// text draws an expression of a kind. The names and operators are those that the oracle
// knows.
func (g *formulas) text(kind feature.Kind, depth int, vars []expression.Variable) string {
	if depth == 0 || g.chance(15) {
		return g.leaf(kind, vars)
	}
	of := func(k feature.Kind) string { return g.text(k, depth-1, vars) }
	two := func(k feature.Kind, operators ...string) string {
		return "(" + of(k) + " " + pickOne(g.Rand, operators) + " " + of(k) + ")"
	}
	switch g.IntN(8) {
	case 0:
		return "(" + of(feature.Bool) + " ? " + of(kind) + " : " + of(kind) + ")"
	case 1:
		return "coalesce(" + of(kind) + ", " + of(kind) + ")"
	}
	switch kind {
	case feature.Bool:
		return pickOne(g.Rand, []func() string{
			func() string { return two(feature.Bool, "&&", "||", "==") },
			func() string { return two(feature.Int64, "<", "<=", ">", ">=", "==", "!=") },
			func() string { return two(feature.Float64, "<", "<=", ">", ">=", "==", "!=") },
			func() string { return two(feature.String, "<", "==", "!=") },
			func() string { return two(feature.Timestamp, "<", ">=", "==") },
			func() string { return "!" + of(feature.Bool) },
			func() string { return "is_nan(" + of(feature.Float64) + ")" },
			func() string { return "(" + of(g.kind()) + pickOne(g.Rand, []string{" == null)", " != null)"}) },
		})()
	case feature.Int64:
		if g.chance(10) {
			return "int(" + of(feature.String) + ")"
		}
		return two(kind, "+", "-", "*", "/", "%")
	case feature.Float64:
		return pickOne(g.Rand, []func() string{
			func() string { return two(kind, "+", "-", "*", "/") },
			func() string { return "double(" + of(feature.Int64) + ")" },
			func() string { return "seconds(" + of(feature.Timestamp) + " - " + of(feature.Timestamp) + ")" },
		})()
	case feature.String:
		return pickOne(g.Rand, []func() string{
			func() string { return two(kind, "+") },
			func() string { return "string(" + of(feature.Int64) + ")" },
			func() string { return "lower(" + of(kind) + ")" },
		})()
	default:
		unit := pickOne(g.Rand, []string{"seconds", "minutes", "days"})
		return "(" + of(kind) + pickOne(g.Rand, []string{" + ", " - "}) + unit + "(" + of(feature.Int64) + "))"
	}
}

// leaf draws a variable, or a constant.
func (g *formulas) leaf(kind feature.Kind, vars []expression.Variable) string {
	var names []string
	for _, v := range vars {
		narrow := v.Type == feature.Scalar(feature.Int32) && kind == feature.Int64 || v.Type == feature.Scalar(feature.Float32) && kind == feature.Float64
		if v.Type == feature.Scalar(kind) || narrow {
			names = append(names, v.Name)
		}
	}
	if len(names) > 0 && g.chance(75) {
		return pickOne(g.Rand, names)
	}
	switch kind {
	case feature.Bool:
		return pickOne(g.Rand, []string{"true", "false"})
	case feature.Int64:
		return pickOne(g.Rand, []string{"0", "1", "-1", "2", "3000000000", "9223372036854775807"})
	case feature.Float64:
		return pickOne(g.Rand, []string{"0.0", "0.5", "-2.0", "1e300"})
	case feature.String:
		return pickOne(g.Rand, []string{`""`, `"a"`, `"-1"`, `"B"`})
	default:
		return pickOne(g.Rand, []string{`timestamp("1970-01-01T00:00:00Z")`, `timestamp("2001-06-30T12:00:00Z")`})
	}
}
