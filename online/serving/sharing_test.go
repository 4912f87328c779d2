package serving_test

import (
	"bytes"
	"log/slog"
	"testing"

	gostrings "strings"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/serving"
)

// shared is a service of windows, of what the view derives of them and of its row, and of
// what the service derives of an input; and of the view again, by another key.
func shared(t *testing.T, opts serving.Options) *serving.Handler {
	t.Helper()
	v, s := windowed(t)
	derived := func(name string, typ feature.Type, text string) {
		v.Features = append(v.Features, feature.Field{Name: name, Type: typ, Expression: text})
	}
	derived("label", feature.Scalar(feature.String), "string(int(sum_1d)) + '/' + string(count_1d)")
	derived("fails", feature.Scalar(feature.Int64), "100 / int(amount - 10.0)")
	derived("age", feature.Scalar(feature.Float64), "seconds(as_of - event_timestamp)")
	derived("both", feature.ListOf(feature.Float64, 0), "last_2 + [sum_1d]")
	m := newMemory()
	m.marks[1] = feature.Watermark{Known: true, Time: now, Run: 1, Since: 1}
	m.materialize(t, s, 1, now, event{now.Add(-30 * feature.Minute), 10}, event{now.Add(-2 * feature.Hour), 30})
	m.materialize(t, s, 2, now, event{now.Add(-3 * feature.Day), 7})
	m.materialize(t, s, 3, now, event{now.Add(-feature.Minute), 12})
	m.materialize(t, s, 4, now, event{now.Add(-feature.Minute), 1})
	layout, err := online.NewLayout(s)
	if err != nil {
		t.Fatal(err)
	}
	damaged := string(layout.AppendKey(nil, []*feature.Column{column(t, feature.Scalar(feature.Int64), int64(4))}, 0))
	m.set(func() { m.values[damaged] = m.values[damaged][:len(m.values[damaged])-1] })
	sel := selection("s@1",
		feature.Use{View: v, Alias: "spend", Keys: []string{"customer"}, Active: s},
		feature.Use{View: v, Alias: "friend", Keys: []string{"friend"}, Active: s})
	sel.Inputs = []feature.Input{{Name: "n", Type: feature.Scalar(feature.Int64)}}
	sel.Derived = []feature.Field{{Name: "scaled", Type: feature.Scalar(feature.Float64), Expression: "spend.sum_1d * double(n) + friend.sum_1d"}}
	sel.Outputs = append(sel.Outputs, feature.Output{Use: feature.DerivedOutput, Feature: 0, Name: "scaled"})
	return newHandler(t, &catalog{services: map[string]*feature.Selection{"s": sel}}, m, opts)
}

// Rows of one key share what is read, merged and computed; each has what it has alone.
func TestRowsOfOneKeyAreWhatEachIsAlone(t *testing.T) {
	h := shared(t, options())
	integers := func(values ...any) *feature.Column { return column(t, feature.Scalar(feature.Int64), values...) }
	customers := []any{int64(1), int64(1), nil, int64(2), int64(3), int64(1), int64(4), nil, int64(9), int64(4), int64(2), int64(9), int64(1)}
	friends := []any{int64(2), int64(1), int64(1), int64(1), nil, int64(1), int64(3), nil, int64(4), int64(9), int64(1), int64(9), int64(2)}
	ask := func(from, to int) *serving.Response {
		n := feature.NewColumn(feature.Scalar(feature.Int64), 0)
		for row := from; row < to; row++ {
			n.AppendInt64(int64(row))
		}
		return get(t, h, &serving.Request{
			Service: "s", EventTimestamps: true,
			Keys:   map[string]*feature.Column{"customer": integers(customers[from:to]...), "friend": integers(friends[from:to]...)},
			Inputs: map[string]*feature.Column{"n": n},
		})
	}
	all := ask(0, len(customers))
	for row := range customers {
		alone := ask(row, row+1)
		for i := range all.Features {
			if got, want := show(&all.Features[i])[row], show(&alone.Features[i])[0]; got != want {
				t.Errorf("%s, row %d: %s, alone %s", all.Features[i].Name, row, got, want)
			}
		}
		for i := range all.Views {
			got := []any{all.Views[i].Events[row], all.Views[i].Statuses[row]}
			if diff := cmp.Diff([]any{alone.Views[i].Events[0], alone.Views[i].Statuses[0]}, got); diff != "" {
				t.Errorf("%s, row %d: -alone +got:\n%s", all.Views[i].Alias, row, diff)
			}
		}
	}
	want := map[string]string{
		"spend__sum_1d": "40/PRESENT", "spend__label": "40/2/PRESENT", "spend__fails": "null/ERROR", "spend__age": "1800/PRESENT",
		"spend__both": "[10, 30, 40]/PRESENT", "friend__sum_1d": "0/PRESENT", "scaled": "480/PRESENT",
	}
	for i := range all.Features {
		f := &all.Features[i]
		if w, has := want[f.Name]; has && show(f)[12] != w {
			t.Errorf("%s of the last row: %s, want %s", f.Name, show(f)[12], w)
		}
	}
}

// What can't be read is counted each time that it is read, which tells how often, and named.
func TestTheWindowsOfAKeyAreMergedOnceForAllItsRows(t *testing.T) {
	registry, log := prometheus.NewRegistry(), &bytes.Buffer{}
	opts := options()
	opts.Registerer, opts.Log = registry, slog.New(slog.NewTextHandler(log, nil))
	h := shared(t, opts)
	const rows = 1000
	damaged := feature.NewColumn(feature.Scalar(feature.Int64), rows)
	for range rows {
		damaged.AppendInt64(4)
	}
	r := get(t, h, &serving.Request{
		Service: "s", Keys: map[string]*feature.Column{"customer": damaged, "friend": damaged}, Inputs: map[string]*feature.Column{"n": damaged},
	})
	if got := show(&r.Features[0]); got[0] != "null/ERROR" || got[rows-1] != "null/ERROR" {
		t.Errorf("got %s and %s of a value that can't be read", got[0], got[rows-1])
	}
	const twoUses = `
# HELP quiver_serving_damaged_values_total Stored values that could not be decoded.
# TYPE quiver_serving_damaged_values_total counter
quiver_serving_damaged_values_total 2
`
	if err := testutil.GatherAndCompare(registry, gostrings.NewReader(twoUses), "quiver_serving_damaged_values_total"); err != nil {
		t.Error(err)
	}
	if want := `key="spend@1 customer=4" do="quiver materialize --rebuild spend"`; !gostrings.Contains(log.String(), want) {
		t.Errorf("the log does not have %s:\n%s", want, log)
	}
}
