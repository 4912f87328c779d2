package serving_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	gostrings "strings"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online/serving"
)

// flights is a service of one view in two roles, one with a composite key and a
// global one: delay per airport (as origin and dest), delay per route, and fuel.
func flights(t testing.TB) (*catalog, *memory) {
	t.Helper()
	m := newMemory()
	airport, airportStore := view("airports", 1, []feature.JoinKey{key("airport", feature.String)}, feature.Rule{},
		field("busy", feature.Bool), field("delay", feature.Int64))
	route, routeStore := view("routes", 2, []feature.JoinKey{key("origin", feature.String), key("destination", feature.String)}, feature.Rule{},
		field("share", feature.Float32))
	fuel, fuelStore := view("fuel", 3, nil, feature.Rule{}, field("price", feature.Float64))
	for storage := range uint64(3) {
		m.marks[storage+1] = fresh
	}
	m.put(t, airportStore, now, []any{"SFO"}, []any{true, int64(7)})
	m.put(t, airportStore, now-1, []any{"LAX"}, []any{false, int64(-8)})
	m.put(t, routeStore, now-2, []any{"SFO", "LAX"}, []any{float32(0.25)})
	m.put(t, fuelStore, now-3, nil, []any{1.5})
	s := selection("delay_model@3",
		feature.Use{View: airport, Alias: "origin", Keys: []string{"origin"}, Active: airportStore},
		feature.Use{View: airport, Alias: "dest", Keys: []string{"destination"}, Active: airportStore},
		feature.Use{View: route, Alias: "routes", Keys: []string{"origin", "destination"}, Active: routeStore},
		feature.Use{View: fuel, Alias: "fuel", Active: fuelStore})
	names := &feature.Selection{Service: "names@1", Uses: []feature.Use{{View: fuel, Alias: "fuel"}}, Outputs: s.Outputs[:0:0]}
	names.Outputs = append(names.Outputs, feature.Output{Name: "fuel__price"})
	onlyFuel := selection("", feature.Use{View: fuel, Alias: "fuel", Active: fuelStore})
	return &catalog{
		services: map[string]*feature.Selection{"delay_model": s, "delay_model@3": s, "offline_only": names},
		list: func(refs []feature.Reference) (*feature.Selection, error) {
			for _, ref := range refs {
				if ref.View != "fuel" {
					return nil, fmt.Errorf("no view is called %s: did you mean fuel? %w", ref.View, feature.ErrNotFound)
				}
			}
			return onlyFuel, nil
		},
	}, m
}

func keys(origins, destinations []string) map[string]*feature.Column {
	return map[string]*feature.Column{"origin": strings(origins...), "destination": strings(destinations...)}
}

