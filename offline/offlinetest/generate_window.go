package offlinetest

import (
	"fmt"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// aggregates adds windowed aggregates to a view, over columns that it may read already:
// windows of a few microseconds, some long, some of all time.
func (g *generator) aggregates(v *feature.ViewVersion, columns []Column) {
	var over, conditions []Column
	for _, c := range columns {
		if c.Name[0] == 'x' {
			over = append(over, c)
			if c.Values.Type == feature.Scalar(feature.Bool) {
				conditions = append(conditions, c)
			}
		}
	}
	for n := range 1 + g.r.IntN(5) {
		a := &feature.Aggregate{Function: pickOne(g.r, feature.Functions())}
		t := feature.Type{}
		if g.chance(90) {
			c := pickOne(g.r, over)
			a.Column, t = c.Name, c.Values.Type
			if read := slices.IndexFunc(v.Features, func(f feature.Field) bool { return f.Column == c.Name }); read >= 0 {
				t = v.Features[read].Type // it may be widened
			}
		}
		given, err := a.Function.Of(t)
		if err != nil {
			a.Function = feature.Count
			given = feature.Scalar(feature.Int64)
		}
		if len(conditions) > 0 && g.chance(40) {
			a.Where = pickOne(g.r, conditions).Name
		}
		g.numbers(a)
		a.Window = g.windowOf()
		if text, ok := defaultOf(given); ok && g.chance(20) {
			a.Default = &text
		}
		v.Features = append(v.Features, feature.Field{Name: fmt.Sprintf("w%d", n+1), Aggregate: a})
	}
}

func (g *generator) numbers(a *feature.Aggregate) {
	if a.Function.MaxN() > 0 {
		a.N = 1 + g.r.IntN(3)
	}
	if a.Function == feature.Quantile {
		a.Q = pickOne(g.r, []float64{0.001, 0.07, 0.25, 0.5, 0.9, 0.999})
	}
}

func (g *generator) windowOf() feature.Window {
	if g.chance(20) {
		return feature.Window{Granularity: feature.Day}
	}
	w := feature.Window{Granularity: feature.Duration(1 + g.r.IntN(3))}
	if g.chance(10) {
		w.Granularity = feature.Hour
	}
	w.Length = w.Granularity * feature.Duration(1+g.r.IntN(5))
	return w
}

// defaultOf gives a value for an empty window as a text; false: there is none for the type.
func defaultOf(t feature.Type) (text string, ok bool) {
	switch {
	case t.List:
		return "", false
	case t.Kind == feature.String:
		return "nothing", true
	case t.Kind == feature.Bool:
		return "true", true
	case t.Kind == feature.Date || t.Kind == feature.Timestamp:
		return "1999-12-31", true
	case t.Kind == feature.Bytes:
		return "AAE=", true
	}
	return "7", true
}
