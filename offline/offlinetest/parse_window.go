package offlinetest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// aggregate reads FUNCTION[(N or Q)] [of COLUMN] [where COLUMN] over DURATION-or-all
// [by GRANULARITY] [else VALUE].
func (p *parser) aggregate(words []string) (*feature.Aggregate, error) {
	function, number, _ := strings.Cut(strings.TrimSuffix(words[0], ")"), "(")
	a := &feature.Aggregate{Function: feature.Function(function)}
	if !slices.Contains(feature.Functions(), a.Function) {
		return nil, p.errorf("%q is no aggregate function", words[0])
	}
	if err := p.parameter(a, number); err != nil {
		return nil, err
	}
	var length, granularity feature.Duration
	over := false
	for rest := words[1:]; len(rest) > 0; rest = rest[2:] {
		if len(rest) == 1 {
			return nil, p.errorf("%q: expected a word behind it", rest[0])
		}
		var err error
		switch value := unquoted(rest[1]); rest[0] {
		case "of":
			a.Column = value
		case "where":
			a.Where = value
		case "over":
			if over = true; value != "all" {
				length, err = feature.ParseDuration(value)
			}
		case "by":
			granularity, err = feature.ParseDuration(value)
		case "else":
			a.Default = &value
		default:
			return nil, p.errorf("unknown word %q in an aggregate: expected of, where, over, by or else", rest[0])
		}
		if err != nil {
			return nil, p.errorf("%v", err)
		}
	}
	if !over {
		return nil, p.errorf("%s: over which window?", words[0])
	}
	var err error
	if a.Window, err = feature.NewWindow(length, granularity, a.Function.IsSketch()); err != nil {
		return nil, p.errorf("%v", err)
	}
	return a, nil
}

// parameter reads what stands in brackets behind a function's name.
func (p *parser) parameter(a *feature.Aggregate, text string) error {
	var err error
	switch most := a.Function.MaxN(); {
	case most > 0:
		if a.N, err = strconv.Atoi(text); err != nil || a.N < 1 || a.N > most {
			return p.errorf("%s(%s): expected a number from 1 to %d", a.Function, text, most)
		}
	case a.Function == feature.Quantile:
		if a.Q, err = strconv.ParseFloat(text, 64); err != nil || a.Q <= 0 || a.Q >= 1 {
			return p.errorf("%s(%s): expected a share between 0 and 1", a.Function, text)
		}
	case text != "":
		return p.errorf("%s has no number", a.Function)
	}
	return nil
}

// lookUpAggregate finds the columns of an aggregate and settles its type.
func (p *parser) lookUpAggregate(v *feature.ViewVersion, s *Source, f *feature.Field) error {
	a := f.Aggregate
	read := func(column string) (feature.Type, error) {
		if column == "" {
			return feature.Type{}, nil
		}
		t := v.Table.TypeOf(column) // as a key or a feature reads it, or as it is
		err := p.lookUp(v, s, column, &t)
		return t, err
	}
	var err error
	if a.Input, err = read(a.Column); err != nil {
		return err
	}
	where, err := read(a.Where)
	switch {
	case err != nil:
		return err
	case a.Where != "" && where != feature.Scalar(feature.Bool):
		return p.errorf("view %s: feature %s: where %s: expected a bool, got %s", v.Name, f.Name, a.Where, where)
	}
	given, err := a.Function.Of(a.Input)
	switch {
	case err != nil:
		return p.errorf("view %s: feature %s: %v", v.Name, f.Name, err)
	case !f.Type.IsZero() && f.Type != given:
		return p.errorf("view %s: feature %s is %s, not %s", v.Name, f.Name, given, f.Type)
	}
	f.Type = given
	return nil
}

// aggregateText writes what aggregate reads.
func aggregateText(a *feature.Aggregate) string {
	text := string(a.Function)
	switch {
	case a.N != 0:
		text += "(" + strconv.Itoa(a.N) + ")"
	case a.Q != 0:
		text += "(" + strconv.FormatFloat(a.Q, 'g', -1, 64) + ")"
	}
	if a.Column != "" {
		text += " of " + strconv.Quote(a.Column)
	}
	if a.Where != "" {
		text += " where " + strconv.Quote(a.Where)
	}
	if a.Window.Length == 0 {
		text += " over all"
	} else {
		text += " over " + a.Window.Length.String() + " by " + a.Window.Granularity.String()
	}
	if a.Default != nil {
		text += " else " + strconv.Quote(*a.Default)
	}
	return text
}