func TestOneViewInTwoRolesACompositeKeyAndAGlobalView(t *testing.T) {
	c, m := flights(t)
	h := newHandler(t, c, m, options())
	m.gets, m.asked = 0, 0
	r := get(t, h, &serving.Request{Service: "delay_model@3", Keys: keys([]string{"SFO", "LAX", "SFO"}, []string{"LAX", "SFO", "XXX"}), EventTimestamps: true})
	got := map[string][]string{}
	for i := range r.Features {
		got[r.Features[i].Name] = show(&r.Features[i])
	}
	want := map[string][]string{
		"origin__busy":  {"true/PRESENT", "false/PRESENT", "true/PRESENT"},
		"origin__delay": {"7/PRESENT", "-8/PRESENT", "7/PRESENT"},
		"dest__busy":    {"false/PRESENT", "true/PRESENT", "null/NOT_FOUND"},
		"dest__delay":   {"-8/PRESENT", "7/PRESENT", "null/NOT_FOUND"},
		"routes__share": {"0.25/PRESENT", "null/NOT_FOUND", "null/NOT_FOUND"},
		"fuel__price":   {"1.5/PRESENT", "1.5/PRESENT", "1.5/PRESENT"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if r.Service != "delay_model@3" || r.Revision != 1 || r.Rows != 3 || r.Time != now {
		t.Errorf("got %s, revision %d, %d rows, at %s", r.Service, r.Revision, r.Rows, r.Time)
	}
	// SFO, LAX and XXX; three routes; fuel.
	if m.gets != 1 || m.asked != 7 {
		t.Errorf("%d reads of %d keys, want 1 of 7", m.gets, m.asked)
	}
	if want := []feature.Time{now - 1, now, 0}; r.Views[1].Alias != "dest" || !slices.Equal(r.Views[1].Events, want) || r.Features[2].View != 1 {
		t.Errorf("view of dest__busy is %d: %+v, want events %v", r.Features[2].View, r.Views[1], want)
	}
}

func TestANullKeyHasNoRowAndOnlyForTheViewsThatUseIt(t *testing.T) {
	c, m := flights(t)
	h := newHandler(t, c, m, options())
	k := keys([]string{"SFO"}, []string{"LAX"})
	k["destination"] = feature.NullColumn(feature.Scalar(feature.String), 1)
	r := get(t, h, &serving.Request{Service: "delay_model", Keys: k})
	var got []string
	for i := range r.Features {
		got = append(got, show(&r.Features[i])...)
	}
	want := []string{"true/PRESENT", "7/PRESENT", "null/NOT_FOUND", "null/NOT_FOUND", "null/NOT_FOUND", "1.5/PRESENT"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNoRowsAreAnsweredWithoutTheStoreAndNoKeysWithOneRow(t *testing.T) {
	c, m := flights(t)
	h := newHandler(t, c, m, options())
	empty := keys(nil, nil)
	empty["origin"] = &feature.Column{} // as a client sends it: without values there is no type
	if r := get(t, h, &serving.Request{Service: "delay_model", Keys: empty, EventTimestamps: true}); r.Rows != 0 || len(r.Features) != 6 || r.Features[0].Values.Len() != 0 || m.gets != 0 {
		t.Errorf("no rows: %d rows, %d features, %d reads", r.Rows, len(r.Features), m.gets)
	}
	r := get(t, h, &serving.Request{Features: []string{"fuel:price"}})
	if got := show(&r.Features[0]); r.Rows != 1 || !slices.Equal(got, []string{"1.5/PRESENT"}) || r.Service != "" {
		t.Errorf("global: %q", got)
	}
}

func TestAMatrixHoldsTheValuesRowByRow(t *testing.T) {
	c, m := flights(t)
	h := newHandler(t, c, m, options())
	request := &serving.Request{Service: "delay_model", Keys: keys([]string{"SFO", "LAX"}, []string{"LAX", "XXX"}), Matrix: serving.Float64Matrix}
	nan := math.NaN()
	want := []float64{1, 7, 0, -8, 0.25, 1.5, 0, -8, nan, nan, nan, 1.5}
	same := func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
	r := get(t, h, request)
	if !slices.EqualFunc(r.Float64s, want, same) || r.Features[0].Values != nil || r.Features[2].Status(1) != feature.StatusNotFound {
		t.Errorf("float64: got %v, want %v", r.Float64s, want)
	}
	request.Matrix = serving.Float32Matrix
	r = get(t, h, request)
	if !slices.EqualFunc(r.Float32s, want, func(a float32, b float64) bool { return same(float64(a), b) }) || r.Float64s != nil {
		t.Errorf("float32: got %v, want %v", r.Float32s, want)
	}
}

func TestBadRequestsNameTheFieldAndWhatWasExpected(t *testing.T) {
	good := func() map[string]*feature.Column { return keys([]string{"SFO"}, []string{"LAX"}) }
	with := func(name string, c *feature.Column) map[string]*feature.Column {
		k := good()
		k[name] = c
		return k
	}
	without := good()
	delete(without, "origin")
	misspelt := good()
	misspelt["orign"] = misspelt["origin"]
	delete(misspelt, "origin")
	for _, c := range []struct {
		name    string
		request serving.Request
		kind    error
		field   string
		says    []string
	}{
		{"nothing asked for", serving.Request{}, feature.ErrInvalid, "service", []string{"no service and no features"}},
		{"both", serving.Request{Service: "a", Features: []string{"b:c"}}, feature.ErrInvalid, "features", []string{"a service and features"}},
		{"unknown service", serving.Request{Service: "delay_modl", Keys: good()}, feature.ErrNotFound, "service", []string{"delay_modl"}},
		{"unknown version", serving.Request{Service: "delay_model@4", Keys: good()}, feature.ErrNotFound, "service", []string{"delay_model@4"}},
		{"not a name", serving.Request{Service: "a b"}, feature.ErrInvalid, "service", []string{`"a b"`}},
		{"a long name", serving.Request{Service: gostrings.Repeat("a", 301)}, feature.ErrTooLarge, "service", []string{"301 bytes"}},
		{"bad reference", serving.Request{Features: []string{"fuel:price", "fuel"}}, feature.ErrInvalid, "features[1]", []string{`"fuel"`, "view:feature"}},
		{"unknown view", serving.Request{Features: []string{"ful:price"}}, feature.ErrNotFound, "features[0]", []string{"did you mean fuel"}},
		{"unknown view behind others", serving.Request{Features: []string{"fuel:price", "fuel:price", "ful:price"}}, feature.ErrNotFound, "features[2]", []string{"did you mean fuel"}},
		{"a long reference", serving.Request{Features: []string{gostrings.Repeat("a", 301)}}, feature.ErrTooLarge, "features[0]", []string{"301 bytes"}},
		{"many references", serving.Request{Features: make([]string, 4)}, feature.ErrTooLarge, "features", []string{"at most 3"}},
		{"not online", serving.Request{Service: "offline_only"}, feature.ErrInvalid, "service", []string{"fuel@1", "online: true"}},
		{"no keys", serving.Request{Service: "delay_model"}, feature.ErrInvalid, "keys.origin", []string{"missing", "origin (string), destination (string)"}},
		{"a key too few", serving.Request{Service: "delay_model", Keys: without}, feature.ErrInvalid, "keys.origin", []string{"missing"}},
		{"a key too many", serving.Request{Service: "delay_model", Keys: with("carrier", strings("AA"))}, feature.ErrInvalid, "keys.carrier", []string{`"carrier"`, "service delay_model@3 needs origin"}},
		{"a misspelt key", serving.Request{Service: "delay_model", Keys: misspelt}, feature.ErrInvalid, "keys.orign", []string{`"orign"`, "did you mean origin?"}},
		{"keys for a global view", serving.Request{Features: []string{"fuel:price"}, Keys: good()}, feature.ErrInvalid, "keys.destination", []string{"no key columns"}},
		{"ragged", serving.Request{Service: "delay_model", Keys: keys([]string{"SFO", "JFK"}, []string{"LAX"})}, feature.ErrInvalid, "keys.destination", []string{"1 values", "keys.origin has 2"}},
		{"wrong type", serving.Request{Service: "delay_model", Keys: with("destination", column(t, feature.Scalar(feature.Int64), int64(1)))}, feature.ErrInvalid, "keys.destination", []string{"int64", "expected string"}},
		{"too many rows", serving.Request{Service: "delay_model", Keys: keys(make([]string, 6), make([]string, 6))}, feature.ErrTooLarge, "keys", []string{"6 rows", "at most 5"}},
		{"too many cells", serving.Request{Service: "delay_model", Keys: keys(make([]string, 5), make([]string, 5))}, feature.ErrTooLarge, "keys", []string{"5 rows of 6 features", "at most 25"}},
		{"inputs", serving.Request{Service: "delay_model", Keys: good(), Inputs: good()}, feature.ErrInvalid, "inputs.destination", []string{"takes no inputs"}},
		{"unknown matrix", serving.Request{Service: "delay_model", Keys: good(), Matrix: 3}, feature.ErrInvalid, "matrix", []string{"3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cat, m := flights(t)
			opts := options()
			opts.MaxRows, opts.MaxCells, opts.MaxFeatures = 5, 25, 3
			h := newHandler(t, cat, m, opts)
			r, err := h.Get(t.Context(), &c.request)
			var bad *serving.FieldError
			if !errors.As(err, &bad) || !errors.Is(err, c.kind) || bad.Field != c.field || r != nil {
				t.Fatalf("got %+v, %#v, want a FieldError of %q that wraps %v", r, err, c.field, c.kind)
			}
			for _, says := range c.says {
				if !gostrings.Contains(err.Error(), says) {
					t.Errorf("the message lacks %q: %s", says, err)
				}
			}
		})
	}
}

func TestLargeValuesInManyRowsAreTooLarge(t *testing.T) {
	list := make([]any, 100)
	for i := range list {
		list[i] = float64(i)
	}
	for typ, value := range map[feature.Type]any{
		feature.Scalar(feature.String):      gostrings.Repeat("x", 800),
		feature.Scalar(feature.Bytes):       bytes.Repeat([]byte("x"), 800),
		{Kind: feature.Float64, List: true}: list,
	} {
		v, s := view("v", 1, []feature.JoinKey{key("id", feature.String)}, feature.Rule{}, field("a_number", feature.Int64), feature.Field{Name: "large", Type: typ})
		m := newMemory()
		m.marks[1] = fresh
		m.put(t, s, now, []any{"a"}, []any{int64(1), value})
		all := selection("all@1", feature.Use{View: v, Alias: "v", Keys: []string{"id"}, Active: s})
		number := &feature.Selection{Service: "number@1", Uses: all.Uses, Outputs: all.Outputs[:1]}
		opts := options()
		opts.MaxBytes = 4000 // four values of more than 800 bytes, not five
		h := newHandler(t, &catalog{services: map[string]*feature.Selection{"all": all, "number": number}}, m, opts)
		ask := func(service string, ids ...string) error {
			_, err := h.Get(t.Context(), &serving.Request{Service: service, Keys: map[string]*feature.Column{"id": strings(ids...)}})
			return err
		}
		if err := ask("all", "a", "a", "b", "a", "a", "b", "b"); err != nil {
			t.Errorf("%s: four values: %v", typ, err)
		}
		err := ask("all", "a", "a", "a", "a", "a")
		if !errors.Is(err, feature.ErrTooLarge) || !gostrings.Contains(err.Error(), "keys: 5 rows of values of ") || !gostrings.Contains(err.Error(), "at most 4000 are allowed: split") {
			t.Errorf("%s: five values: %v", typ, err)
		}
		if err := ask("number", "a", "a", "a", "a", "a"); err != nil {
			t.Errorf("%s: only the number of five rows: %v", typ, err)
		}
	}
}

func TestTextAndTimesCanNotStandInAMatrix(t *testing.T) {
	for _, kind := range []feature.Kind{feature.String, feature.Bytes, feature.Date, feature.Timestamp} {
		v, s := view("v", 1, nil, feature.Rule{}, field("a", feature.Int32), field("b", kind))
		h := newHandler(t, &catalog{services: map[string]*feature.Selection{"s": selection("s@1", feature.Use{View: v, Alias: "v", Active: s})}}, newMemory(), options())
		_, err := h.Get(t.Context(), &serving.Request{Service: "s", Matrix: serving.Float64Matrix})
		if !errors.Is(err, feature.ErrInvalid) || !gostrings.Contains(err.Error(), "v__b ("+kind.String()+")") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestARequestBeforeTheFirstSnapshotIsUnavailable(t *testing.T) {
	c, m := flights(t)
	h, err := serving.New(c, m, options())
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-h.Ready():
		t.Error("ready before the registry was read")
	default:
	}
	if _, err := h.Get(context.Background(), &serving.Request{Service: "delay_model"}); !errors.Is(err, feature.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestOptionsTellAllThatIsWrong(t *testing.T) {
	_, err := serving.New(&catalog{}, newMemory(), serving.Options{MaxRows: -1})
	for _, says := range []string{"Clock", "Log", "Registerer", "MaxRows"} {
		if !errors.Is(err, feature.ErrInvalid) || !gostrings.Contains(err.Error(), says) {
			t.Errorf("lacks %s: %v", says, err)
		}
	}
}
