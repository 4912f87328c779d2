package tiles_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
)

func over(name string, f feature.Function, input feature.Type, length, granularity feature.Duration) feature.Field {
	a := &feature.Aggregate{Function: f, Input: input, Window: feature.Window{Length: length, Granularity: granularity}}
	if !input.IsZero() {
		a.Column = "c"
	}
	if f == feature.LastN || f == feature.TopK {
		a.N = 2
	}
	if f == feature.Quantile {
		a.Q = 0.5
	}
	of, _ := f.Of(input)
	return feature.Field{Name: name, Type: of, Aggregate: a}
}

func newPlan(t testing.TB, fields ...feature.Field) *tiles.Plan {
	t.Helper()
	p, err := tiles.NewPlan(fields, feature.Rule{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// patchOf makes a patch of events at times, with values where the plan has a column.
// touched nil: whole.
func patchOf(p *tiles.Plan, touched [][]int64, times []feature.Time, values *feature.Column) []byte {
	b := p.NewBuilder(feature.MinTime) // all tiles are of use
	b.Reset(touched == nil)
	for g, list := range touched {
		b.Touch(g, list)
	}
	for row, e := range times {
		b.Add(feature.Stamp{Event: e}, []*feature.Column{values}, row)
	}
	return b.Append(nil)
}

func merge(t testing.TB, p *tiles.Plan, old, patch []byte, to, known feature.Time) []byte {
	t.Helper()
	section, err := p.Merge(nil, old, patch, to, known)
	if err != nil {
		t.Fatal(err)
	}
	return section
}

// answer gives the values at t, boxed.
func answer(t testing.TB, p *tiles.Plan, fields []feature.Field, section []byte, at feature.Time) []any {
	t.Helper()
	into := make([]*feature.Column, len(fields))
	for i := range fields {
		into[i] = feature.NewColumn(fields[i].Type, 1)
	}
	if err := p.NewReader().Answer(section, at, into); err != nil {
		t.Fatal(err)
	}
	var all []any
	for _, c := range into {
		all = append(all, c.Any(0))
	}
	return all
}

func ints(values ...int64) *feature.Column {
	return &feature.Column{Type: feature.Scalar(feature.Int64), Int64s: values}
}

// Tiles of 5us are (0, 5], (5, 10], …: 0, 1, ….
func TestWhatNoWindowReachesIsDroppedButForOneTile(t *testing.T) {
	fields := []feature.Field{over("n", feature.Count, feature.Type{}, 10, 5)}
	p := newPlan(t, fields...)
	whole := patchOf(p, nil, []feature.Time{1, 6, 11, 16, 21, 26}, nil)
	// At 30 the window is (20, 30]: tiles 4 and 5, and 3 is to spare.
	section := merge(t, p, nil, whole, 30, feature.MinTime)
	for at, want := range map[feature.Time]int64{30: 2, 34: 2, 35: 1, 39: 1, 40: 0, 1_000_000: 0, 29: 3, 25: 3, 24: 3, 20: 3} {
		if got := answer(t, p, fields, section, at); got[0] != want {
			t.Errorf("at %d: got %v, expected %d", at, got, want)
		}
	}
	if e, err := p.Expires(section); err != nil || e != 40 {
		t.Errorf("got expiry %d, %v; the newest tile ends at 30 and leaves a window of 10 at 40", e, err)
	}
	none := make([][]int64, 1)
	// One tile, number 5 (zigzag 10); one byte of counts, 1.
	if spare := merge(t, p, section, patchOf(p, none, nil, nil), 44, 30); hex.EncodeToString(spare) != "010a"+"0101"+"00" {
		t.Errorf("at 44 tile 5 is the spare one: got %x", spare)
	}
	empty := merge(t, p, section, patchOf(p, none, nil, nil), 45, 30)
	if e, err := p.Expires(empty); err != nil || e != feature.MinTime || hex.EncodeToString(empty) != "0000" {
		t.Errorf("at 45 nothing is left: got %x, which expires at %d, %v", empty, e, err)
	}
}

func TestATileThatWasFoldedIsNotBroughtAgain(t *testing.T) {
	fields := []feature.Field{over("n", feature.Count, feature.Type{}, 0, 10)}
	p := newPlan(t, fields...)
	times := []feature.Time{-25, 1, 11, 12, 21, 31}
	// A first run folds what ends well before its own target: 35 is in tile 3, so that
	// tiles before 2 go.
	section := merge(t, p, nil, patchOf(p, nil, times, nil), 35, feature.MinTime)
	// Of all time with a base that ends at tile 2: four events; then tiles 3 and 2.
	if want := "01" + "04" + "0104" + "02" + "0600" + "02" + "0101" + "00"; hex.EncodeToString(section) != want {
		t.Errorf("got %x, expected %s", section, want)
	}
	if e, err := p.Expires(section); err != nil || e != feature.MaxTime {
		t.Errorf("got expiry %d, %v: all time never ends", e, err)
	}
	touch := func(tile int64, times ...feature.Time) []byte { return patchOf(p, [][]int64{{tile}}, times, nil) }
	if _, err := p.Merge(nil, section, touch(1, 11, 12, 13), 40, 20); !errors.Is(err, feature.ErrConflict) {
		t.Errorf("got error %v, expected a conflict", err)
	}
	if _, err := p.Merge(nil, section, touch(-3), 40, 20); !errors.Is(err, feature.ErrConflict) {
		t.Errorf("got error %v, expected a conflict for a tile that turned out empty", err)
	}
	section = merge(t, p, section, touch(2, 21, 22), 45, 35)
	if got := answer(t, p, fields, section, 45); got[0] != int64(7) {
		t.Errorf("got %v, expected 7", got)
	}
	// What an earlier run may still bring is not folded: known is 20, in tile 1.
	early := merge(t, p, nil, patchOf(p, nil, times, nil), 35, 20)
	if got := answer(t, p, fields, merge(t, p, early, touch(0), 40, 20), 40); got[0] != int64(5) {
		t.Errorf("got %v, expected 5", got)
	}
	whole := merge(t, p, section, patchOf(p, nil, []feature.Time{1}, nil), 60, 45)
	if got := answer(t, p, fields, whole, 60); got[0] != int64(1) {
		t.Errorf("got %v, expected 1: a whole patch replaces the base", got)
	}
}

func TestTheMostFrequentValuesOfATileAreSealed(t *testing.T) {
	one, ten := over("one", feature.TopK, feature.Scalar(feature.Int64), 20, 10), over("ten", feature.TopK, feature.Scalar(feature.Int64), 20, 10)
	one.Aggregate.N, ten.Aggregate.N = 1, 10
	fields := []feature.Field{one, ten}
	p := newPlan(t, fields...)
	// Tile 0 has 0 to 39 twice each and -1 once; tile 1 has -1 twice, and 39 twice. Of equal
	// counts the lesser stay: of 32 that is 0 to 31, of 40 0 to 39, and never -1.
	var times []feature.Time
	var values []int64
	add := func(e feature.Time, v int64) { times, values = append(times, e), append(values, v) }
	for v := range int64(40) {
		add(5, v)
		add(6, v)
	}
	add(7, -1)
	for range 2 {
		add(15, -1)
		add(15, 39)
	}
	add(16, -1)
	section := merge(t, p, nil, patchOf(p, nil, times, ints(values...)), 20, feature.MinTime)
	got := answer(t, p, fields, section, 20)
	// By 32 a tile -1 has 3 and 39 has 2; by 40 39 has 4.
	want := []any{[]any{int64(-1)}, []any{int64(39), int64(-1), int64(0), int64(1), int64(2), int64(3), int64(4), int64(5), int64(6), int64(7)}}
	if !slices.EqualFunc(got, want, same) {
		t.Errorf("got %v, expected %v", got, want)
	}
}

func TestEmptyWindowsHaveTheirValues(t *testing.T) {
	num := feature.Scalar(feature.Float64)
	fields := []feature.Field{
		over("a", feature.Count, feature.Type{}, 10, 5), over("b", feature.CountDistinct, num, 10, 5),
		over("c", feature.Sum, num, 10, 5), over("d", feature.LastN, num, 10, 5), over("e", feature.Mean, num, 0, 5),
	}
	text := "0.5"
	fields[4].Aggregate.Default = &text
	p := newPlan(t, fields...)
	into := make([]*feature.Column, len(fields))
	for i := range fields {
		if i != 2 {
			into[i] = feature.NewColumn(fields[i].Type, 1)
		}
	}
	p.NewReader().Empty(into)
	section := merge(t, p, nil, patchOf(p, nil, nil, nil), 20, feature.MinTime)
	for i, v := range answer(t, p, fields, section, 20) {
		want := []any{int64(0), int64(0), nil, nil, 0.5}[i]
		if !same(v, want) || i != 2 && !same(into[i].Any(0), want) {
			t.Errorf("%s: got %v of a section, expected %v", fields[i].Name, v, want)
		}
	}
}

func TestWhatIsKeptOnceIsSharedByFeatures(t *testing.T) {
	num := feature.Scalar(feature.Float64)
	var fields []feature.Field
	for i, f := range []feature.Function{feature.Count, feature.Sum, feature.Mean, feature.Variance} {
		fields = append(fields, over(fmt.Sprint("f", i), f, num, 10, 5), over(fmt.Sprint("g", i), f, num, 20, 5))
	}
	p, moments := newPlan(t, fields...), newPlan(t, fields[6])
	if got, want := len(p.Groups()), 1; got != want {
		t.Errorf("got %d groups, expected %d", got, want)
	}
	events := []feature.Time{1, 2, 3, 11}
	values := &feature.Column{Type: num, Float64s: []float64{1, 2, 4, 8}}
	got, want := patchOf(p, nil, events, values), patchOf(moments, nil, events, values)
	if !slices.Equal(got, want) {
		t.Errorf("got %x, expected what the variance alone keeps, %x", got, want)
	}
}

func TestGroupsSayWhatReaches(t *testing.T) {
	num := feature.Scalar(feature.Int64)
	p := newPlan(t, over("a", feature.Count, feature.Type{}, 10, 5), over("b", feature.Sum, num, 40, 5), over("c", feature.Sum, num, 30, 10),
		over("d", feature.Last, num, 30, 15), over("e", feature.LastN, num, 20, 20), over("f", feature.Max, num, 0, 50))
	// A window of 20 in steps of 20 goes back 39, at the most, which in steps of 15 is 45.
	want := []tiles.Group{{Granularity: 5, Reach: 40}, {Granularity: 10, Reach: 30}, {Granularity: 15, Reach: 45}, {Granularity: 50}}
	if got := p.Groups(); !slices.Equal(got, want) {
		t.Errorf("got %v, expected %v", got, want)
	}
	if got := p.Columns(); !slices.Equal(got, []tiles.Column{{Name: "c", Type: num}}) {
		t.Errorf("got columns %v", got)
	}
}

// A sketch takes more than all else of a tile: what other windows of its granularity reach
// is no reason to keep it longer than its own do.
func TestSketchesAreKeptForTheirOwnWindowsAlone(t *testing.T) {
	num := feature.Scalar(feature.Int64)
	sketch, more := over("a", feature.CountDistinct, num, 10, 5), over("b", feature.CountDistinct, num, 20, 5)
	long, other := over("c", feature.Count, feature.Type{}, 1000, 5), over("d", feature.Quantile, num, 20, 5)
	for _, c := range []struct {
		fields []feature.Field
		want   []tiles.Group
	}{
		{[]feature.Field{sketch, long}, []tiles.Group{{Granularity: 5, Reach: 1000}, {Granularity: 5, Reach: 10}}},
		{[]feature.Field{long, more, sketch, other}, []tiles.Group{{Granularity: 5, Reach: 1000}, {Granularity: 5, Reach: 20}}},
		{[]feature.Field{sketch, more, other, over("e", feature.Sum, num, 20, 5)}, []tiles.Group{{Granularity: 5, Reach: 20}}},
	} {
		if got := newPlan(t, c.fields...).Groups(); !slices.Equal(got, c.want) {
			t.Errorf("%d features: got %v, expected %v", len(c.fields), got, c.want)
		}
	}
	alone, beside := newPlan(t, sketch).Size(), newPlan(t, sketch, long).Size()
	// 200 tiles and one to spare, of a count of at most 7 bytes, and their numbers.
	if most := alone.Worst + 202*(7+1) + 100; beside.Worst > most {
		t.Errorf("a sketch takes %d bytes, and %d beside a longer count: expected at most %d", alone.Worst, beside.Worst, most)
	}
}

func TestAPlanRefusesWhatCantBeKept(t *testing.T) {
	num, text := feature.Scalar(feature.Int64), feature.Scalar(feature.String)
	change := func(f feature.Field, change func(a *feature.Aggregate)) feature.Field { change(f.Aggregate); return f }
	for message, f := range map[string]feature.Field{
		"give it a window":              over("x", feature.TopK, text, 0, 10),
		"over numbers":                  over("x", feature.Sum, text, 10, 10),
		"steps that divide":             over("x", feature.Sum, num, 10, 3),
		"expected 1 to 1000":            change(over("x", feature.LastN, num, 10, 5), func(a *feature.Aggregate) { a.N = 0 }),
		"expected 1 to 100:":            change(over("x", feature.TopK, num, 10, 5), func(a *feature.Aggregate) { a.N = 101 }),
		"between 0 and 1":               change(over("x", feature.Quantile, num, 10, 5), func(a *feature.Aggregate) { a.Q = 1 }),
		"expected both or neither":      change(over("x", feature.Max, num, 10, 5), func(a *feature.Aggregate) { a.Column = "" }),
		"gives int64, not string":       {Name: "x", Type: text, Aggregate: over("x", feature.Max, num, 10, 5).Aggregate},
		"default: \"no\" is no int64":   change(over("x", feature.Max, num, 10, 5), func(a *feature.Aggregate) { no := "no"; a.Default = &no }),
		"expected steps that divide it": change(over("x", feature.Max, num, 10, 5), func(a *feature.Aggregate) { a.Window.Granularity = 0 }),
	} {
		_, err := tiles.NewPlan([]feature.Field{f}, feature.Rule{})
		if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), message) || !strings.Contains(err.Error(), "feature x: ") {
			t.Errorf("%q: got error %v", message, err)
		}
	}
}

func TestBytesAreThoseOfAFullKey(t *testing.T) {
	num := feature.Scalar(feature.Float64)
	var fields []feature.Field
	for i, f := range []feature.Function{feature.Count, feature.Sum, feature.Min, feature.Max, feature.Stddev, feature.LastN} {
		fields = append(fields, over(fmt.Sprint("f", i), f, num, 1000, 10))
	}
	p := newPlan(t, fields...)
	var times []feature.Time
	values := feature.NewColumn(num, 0)
	for e := range feature.Time(1011) {
		times = append(times, e+1)
		values.AppendFloat64(1 / float64(e+3))
	}
	section := merge(t, p, nil, patchOf(p, nil, times, values), 1011, feature.MinTime)
	size := p.Size()
	if n := len(section); n > size.Usual || n < size.Usual/3 || size.Worst < size.Usual {
		t.Errorf("a full section has %d bytes, and %+v were foretold", n, size)
	}
}
