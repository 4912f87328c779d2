package serving_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/serving"
)

// windowed is a view of one column and some windows over it, and derived features of these.
// Its TTL is an hour, its clock at now.
func windowed(t *testing.T) (*feature.ViewVersion, *feature.Storage) {
	t.Helper()
	aggregate := func(name string, f feature.Function, result feature.Type, length feature.Duration, set func(*feature.Aggregate)) feature.Field {
		w, err := feature.NewWindow(length, 0, f.IsSketch())
		if err != nil {
			t.Fatal(err)
		}
		a := &feature.Aggregate{Function: f, Column: "amount", Input: feature.Scalar(feature.Float64), Window: w}
		if set != nil {
			set(a)
		}
		return feature.Field{Name: name, Type: result, Aggregate: a}
	}
	float, count := feature.Scalar(feature.Float64), feature.Scalar(feature.Int64)
	none := "0"
	amount := field("amount", feature.Float64)
	amount.Column = "amount"
	v, s := view("spend", 1, []feature.JoinKey{key("customer", feature.Int64)}, feature.Rule{TTL: feature.Hour},
		amount,
		aggregate("count_1d", feature.Count, count, feature.Day, nil),
		aggregate("ever", feature.Count, count, 0, nil),
		aggregate("last_2", feature.LastN, feature.ListOf(feature.Float64, 0), feature.Day, func(a *feature.Aggregate) { a.N = 2 }),
		aggregate("max_1d", feature.Max, float, feature.Day, nil),
		aggregate("sum_1d", feature.Sum, float, feature.Day, func(a *feature.Aggregate) { a.Default = &none }),
	)
	v.Features = append(append([]feature.Field{}, v.Features...),
		feature.Field{Name: "share", Type: float, Expression: "amount / sum_1d"},
		feature.Field{Name: "mean", Type: float, Expression: "sum_1d / double(count_1d)"},
	)
	return v, s
}

// event is a row of a key.
type event struct {
	at     feature.Time
	amount float64
}

// materialize stores what a run to a time makes of a key's events.
func (m *memory) materialize(t testing.TB, s *feature.Storage, customer int64, to feature.Time, events ...event) {
	t.Helper()
	layout, err := online.NewLayout(s)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := tiles.NewPlan(s.Features, s.Rule)
	if err != nil {
		t.Fatal(err)
	}
	builder := plan.NewBuilder(to)
	builder.Reset(true)
	latest := events[0]
	for _, e := range events {
		builder.Add(feature.Stamp{Event: e.at}, []*feature.Column{column(t, feature.Scalar(feature.Float64), e.amount)}, 0)
		if e.at > latest.at {
			latest = e
		}
	}
	b := &feature.Batch{
		Rows: 1, Event: []feature.Time{latest.at}, Keys: []*feature.Column{column(t, feature.Scalar(feature.Int64), customer)},
		Features: make([]*feature.Column, len(s.Features)), Tiles: feature.NewColumn(feature.Scalar(feature.Bytes), 1),
	}
	if s.Features[0].Aggregate == nil {
		b.Features[0] = column(t, feature.Scalar(feature.Float64), latest.amount)
	}
	b.Tiles.AppendBytes(builder.Append(nil))
	value, _, err := layout.Merge(nil, nil, b, 0, feature.Origin{Run: 1, To: to, Known: feature.MinTime})
	if err != nil {
		t.Fatal(err)
	}
	m.set(func() { m.values[string(layout.AppendKey(nil, b.Keys, 0))] = value })
}

