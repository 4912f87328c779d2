package definition

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// view is a view with the places of its parts.
type view struct {
	feature.View
	at       positions
	roles    []string        // for each of Entities its index in the file, by which at knows it
	features map[string]bool // the names of Features
	names    []string        // the same, in their order

	rolesWhole    bool // false: entities are missing here, because they are broken
	featuresWhole bool // false: features are missing here, because they are broken

	joinKeys  []feature.JoinKey // of all entities that are known
	keysKnown bool              // joinKeys are all there are
}

func (v *view) places() positions { return v.at }

func (r *reader) view(n *yaml.Node) *view {
	v := &view{at: positions{}, features: map[string]bool{}, featuresWhole: true}
	o := r.object(n, &r.grammar.view, v.at)
	v.Meta = o.meta()
	roles, all := o.atMost(maxRoles, o.items("entities", "a list of entities"), "entities", "a view has at most %d entities")
	v.rolesWhole = all
	for i, item := range roles {
		index := strconv.Itoa(i)
		if role, ok := o.role(item, index); ok {
			v.Entities = append(v.Entities, role)
			v.roles = append(v.roles, index)
		} else {
			v.rolesWhole = false
		}
	}
	if entities := o.fields["entities"]; entities != nil && entities.Kind != yaml.SequenceNode {
		v.rolesWhole = false
	}
	v.Keys = o.columnMap("keys", "join key")
	v.Source = o.nameField("source")
	v.TTL, v.Delay = o.duration("ttl"), o.duration("delay")
	v.Online = o.boolean("online")
	v.MaxStaleness = o.duration("max_staleness")
	o.checkRule(v)
	o.schedule(v)
	o.features(v)
	return v
}

// role reads an entity's name, or {entity: …, as: …}.
func (o *object) role(n *yaml.Node, index string) (feature.Role, bool) {
	if n.Kind == yaml.ScalarNode {
		o.at.set(o.pos(n), "entities", index)
		name, ok := o.name(n, "entities")
		return feature.Role{Entity: name}, ok
	}
	sub := o.reader.object(n, &o.grammar.role, o.at, "entities", index)
	if sub == nil {
		return feature.Role{}, false
	}
	role := feature.Role{Entity: sub.nameField("entity"), As: sub.nameField("as")}
	return role, role.Entity != "" && (role.As != "" || sub.fields["as"] == nil)
}

// checkRule holds the times against the time rule.
func (o *object) checkRule(v *view) {
	zero := func(field string, d feature.Duration) bool {
		n := o.fields[field]
		return n != nil && d <= 0 && isDuration(n)
	}
	if zero("max_staleness", v.MaxStaleness) {
		o.problem(o.fields["max_staleness"], fmt.Sprintf("max_staleness: %s is not longer than nothing", v.MaxStaleness),
			"leave it out for the default")
	}
	if v.TTL == 0 && zero("ttl", v.TTL) {
		o.problem(o.fields["ttl"], "ttl 0 would hide every row", "leave it out for no limit")
		return
	}
	rule := feature.Rule{TTL: v.TTL, Delay: v.Delay}
	if err := rule.Validate(); err != nil {
		at := o.fields["ttl"]
		if v.Delay < 0 {
			at = o.fields["delay"]
		}
		o.problem(at, plain(err), "")
	}
}

func isDuration(n *yaml.Node) bool {
	_, err := feature.ParseDuration(n.Value)
	return err == nil && n.Tag == "!!str"
}

// schedule reads a cron expression.
func (o *object) schedule(v *view) {
	n := o.fields["schedule"]
	if n == nil {
		return
	}
	if v.Schedule = o.text("schedule"); v.Schedule == "" {
		if n.Tag == "!!str" && n.Value == "" {
			o.problem(n, "schedule: expected a cron expression, got an empty text", "leave it out for no schedule")
		}
		return
	}
	if err := checkCron(v.Schedule); err != nil {
		o.problem(n, "schedule: "+err.Error(), `five fields: minute hour day month weekday, in UTC; for example "*/10 * * * *"`)
	}
	if !v.Online {
		o.problem(n, "schedule: the view is not kept online, so there is nothing to schedule", "add online: true")
	}
}

// features reads the view's features.
func (o *object) features(v *view) {
	list := o.fields["features"]
	if list == nil || list.Kind != yaml.SequenceNode {
		v.featuresWhole = false
	}
	items := o.items("features", "a list of features like {name: delay, type: int64}")
	if len(items) == 0 && v.featuresWhole {
		o.problem(list, "features: a view has at least one feature", "for example features: [{name: delay}]")
	}
	items, all := o.atMost(maxFeatures, items, "features", "a view has at most %d features")
	v.featuresWhole = v.featuresWhole && all
	seen := map[string]registry.Position{}
	for _, item := range items {
		own := positions{}
		f, ok := o.feature(item, own)
		if f.Name == "" {
			v.featuresWhole = false
			continue
		}
		if first, twice := seen[f.Name]; twice {
			o.problem(peek(item, "name"), fmt.Sprintf("feature %q is given twice", f.Name), fmt.Sprintf("first at %s", first))
			continue
		}
		seen[f.Name] = o.pos(item)
		v.features[f.Name] = true
		if ok {
			v.Features = append(v.Features, f)
			v.names = append(v.names, f.Name)
			v.at.merge(own, "features", f.Name)
		}
	}
}

