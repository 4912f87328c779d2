package expression_test

import (
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature/expression"
)

func TestOrderPutsWhatIsReadFirstAndNamesCycles(t *testing.T) {
	for _, c := range []struct {
		name  string
		reads map[string][]string
		order []string
		cycle []string
	}{
		{"nothing depends on anything", map[string][]string{"a": nil, "b": {"x"}, "c": nil}, []string{"a", "b", "c"}, nil},
		{"a chain written backwards", map[string][]string{"a": {"b"}, "b": {"c"}, "c": nil}, []string{"c", "b", "a"}, nil},
		{"a diamond", map[string][]string{"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": nil}, []string{"d", "b", "c", "a"}, nil},
		{"itself", map[string][]string{"a": nil, "b": {"b"}}, nil, []string{"b", "b"}},
		{"a cycle behind a way to it", map[string][]string{"a": {"b"}, "b": {"c"}, "c": {"d", "a2"}, "d": {"b"}}, nil, []string{"b", "c", "d", "b"}},
	} {
		var names []string
		for name := range c.reads {
			names = append(names, name)
		}
		slices.Sort(names)
		order, cycle := expression.Order(names, func(i int) []string { return c.reads[names[i]] })
		var got []string
		for _, i := range order {
			got = append(got, names[i])
		}
		if !slices.Equal(got, c.order) || !slices.Equal(cycle, c.cycle) {
			t.Errorf("%s: order %v, cycle %v, want %v, %v", c.name, got, cycle, c.order, c.cycle)
		}
	}
}
