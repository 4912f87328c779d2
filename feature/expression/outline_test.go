package expression_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

func TestAnOutlineTellsNamesAndOneText(t *testing.T) {
	s, err := expression.NewScope(nil)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]struct {
		names, text string
	}{
		"delay":                                {"delay", "delay"},
		" delay // minutes":                    {"delay", "delay"},
		"(a+b)  * (c)":                         {"a b c", "(a + b) * c"},
		"a\n&&\nb":                             {"a b", "a && b"},
		"hour(hour) > 1 ? 'x' : \"y\"":         {"hour", `(hour(hour) > 1) ? "x" : "y"`},
		"origin.busy && dest.busy || b":        {"b dest.busy origin.busy", "origin.busy && dest.busy || b"},
		"origin.name.contains('a')":            {"origin.name", `origin.name.contains("a")`},
		"[a, b][c] in d":                       {"a b c d", "[a, b][c] in d"},
		"f(x).y + 1":                           {"x", "f(x).y + 1"},
		"1.0 + 2 > 3":                          {"", "1.0 + 2 > 3"},
		"x == null":                            {"x", "x == null"},
		strings.Repeat("a && ", 60) + "a":      {"a", strings.Repeat("a && ", 60) + "a"},
		"clamp(a, -1, 1) - -b":                 {"a b", "clamp(a, -1, 1) - -b"},
		`text == "a \" ? b : c // no comment"`: {"text", `text == "a \" ? b : c // no comment"`},
	} {
		o, err := s.Outline(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if names := strings.Fields(want.names); !slices.Equal(o.Names, names) || o.Text != want.text {
			t.Errorf("%q: names %q, text %q; want %q and %q", text, o.Names, o.Text, names, want.text)
		}
		if again, err := s.Outline(o.Text); err != nil || again.Text != o.Text {
			t.Errorf("%q: its text %q has another text: %v, %v", text, o.Text, again, err)
		}
	}
	var e *expression.Error
	if _, err := s.Outline("a +"); !errors.As(err, &e) || e.Column != 4 || !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("a broken text: %v", err)
	}
}

func TestExpressionsOfOneTextHaveOneValue(t *testing.T) {
	s, err := expression.NewScope([]expression.Variable{{Name: "n", Type: feature.Scalar(feature.Int64)}, {Name: "b", Type: feature.Scalar(feature.Bool)}})
	if err != nil {
		t.Fatal(err)
	}
	n, b := feature.NewColumn(feature.Scalar(feature.Int64), 1), feature.NewColumn(feature.Scalar(feature.Bool), 1)
	n.AppendInt64(5)
	b.AppendBool(true)
	columns := map[string]*feature.Column{"n": n, "b": b}
	texts := map[string]string{} // and what has them
	for text, want := range map[string]any{
		"(-n).abs()":            int64(5),
		" ( -n ).abs() ":        int64(5),
		"-n.abs()":              int64(-5),
		"-1.abs()":              int64(1),
		"-(1.abs())":            int64(-1),
		"(-n).max(3)":           int64(3),
		"-n.max(3)":             int64(-5),
		"(!b).string()":         "false",
		"(-n).clamp(-3, 9) * 2": int64(-6),
		"-n.clamp(-3, 9) * 2":   int64(-10),
		"[-n, n][0].abs()":      int64(5),
		"-[n, 2][0].abs()":      int64(-5),
	} {
		o, err := s.Outline(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		for _, way := range []string{text, o.Text} {
			p, err := expression.Compile(way, s)
			if err != nil {
				t.Errorf("%q, as %q: %v", text, way, err)
				continue
			}
			var args []*feature.Column
			for _, name := range p.Reads() {
				args = append(args, columns[name])
			}
			got := feature.NewColumn(p.Type(), 1)
			if _, err := p.NewMachine().Eval(1, args, got); err != nil || got.Any(0) != want {
				t.Errorf("%q, as %q: got %v, %v, want %v", text, way, got.Any(0), err, want)
			}
		}
		if other, seen := texts[o.Text]; seen {
			t.Errorf("%q and %q have one text, %q", text, other, o.Text)
		}
		texts[o.Text] = text
	}
}

func TestAScopeOfOtherVariablesKnowsOnlyThose(t *testing.T) {
	first, err := expression.NewScope([]expression.Variable{{Name: "a", Type: feature.Scalar(feature.Int64)}})
	if err != nil {
		t.Fatal(err)
	}
	b := expression.Variable{Name: "b", Type: feature.Scalar(feature.Float64)}
	second, err := first.With([]expression.Variable{b})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := expression.Compile("abs(b)", second); err != nil || p.Type() != b.Type {
		t.Errorf("b: %v, %v", p, err)
	}
	if _, err := expression.Compile("a", second); err == nil {
		t.Error("a is known")
	}
	if _, err := expression.Compile("a", first); err != nil {
		t.Error(err)
	}
	if _, err := first.With([]expression.Variable{b, b}); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("b twice: %v", err)
	}
}