func (o *object) feature(n *yaml.Node, own positions) (feature.ViewFeature, bool) {
	sub := o.reader.object(n, &o.grammar.feature, own)
	if sub == nil {
		return feature.ViewFeature{}, false
	}
	f := feature.ViewFeature{
		Name: sub.nameField("name"), Description: sub.text("description"), Type: sub.kind(), Column: sub.columnField("column"),
	}
	f.Aggregate, f.Expression = sub.aggregation(), sub.expression("expression")
	return f, sub.oneKind()
}

// oneKind reports a feature that is more than one of a column, an aggregate and an
// expression.
func (o *object) oneKind() bool {
	expression, aggregate := o.fields["expression"], o.fields["aggregate"]
	switch {
	case expression != nil && aggregate != nil:
		o.problem(expression, "expression: the feature is an aggregate", "make two features of it: an expression reads the other one by its name")
	case expression != nil && o.fields["column"] != nil:
		o.problem(o.fields["column"], "column: the feature is an expression, which reads features", "leave it out; or make the column a feature of its own")
	case aggregate != nil && o.fields["of"] != nil && o.fields["column"] != nil:
		o.problem(o.fields["of"], "of: the aggregate is over a column already", "leave one of them out")
	default:
		return true
	}
	return false
}

// aggregation reads the fields of an aggregate; nil where there are none.
func (o *object) aggregation() *feature.Aggregation {
	function := o.fields["aggregate"]
	if function == nil {
		for _, field := range []string{"of", "where", "window", "granularity", "n", "q", "default"} {
			if n := o.fields[field]; n != nil {
				o.problem(n, field+": the feature is no aggregate", "add aggregate: one of "+strings.Join(functionNames(), ", ")+"; or leave it out")
				break // the others are told by this
			}
		}
		return nil
	}
	a := &feature.Aggregation{
		Function: feature.Function(o.text("aggregate")), Of: o.expression("of"), Where: o.expression("where"),
		Granularity: o.duration("granularity"), N: o.count("n"), Q: o.share("q"), Default: o.plainValue("default"),
	}
	switch known := slices.Contains(feature.Functions(), a.Function); {
	case a.Function == "": // told
	case !known:
		o.problem(function, "aggregate: there is no function "+quoted(string(a.Function)),
			o.problems.nearest(string(a.Function), functionNames(), "expected one of "+strings.Join(functionNames(), ", ")))
	default:
		o.parameters(a, function)
	}
	switch n := o.fields["window"]; {
	case n == nil:
		o.problem(function, `missing field "window"`, "an aggregate looks back over a window: a span like 1h or 30d, or all")
		return a
	case n.Kind == yaml.ScalarNode && n.Value == "all":
	default:
		if a.Window = o.duration("window"); a.Window == 0 {
			if isDuration(n) {
				o.problem(n, "window: 0 covers nothing", "give a span like 1h, or all for all time")
			}
			return a
		}
	}
	if _, err := feature.NewWindow(a.Window, a.Granularity, a.Function.IsSketch()); err != nil {
		at := o.fields["granularity"]
		if at == nil {
			at = o.fields["window"]
		}
		o.problem(at, plain(err), "")
	}
	return a
}

// parameters checks that an aggregate has the numbers that its function asks for, and no
// others.
func (o *object) parameters(a *feature.Aggregation, function *yaml.Node) {
	n, q, most := o.fields["n"], o.fields["q"], a.Function.MaxN()
	switch {
	case most > 0 && n == nil:
		o.problem(function, `missing field "n"`, fmt.Sprintf("%s gives several values: say how many at most, from 1 to %d", a.Function, most))
	case most > 0 && a.N > most:
		o.problem(n, fmt.Sprintf("n: %s gives at most %d values", a.Function, most), "")
	case most == 0 && n != nil:
		o.problem(n, fmt.Sprintf("n: %s gives one value", a.Function), "leave n out; last_n and top_k have it")
	}
	switch {
	case a.Function == feature.Quantile && q == nil:
		o.problem(function, `missing field "q"`, "a quantile needs a share between 0 and 1: q: 0.5 is the median")
	case a.Function != feature.Quantile && q != nil:
		o.problem(q, fmt.Sprintf("q: %s is no quantile", a.Function), "leave q out")
	}
}

// plainValue reads a scalar as it is written; nil where there is none.
func (o *object) plainValue(field string) *string {
	n := o.fields[field]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		o.mismatch(n, field, "a value: a number, true, false or text")
		return nil
	}
	return &n.Value
}
