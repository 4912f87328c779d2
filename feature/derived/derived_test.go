package derived_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/derived"
)

// column makes a column of boxed values.
func column(t *testing.T, kind feature.Kind, values ...any) *feature.Column {
	t.Helper()
	c := feature.NewColumn(feature.Scalar(kind), len(values))
	for _, v := range values {
		if err := c.AppendAny(v); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func boxed(c *feature.Column) []any {
	values := make([]any, c.Len())
	for i := range values {
		values[i] = c.Any(i)
	}
	return values
}

func at(t *testing.T, s string) feature.Time {
	t.Helper()
	v, err := feature.ParseTime(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// check compares results with the values and the failed rows that are expected.
func check(t *testing.T, got []derived.Result, values [][]any, failed [][]bool) {
	t.Helper()
	if len(got) != len(values) {
		t.Fatalf("%d results, expected %d", len(got), len(values))
	}
	for i := range got {
		if d := cmp.Diff(values[i], boxed(got[i].Values)); d != "" {
			t.Errorf("result %d: expected -, got +\n%s", i, d)
		}
		var want []bool
		if failed != nil {
			want = failed[i]
		}
		if d := cmp.Diff(want, got[i].Failed); d != "" {
			t.Errorf("result %d, failed rows: expected -, got +\n%s", i, d)
		}
	}
}

func flights() *feature.Table {
	scalar := feature.Scalar
	return &feature.Table{
		Source: "arrivals", Event: "landed_at",
		Columns: []feature.TableColumn{
			{Name: "date", Type: scalar(feature.Timestamp)},
			{Name: "delay", Type: scalar(feature.Int64)},
			{Name: "distance", Type: scalar(feature.Int64)},
			{Name: "origin", Type: scalar(feature.String)},
		},
		Derived: []feature.DerivedColumn{
			{Name: "landed_at", Expression: "date + minutes(30 + distance / 8)", Type: scalar(feature.Timestamp)},
			{Name: "=delay > 15 ? 1.0 : 0.0", Expression: "delay > 15 ? 1.0 : 0.0", Type: scalar(feature.Float64)},
			{Name: "per_mile", Expression: "delay / distance", Type: scalar(feature.Int64)},
			{Name: "slow", Expression: "per_mile > 2", Type: scalar(feature.Bool)},
		},
	}
}

func TestATableGivesWhatIsAskedAndReadsWhatThatNeeds(t *testing.T) {
	p, err := derived.OfTable(flights(), "landed_at", "origin", "=delay > 15 ? 1.0 : 0.0")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"date", "distance", "origin", "delay"}; !slices.Equal(p.Reads, want) {
		t.Fatalf("reads %q, expected %q", p.Reads, want)
	}
	m := p.NewMachine()
	for range 2 { // the memory is used again
		got, err := m.Compute(3, []*feature.Column{
			column(t, feature.Timestamp, at(t, "2001-06-30T10:00"), at(t, "2001-06-30T10:00"), nil),
			column(t, feature.Int64, int64(80), nil, int64(8)),
			column(t, feature.String, "SFO", nil, "JFK"),
			column(t, feature.Int64, int64(16), int64(15), nil),
		})
		if err != nil {
			t.Fatal(err)
		}
		check(t, got, [][]any{
			{at(t, "2001-06-30T10:40"), nil, nil}, // 30 + 80/8 minutes
			{"SFO", nil, "JFK"},
			{1.0, 0.0, nil},
		}, nil)
	}
}

func TestWhatFailsIsNullAndToldByTheColumnThatFailed(t *testing.T) {
	p, err := derived.OfTable(flights(), "slow")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"delay", "distance"}; !slices.Equal(p.Reads, want) {
		t.Fatalf("reads %q, expected %q", p.Reads, want)
	}
	m := p.NewMachine()
	got, err := m.Compute(4, []*feature.Column{
		column(t, feature.Int64, int64(30), int64(20), int64(7), nil),
		column(t, feature.Int64, int64(10), int64(10), int64(0), int64(0)),
	})
	if err != nil {
		t.Fatal(err)
	}
	check(t, got, [][]any{{true, false, nil, nil}}, nil) // slow itself did not fail: it reads a null
	told := map[string][]bool{}
	m.Failures(func(name string, failed []bool) { told[name] = slices.Clone(failed) })
	if d := cmp.Diff(map[string][]bool{"per_mile": {false, false, true, false}}, told); d != "" {
		t.Errorf("failures: expected -, got +\n%s", d)
	}
}

func view() *feature.ViewVersion {
	scalar := feature.Scalar
	return &feature.ViewVersion{
		Meta: feature.Meta{Name: "airport"}, Version: 3,
		Features: []feature.Field{
			{Name: "calm", Type: scalar(feature.Bool), Expression: "!busy && late < 0.5"}, // reads one that stands behind it
			{Name: "busy", Type: scalar(feature.Bool), Expression: "landed > 40"},
			{Name: "landed", Type: scalar(feature.Int64), Aggregate: &feature.Aggregate{Function: feature.Count}},
			{Name: "late", Type: scalar(feature.Float64), Column: "late"},
			{Name: "age_hours", Type: scalar(feature.Float64), Expression: "seconds(as_of - event_timestamp) / 3600.0"},
			{Name: "unasked", Type: scalar(feature.Int64), Column: "unasked"},
		},
	}
}

func TestAViewTellsWhatItNeeds(t *testing.T) {
	for name, c := range map[string]struct {
		asked           []int
		stored, derived []int
		reads           []int
		asOf, event     bool
		needs           []derived.ViewNeeds
	}{
		"nothing derived":                    {asked: []int{5, 3, 5}, stored: []int{5, 3}},
		"what is asked and what is read":     {asked: []int{3, 1}, stored: []int{3, 2}, derived: []int{1}, reads: []int{2}, needs: []derived.ViewNeeds{{Stored: []int{2}}}},
		"by another":                         {asked: []int{0}, stored: []int{2, 3}, derived: []int{0}, reads: []int{2, 3}, needs: []derived.ViewNeeds{{Stored: []int{2, 3}}}},
		"times, and what is asked for twice": {asked: []int{4, 4}, derived: []int{4}, asOf: true, event: true, needs: []derived.ViewNeeds{{Event: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := derived.OfView(view(), c.asked...)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(p.Stored, c.stored) || !slices.Equal(p.Derived, c.derived) || !slices.Equal(p.Reads, c.reads) || p.AsOf != c.asOf || p.Event != c.event {
				t.Errorf("got stored %v, derived %v, reads %v, as_of %v, event %v, expected %+v", p.Stored, p.Derived, p.Reads, p.AsOf, p.Event, c)
			}
			if d := cmp.Diff(c.needs, p.Needs); d != "" {
				t.Errorf("needs: expected -, got +\n%s", d)
			}
		})
	}
}

func TestAViewComputesOfStoredFeaturesAndTimes(t *testing.T) {
	p, err := derived.OfView(view(), 4, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{2, 3}; !slices.Equal(p.Reads, want) {
		t.Fatalf("reads %v, expected %v", p.Reads, want)
	}
	noon := at(t, "2001-06-30T12:00")
	got, err := p.NewMachine().Compute(3,
		[]*feature.Column{column(t, feature.Int64, int64(41), int64(40), nil), column(t, feature.Float64, 0.1, 0.2, 0.9)},
		column(t, feature.Timestamp, noon), // one for all rows
		column(t, feature.Timestamp, noon.Add(-90*feature.Minute), noon, nil))
	if err != nil {
		t.Fatal(err)
	}
	check(t, got, [][]any{{1.5, 0.0, nil}, {false, true, false}, {true, false, nil}}, nil)
}

func selection() *feature.Selection {
	scalar := feature.Scalar
	return &feature.Selection{
		Service: "delay_model@2",
		Uses:    []feature.Use{{View: view(), Alias: "origin"}, {View: view(), Alias: "dest"}},
		Outputs: []feature.Output{
			{Use: feature.DerivedOutput, Feature: 1, Name: "hard"},
			{Use: 1, Feature: 5, Name: "dest__unasked"},
		},
		Inputs: []feature.Input{{Name: "weather", Type: scalar(feature.String)}, {Name: "distance", Type: scalar(feature.Int64)}},
		Derived: []feature.Field{
			{Name: "long_haul", Type: scalar(feature.Bool), Expression: "distance > 1500 && origin.busy"},
			{Name: "hard", Type: scalar(feature.Bool), Expression: "long_haul || dest.late > 0.5"},
		},
	}
}

func TestASelectionPlansFromTheServiceToTheViews(t *testing.T) {
	p, err := derived.OfSelection(selection())
	if err != nil {
		t.Fatal(err)
	}
	s := p.Service
	wantReads := []derived.Place{{Use: 1, Feature: 3}, {Use: 0, Feature: 1}}
	if !slices.Equal(s.Reads, wantReads) || !slices.Equal(s.Inputs, []int{1}) || !slices.Equal(s.Derived, []int{1}) {
		t.Fatalf("the service reads %v and inputs %v for %v", s.Reads, s.Inputs, s.Derived)
	}
	if d := cmp.Diff([]derived.ServiceNeeds{{Reads: []int{0, 1}, Inputs: []int{0}}}, s.Needs); d != "" {
		t.Errorf("needs: expected -, got +\n%s", d)
	}
	if v := p.Views[0]; !slices.Equal(v.Stored, []int{2}) || !slices.Equal(v.Derived, []int{1}) {
		t.Errorf("origin: stored %v, derived %v", v.Stored, v.Derived)
	}
	if v := p.Views[1]; !slices.Equal(v.Stored, []int{5, 3}) || v.Derived != nil {
		t.Errorf("dest: stored %v, derived %v", v.Stored, v.Derived)
	}
	got, err := s.NewMachine().Compute(4, []*feature.Column{
		column(t, feature.Float64, 0.9, 0.1, nil, nil),
		column(t, feature.Bool, nil, true, true, nil),
	}, []*feature.Column{column(t, feature.Int64, int64(1), int64(1501), int64(1501), int64(9999))})
	if err != nil {
		t.Fatal(err)
	}
	check(t, got, [][]any{{true, true, true, nil}}, nil)
}

func TestWhatDoesNotFitIsAnErrorThatNamesIt(t *testing.T) {
	scalar := feature.Scalar
	for name, c := range map[string]struct {
		plan func() error
		says []string
	}{
		"a column that is not there": {func() error {
			_, err := derived.OfTable(flights(), "landed")
			return err
		}, []string{`source arrivals has no column "landed"`}},
		"a name that is not there": {func() error {
			table := flights()
			table.Derived = append(table.Derived, feature.DerivedColumn{Name: "x", Expression: "delay + dist", Type: scalar(feature.Int64)})
			_, err := derived.OfTable(table, "x")
			return err
		}, []string{"source arrivals", "x: ", "1:9", "dist"}},
		"another type": {func() error {
			v := view()
			v.Features[1].Type = scalar(feature.Int64)
			_, err := derived.OfView(v, 1)
			return err
		}, []string{"view airport@3: feature busy", "gives bool, and was int64"}},
		"features that need one another": {func() error {
			v := view()
			v.Features[1].Expression = "landed > 40 && !calm"
			_, err := derived.OfView(v, 0)
			return err
		}, []string{"view airport@3", "calm, busy, calm need one another"}},
		"an input that is not there": {func() error {
			s := selection()
			s.Inputs = nil
			_, err := derived.OfSelection(s)
			return err
		}, []string{"service delay_model@2", "long_haul", "distance"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.plan()
			if !errors.Is(err, feature.ErrInvalid) {
				t.Fatalf("got %v, expected an error that wraps ErrInvalid", err)
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

// The texts of all columns count together, also of those that others only read.
func TestALimitIsThatOfAllColumnsTogether(t *testing.T) {
	scalar := feature.Scalar
	table := &feature.Table{
		Source: "s", Columns: []feature.TableColumn{{Name: "name", Type: scalar(feature.String)}},
		Derived: []feature.DerivedColumn{
			{Name: "twice", Expression: "name + name", Type: scalar(feature.String)},
			{Name: "letters", Expression: "split(twice, '')", Type: feature.ListOf(feature.String, 0)},
			{Name: "n", Expression: "size(letters)", Type: scalar(feature.Int64)},
		},
	}
	p, err := derived.OfTable(table, "n")
	if err != nil {
		t.Fatal(err)
	}
	m, names := p.NewMachine(), column(t, feature.String, "ab", "c", nil)
	const bytes = 6 + 6 + 6*8 // abab and cc; six letters
	for limit, want := range map[int]error{bytes: nil, bytes - 1: feature.ErrTooLarge, 5: feature.ErrTooLarge, 0: feature.ErrTooLarge} {
		m.Limit(limit)
		switch got, err := m.Compute(3, []*feature.Column{names}); {
		case !errors.Is(err, want):
			t.Errorf("within %d bytes: got %v, expected %v", limit, err, want)
		case want == nil:
			check(t, got, [][]any{{int64(4), int64(2), nil}}, nil)
		}
	}
}