func TestWindowsAreAnsweredAsOfNow(t *testing.T) {
	v, s := windowed(t)
	m := newMemory()
	m.marks[1] = feature.Watermark{Known: true, Time: now, Run: 1, Since: 1}
	m.materialize(t, s, 1, now, event{now.Add(-30 * feature.Minute), 10}, event{now.Add(-2 * feature.Hour), 30}, event{now.Add(-30 * feature.Hour), 500})
	m.materialize(t, s, 2, now, event{now.Add(-3 * feature.Day), 7})
	clock := now
	opts := options()
	opts.Clock = func() feature.Time { return clock }
	h := newHandler(t, &catalog{services: map[string]*feature.Selection{
		"s": selection("s@1", feature.Use{View: v, Alias: "spend", Keys: []string{"customer"}, Active: s}),
	}}, m, opts)
	request := &serving.Request{
		Service: "s", EventTimestamps: true,
		Keys: map[string]*feature.Column{"customer": column(t, feature.Scalar(feature.Int64), int64(1), int64(2), int64(3), nil)},
	}
	// Columns outlive the TTL, windows do not know of it; customer 3 has no events.
	check := func(what string, want map[string][]string) {
		t.Helper()
		r := get(t, h, request)
		for i := range r.Features {
			f := &r.Features[i]
			if diff := cmp.Diff(want[f.Name], show(f)); diff != "" {
				t.Errorf("%s: %s: -want +got:\n%s", what, f.Name, diff)
			}
		}
	}
	check("now", map[string][]string{
		"spend__amount":   {"10/PRESENT", "null/OUTSIDE_MAX_AGE", "null/NOT_FOUND", "null/NOT_FOUND"},
		"spend__count_1d": {"2/PRESENT", "0/PRESENT", "0/NOT_FOUND", "null/NOT_FOUND"},
		"spend__ever":     {"3/PRESENT", "1/PRESENT", "0/NOT_FOUND", "null/NOT_FOUND"},
		"spend__last_2":   {"[10, 30]/PRESENT", "null/NULL", "null/NOT_FOUND", "null/NOT_FOUND"},
		"spend__max_1d":   {"30/PRESENT", "null/NULL", "null/NOT_FOUND", "null/NOT_FOUND"},
		"spend__sum_1d":   {"40/PRESENT", "0/PRESENT", "0/NOT_FOUND", "null/NOT_FOUND"},
		"spend__share":    {"0.25/PRESENT", "null/OUTSIDE_MAX_AGE", "null/NOT_FOUND", "null/NOT_FOUND"},
		"spend__mean":     {"20/PRESENT", "NaN/PRESENT", "NaN/PRESENT", "null/NOT_FOUND"},
	})
	clock = now.Add(23 * feature.Hour) // no run since: the event of two hours before has left the window
	check("a day later", map[string][]string{
		"spend__amount":   {"null/OUTSIDE_MAX_AGE", "null/OUTSIDE_MAX_AGE", "null/NOT_FOUND", "null/NOT_FOUND"},
		"spend__count_1d": {"1/PRESENT", "0/PRESENT", "0/NOT_FOUND", "null/NOT_FOUND"},
		"spend__ever":     {"3/PRESENT", "1/PRESENT", "0/NOT_FOUND", "null/NOT_FOUND"},
		"spend__last_2":   {"[10]/PRESENT", "null/NULL", "null/NOT_FOUND", "null/NOT_FOUND"},
		"spend__max_1d":   {"10/PRESENT", "null/NULL", "null/NOT_FOUND", "null/NOT_FOUND"},
		"spend__sum_1d":   {"10/PRESENT", "0/PRESENT", "0/NOT_FOUND", "null/NOT_FOUND"},
		"spend__share":    {"null/OUTSIDE_MAX_AGE", "null/OUTSIDE_MAX_AGE", "null/NOT_FOUND", "null/NOT_FOUND"},
		"spend__mean":     {"10/PRESENT", "NaN/PRESENT", "NaN/PRESENT", "null/NOT_FOUND"},
	})
	m.set(func() { m.get = func(context.Context, [][]byte) error { return feature.ErrUnavailable } })
	r := get(t, h, request)
	for i := range r.Features {
		if f := &r.Features[i]; show(f)[0] != "null/UNAVAILABLE" || show(f)[2] != "null/UNAVAILABLE" {
			t.Errorf("the store is down: %s: %s", f.Name, show(f))
		}
	}
}

