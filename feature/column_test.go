package feature_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
)

func TestAColumnGivesBackWhatWasAppended(t *testing.T) {
	for typ, values := range map[string][]any{
		"bool":            {true, nil, false},
		"int32":           {int32(1), nil, int32(math.MinInt32)},
		"int64":           {nil, int64(math.MaxInt64)},
		"float32":         {float32(1.5), nil},
		"float64":         {nil, nil, 2.5, math.Inf(-1)},
		"string":          {"", nil, "é\x00}"},
		"bytes":           {[]byte{}, nil, []byte{0, 255}},
		"date":            {feature.CalendarDay(-1), nil},
		"timestamp":       {feature.MinTime, nil, feature.MaxTime},
		"list<int64>":     {[]any{}, nil, []any{int64(1), nil, int64(3)}},
		"list<string>[2]": {[]any{"a", "b"}, nil, []any{nil, "c"}},
	} {
		t.Run(typ, func(t *testing.T) {
			c := columnOf(t, typ, values...)
			again := feature.NewColumn(c.Type, 0)
			if c.Len() != len(values) {
				t.Fatalf("Len() = %d, want %d", c.Len(), len(values))
			}
			for i, want := range values {
				again.AppendFrom(c, i)
				if diff := cmp.Diff(want, c.Any(i)); diff != "" {
					t.Errorf("value %d (-want +got):\n%s", i, diff)
				}
				if diff := cmp.Diff(want, again.Any(i)); diff != "" {
					t.Errorf("copy of value %d (-want +got):\n%s", i, diff)
				}
			}
			c.Reset()
			if c.Len() != 0 {
				t.Errorf("Len() = %d after Reset", c.Len())
			}
			c.AppendFrom(again, 1)
			if diff := cmp.Diff(values[1], c.Any(0)); diff != "" {
				t.Errorf("after Reset (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAValueThatDoesNotFitIsRefusedAndNothingIsAppended(t *testing.T) {
	for _, c := range []struct {
		typ   string
		value any
	}{
		{"int32", int64(math.MaxInt32) + 1},
		{"int32", int64(math.MinInt32) - 1},
		{"date", int64(math.MaxInt32) + 1},
		{"int64", 1.0},
		{"float32", 1.0},
		{"string", []byte("x")},
		{"bytes", "x"},
		{"bool", 1},
		{"int64", []any{int64(1)}},
		{"list<int64>", int64(1)},
		{"list<int64>", []any{"x"}},
		{"list<int64>[2]", []any{int64(1)}},
	} {
		column := columnOf(t, c.typ)
		if err := column.AppendAny(c.value); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("%s: AppendAny(%v) = %v, want ErrInvalid", c.typ, c.value, err)
		}
		if column.Len() != 0 || column.Items != nil && column.Items.Len() != 0 {
			t.Errorf("%s: something of %v was appended", c.typ, c.value)
		}
	}
}

func TestTextIsReadBackAsItWasWritten(t *testing.T) {
	for typ, texts := range map[string][]string{
		"bool":      {"true", "false"},
		"int32":     {"0", "-2147483648"},
		"int64":     {"9223372036854775807"},
		"float32":   {"1.1", "NaN", "Infinity"},
		"float64":   {"0.1", "-0", "1e+300"},
		"string":    {"", " a "},
		"bytes":     {"", "AP8="},
		"date":      {"1969-12-31", "2001-06-30"},
		"timestamp": {"2001-06-30T12:00:00Z", "1969-12-31T23:59:59.999999Z"},
	} {
		c := columnOf(t, typ)
		for i, want := range texts {
			if err := c.AppendText(want); err != nil {
				t.Errorf("%s: %v", typ, err)
				continue
			}
			if got := c.Text(i); got != want {
				t.Errorf("%s: %q came back as %q", typ, want, got)
			}
		}
	}
	for typ, bad := range map[string]string{
		"bool": "yes!", "int32": "2147483648", "int64": "1.0", "float64": "one", "date": "30.6.2001",
		"timestamp": "noon", "bytes": "%", "list<int64>": "[1]",
	} {
		c := columnOf(t, typ)
		if err := c.AppendText(bad); !errors.Is(err, feature.ErrInvalid) || c.Len() != 0 {
			t.Errorf("%s: AppendText(%q) = %v with %d values, want ErrInvalid and none", typ, bad, err, c.Len())
		}
	}
}

func TestAColumnThatIsResetHasMemoryForItsNulls(t *testing.T) {
	c := feature.NewColumn(feature.Scalar(feature.Int64), 3)
	fill := func() {
		c.Reset()
		c.AppendInt64(1)
		c.AppendNull()
		c.AppendInt64(2)
	}
	fill()
	if took := testing.AllocsPerRun(100, fill); took != 0 {
		t.Errorf("%v allocations", took)
	}
	if got := fmt.Sprint(c.Any(0), c.Any(1), c.Any(2)); got != "1 <nil> 2" {
		t.Error(got)
	}
	if c.Reset(); c.Valid != nil {
		t.Error("an empty column tells of nulls")
	}
	c.AppendInt64(3)
	if c.Valid != nil || c.IsNull(0) {
		t.Error("a value is null, as the one before it was")
	}
	c.MakeValid(0)
	if want := []bool{true}; !slices.Equal(c.Valid, want) {
		t.Errorf("got %v, want %v", c.Valid, want)
	}
}