// A count of 0 is said of a key only where its absence proves that there is nothing.
func TestAnAbsentKeyIsNoEmptyWindowWhileAStoreIsFilled(t *testing.T) {
	v, s := windowed(t)
	m := newMemory()
	m.marks[1] = feature.Watermark{Known: true, Time: feature.MinTime, Run: 1, Since: 1}
	h := newHandler(t, &catalog{services: map[string]*feature.Selection{
		"s": selection("s@1", feature.Use{View: v, Alias: "spend", Keys: []string{"customer"}, Active: s}),
	}}, m, options())
	r := get(t, h, &serving.Request{Service: "s", Keys: map[string]*feature.Column{"customer": column(t, feature.Scalar(feature.Int64), int64(3))}})
	for i := range r.Features {
		if f := &r.Features[i]; show(f)[0] != "null/UNAVAILABLE" {
			t.Errorf("%s: %s", f.Name, show(f))
		}
	}
}

// A view that has windows alone has no row, and no event of it.
func TestAViewOfWindowsAlone(t *testing.T) {
	v, s := windowed(t)
	v.Features, s.Features = v.Features[1:6], s.Features[1:6]
	m := newMemory()
	m.marks[1] = feature.Watermark{Known: true, Time: now, Run: 1, Since: 1}
	m.materialize(t, s, 1, now, event{now.Add(-2 * feature.Hour), 4})
	h := newHandler(t, &catalog{services: map[string]*feature.Selection{
		"s": selection("s@1", feature.Use{View: v, Alias: "spend", Keys: []string{"customer"}, Active: s}),
	}}, m, options())
	r := get(t, h, &serving.Request{
		Service: "s", Keys: map[string]*feature.Column{"customer": column(t, feature.Scalar(feature.Int64), int64(1), int64(2))},
		EventTimestamps: true, Matrix: serving.NoMatrix,
	})
	want := []string{"1/PRESENT 0/NOT_FOUND", "1/PRESENT 0/NOT_FOUND", "[4]/PRESENT null/NOT_FOUND", "4/PRESENT null/NOT_FOUND", "4/PRESENT 0/NOT_FOUND"}
	for i := range r.Features {
		cells := show(&r.Features[i])
		if got := cells[0] + " " + cells[1]; got != want[i] {
			t.Errorf("%s: got %s, want %s", r.Features[i].Name, got, want[i])
		}
	}
	if _, has := r.Views[0].Event(0); has || r.Views[0].Events != nil {
		t.Errorf("events %v of a view without rows", r.Views[0].Events)
	}
}

// deadline is a context whose deadline passes when a test says so.
type deadline struct {
	context.Context //nolint:containedctx // it is one
	passed          bool
}

func (d *deadline) Err() error {
	if d.passed {
		return context.DeadlineExceeded
	}
	return nil
}

// Rows of many tiles may take longer than anybody waits for them.
func TestAnAnswerThatNobodyWaitsForIsNotMade(t *testing.T) {
	v, s := windowed(t)
	m := newMemory()
	m.marks[1] = feature.Watermark{Known: true, Time: now, Run: 1, Since: 1}
	m.materialize(t, s, 1, now, event{now.Add(-feature.Hour), 10})
	h := newHandler(t, &catalog{services: map[string]*feature.Selection{
		"s": selection("s@1", feature.Use{View: v, Alias: "spend", Keys: []string{"customer"}, Active: s}),
	}}, m, options())
	customers := make([]any, 100)
	for i := range customers {
		customers[i] = int64(1)
	}
	request := &serving.Request{Service: "s", Keys: map[string]*feature.Column{"customer": column(t, feature.Scalar(feature.Int64), customers...)}}
	ctx, cancel := context.WithCancel(t.Context())
	m.set(func() { m.get = func(context.Context, [][]byte) error { cancel(); return nil } })
	r, err := h.Get(ctx, request)
	if r != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got an answer: %t, error %v, want the context's", r != nil, err)
	}
	// Where the time was too short, what would take less of it is said.
	clock := &deadline{Context: t.Context()}
	m.set(func() { m.get = func(context.Context, [][]byte) error { clock.passed = true; return nil } })
	_, err = h.Get(clock, request)
	const want = "serving: the time of the request ended while the windows of view spend@1 were merged, for 64 of 100 rows: ask for fewer rows, " +
		"fewer or smaller sketches (count_distinct, quantile, top_k) in the view, or give it more time (default_timeout, where the client sends no deadline): context deadline exceeded"
	if !errors.Is(err, context.DeadlineExceeded) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
