package window_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
	"github.com/quiver-features/quiver/offline/window"
)

// row is a row of a view's source with a value for each input, nil for null.
type row struct {
	key     uint32
	stamp   feature.Stamp
	visible feature.Time
	values  []any
}

func inputTypes() []feature.Type {
	return []feature.Type{
		feature.Scalar(feature.Int64), feature.Scalar(feature.Float64), feature.Scalar(feature.String),
		feature.ListOf(feature.String, 0), feature.Scalar(feature.Bool), feature.Scalar(feature.Float32),
	}
}

// outputsOver gives an output for each function that a type has and that is no single number.
func outputsOver(r *rand.Rand, types []feature.Type, windows int) []window.Output {
	var outputs []window.Output
	for input, t := range types {
		for _, f := range []feature.Function{
			feature.Count, feature.Min, feature.Max, feature.First, feature.Last, feature.LastN, feature.CountDistinct, feature.Quantile, feature.TopK,
		} {
			if _, err := f.Of(t); err == nil {
				outputs = append(outputs, window.Output{Function: f, Input: input, Window: r.IntN(windows), N: 1 + r.IntN(3), Q: pick(r, 0.001, 0.07, 0.5, 0.9, 0.999)})
			}
		}
	}
	return outputs
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func randomValue(r *rand.Rand, t feature.Type, wide bool) any {
	n := int64(r.IntN(5) - 2)
	if wide {
		n = int64(r.IntN(100))
	}
	text := fmt.Sprint("v", n)
	switch {
	case t.List:
		return pick(r, []any{}, []any{nil}, []any{"a", nil}, []any{"a\x00"}, []any{"a", "b"}, []any{text})
	case t.Kind == feature.Int64:
		return pick(r, n, n, n, math.MaxInt64, math.MinInt64)
	case t.Kind == feature.Float64:
		if r.IntN(3) == 0 {
			return randomFloat(r)
		}
		return float64(n) * 1.5
	case t.Kind == feature.Float32:
		return pick(r, float32(n), float32(n), float32(math.NaN()), float32(0.1), float32(math.Inf(-1)), float32(math.Copysign(0, -1)))
	case t.Kind == feature.Bool:
		return n > 0
	default:
		return pick(r, text, text, text, "", "v", "\x00")
	}
}

// coarse gives a value as states keep it: -0 is 0.
func coarse(v any) any {
	if f, ok := v.(float64); ok && f == 0 {
		return 0.0
	}
	if f, ok := v.(float32); ok && f == 0 {
		return float32(0)
	}
	return v
}

// order compares values as the rule orders them: false first, NaN last, lists item by item.
func order(a, b any) int {
	switch x := a.(type) {
	case nil:
		return map[bool]int{true: 0, false: -1}[b == nil]
	case bool:
		return cmp.Compare(map[bool]int{true: 1}[x], map[bool]int{true: 1}[b.(bool)])
	case int64:
		return cmp.Compare(x, b.(int64))
	case float32:
		return order(float64(x), float64(b.(float32)))
	case float64:
		y := b.(float64)
		if math.IsNaN(x) || math.IsNaN(y) {
			return cmp.Compare(map[bool]int{true: 1}[math.IsNaN(x)], map[bool]int{true: 1}[math.IsNaN(y)])
		}
		return cmp.Compare(x, y)
	case string:
		if b == nil {
			return 1
		}
		return bytes.Compare([]byte(x), []byte(b.(string)))
	default:
		return slices.CompareFunc(a.([]any), b.([]any), order)
	}
}

func isNaN(v any) bool { return order(v, v) == 0 && fmt.Sprint(v) == "NaN" }

// wanted computes an output of the rows that a window covers by its definition.
func wanted(o window.Output, w feature.Window, rows []row) any {
	slices.SortFunc(rows, func(a, b row) int {
		if c := a.stamp.Compare(b.stamp); c != 0 {
			return c
		}
		return order(a.values[o.Input], b.values[o.Input])
	})
	var values, numbers []any // numbers lack NaN
	for _, x := range rows {
		v := coarse(x.values[o.Input])
		if values = append(values, v); !isNaN(v) {
			numbers = append(numbers, v)
		}
	}
	sorted := slices.SortedFunc(slices.Values(numbers), order)
	switch {
	case o.Function == feature.Count:
		return int64(len(values))
	case o.Function == feature.CountDistinct:
		return int64(len(slices.CompactFunc(sorted, func(a, b any) bool { return order(a, b) == 0 })))
	case len(values) == 0:
		return nil
	}
	switch o.Function {
	case feature.First:
		return values[0]
	case feature.Last:
		return values[len(values)-1]
	case feature.LastN:
		slices.Reverse(values)
		return values[:min(len(values), o.N)]
	case feature.Min:
		return slices.MinFunc(values, order)
	case feature.Max:
		return slices.MaxFunc(values, order)
	case feature.Quantile:
		if len(sorted) == 0 {
			return nil
		}
		rank := int(math.Ceil(math.Round(o.Q*1000) * float64(len(sorted)) / 1000)) // exact for these
		v := sorted[rank-1]
		if n, ok := v.(int64); ok {
			return float64(n)
		}
		if f, ok := v.(float32); ok {
			return float64(f)
		}
		return v
	}
	return wantedTop(o, w, rows)
}

// wantedTop counts by tiles, keeps the most frequent of each, and adds up.
func wantedTop(o window.Output, w feature.Window, rows []row) any {
	tiles := map[string]map[any]int{}
	for _, x := range rows {
		v := coarse(x.values[o.Input])
		if isNaN(v) {
			continue
		}
		n := new(big.Int).Sub(big.NewInt(int64(x.stamp.Event)), big.NewInt(1))
		tile := n.Div(n, big.NewInt(int64(w.Granularity))).String() // Euclidean: the floor
		if tiles[tile] == nil {
			tiles[tile] = map[any]int{}
		}
		tiles[tile][v]++
	}
	sum := map[any]int{}
	for _, counts := range tiles {
		for _, v := range mostFrequent(counts, max(32, 4*o.N)) {
			sum[v] += counts[v]
		}
	}
	if len(sum) == 0 {
		return nil
	}
	return mostFrequent(sum, o.N)
}

func mostFrequent(counts map[any]int, n int) []any {
	var all []any
	for v := range counts {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b any) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), order(a, b)) })
	return all[:min(n, len(all))]
}

// answers tells whether a result is what is wanted; a quantile within its bound of error.
func answers(o window.Output, got, want any) bool {
	if g, ok := got.(float64); ok && o.Function == feature.Quantile {
		w, ok := want.(float64)
		return ok && (g == w || math.Abs(g-w) <= math.Abs(w)/101*(1+1e-12)+5e-324)
	}
	if (got == nil) != (want == nil) {
		return false
	}
	return got == nil || order(got, want) == 0
}

func TestStatesAreThoseOfTheRule(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 4))
	for round := range 250 {
		rule := feature.Rule{Available: r.IntN(2) == 0, Created: r.IntN(2) == 0, Delay: pick(r, 0, feature.Duration(r.IntN(30)))}
		windows := []feature.Window{{Granularity: feature.Day}, {Granularity: 1, Length: 1}}
		for range 1 + r.IntN(3) {
			g := feature.Duration(1 + r.IntN(12))
			windows = append(windows, feature.Window{Granularity: g, Length: g * feature.Duration(1+r.IntN(12))})
		}
		r.Shuffle(len(windows), func(i, j int) { windows[i], windows[j] = windows[j], windows[i] })
		types := inputTypes()
		spec := &window.Spec{Rule: rule, Windows: windows, Outputs: outputsOver(r, types, len(windows))}
		for _, typ := range types {
			spec.Inputs = append(spec.Inputs, window.Input{Type: typ})
		}
		requests := randomRequests(r)
		rows := make([]row, r.IntN(300))
		wide := r.IntN(2) == 0
		for i := range rows {
			rows[i] = randomRow(r, rule, types, len(requests.Starts)-1, wide)
		}
		got := answered(r, spec, requests, rows)
		for i, o := range spec.Outputs {
			for k := range len(requests.Starts) - 1 {
				for at := requests.Starts[k]; at < requests.Starts[k+1]; at++ {
					var inside []row
					for _, x := range rows {
						if int(x.key) == k && x.values[o.Input] != nil && covers(rule, windows[o.Window], requests.Times[at], &event{time: x.stamp.Event, visible: x.visible}) {
							inside = append(inside, x)
						}
					}
					if g, want := got[i].Any(int(at)), wanted(o, windows[o.Window], inside); !answers(o, g, want) {
						t.Fatalf("round %d, rule %+v, %+v over %+v of %s at %d: got %v, expected %v of %d rows",
							round, rule, o, windows[o.Window], types[o.Input], requests.Times[at], g, want, len(inside))
					}
				}
			}
		}
	}
}

func randomRequests(r *rand.Rand) *window.Requests {
	requests := &window.Requests{Starts: []uint32{0}}
	for range 1 + r.IntN(3) {
		var times []feature.Time
		for range 1 + r.IntN(25) {
			times = append(times, randomTime(r))
		}
		slices.Sort(times)
		requests.Times = append(requests.Times, slices.Compact(times)...)
		requests.Starts = append(requests.Starts, uint32(len(requests.Times)))
	}
	return requests
}

func randomRow(r *rand.Rand, rule feature.Rule, types []feature.Type, keys int, wide bool) row {
	x := row{key: uint32(r.IntN(keys)), stamp: feature.Stamp{Event: randomTime(r)}}
	if rule.Available {
		x.stamp.Available = x.stamp.Event.Add(feature.Duration(r.IntN(60) - 20))
	}
	if rule.Created && r.IntN(3) > 0 {
		x.stamp.Created, x.stamp.HasCreated = feature.Time(r.IntN(3)), true
	}
	x.visible = rule.VisibleFrom(x.stamp.Event, x.stamp.Available)
	for _, t := range types {
		var v any
		if r.IntN(6) > 0 {
			v = randomValue(r, t, wide)
		}
		x.values = append(x.values, v)
	}
	return x
}

// answered gives the outputs of rows in any order and in batches of any size.
func answered(r *rand.Rand, spec *window.Spec, requests *window.Requests, rows []row) []*feature.Column {
	p := spec.New(requests)
	for todo := r.Perm(len(rows)); len(todo) > 0; {
		n := 1 + r.IntN(len(todo))
		addRows(p, spec, rows, todo[:n])
		todo = todo[n:]
	}
	dst := make([]*feature.Column, len(spec.Outputs))
	for i, o := range spec.Outputs {
		t, err := o.Function.Of(spec.Inputs[o.Input].Type)
		if err != nil {
			panic(err)
		}
		dst[i] = feature.NullColumn(t, len(requests.Times))
	}
	for i, own := range p.Results(dst, 0, roomy()).Own {
		if own != nil {
			dst[i] = own
		}
	}
	return dst
}

func addRows(p *window.Part, spec *window.Spec, rows []row, which []int) {
	v := &window.Values{
		Words: make([][]int64, len(spec.Inputs)), Texts: make([]window.Texts, len(spec.Inputs)), Null: make([][]bool, len(spec.Inputs)),
	}
	var keys []uint32
	var events, visible []feature.Time
	for _, i := range which {
		x := &rows[i]
		keys, events, visible = append(keys, x.key), append(events, x.stamp.Event), append(visible, x.visible)
		v.Stamps = append(v.Stamps, x.stamp)
		for k, in := range spec.Inputs {
			v.Null[k] = append(v.Null[k], x.values[k] == nil)
			c := feature.NewColumn(in.Type, 1)
			if err := c.AppendAny(x.values[k]); err != nil {
				panic(err)
			}
			switch word := int64(0); {
			case !aggregate.IsWord(in.Type):
				text := &v.Texts[k]
				from := len(text.Data)
				if x.values[k] != nil {
					text.Data = aggregate.AppendValue(text.Data, c, 0)
				}
				text.Ends = append(text.Ends, window.Ends{From: uint32(from), To: uint32(len(text.Data))})
			default:
				switch value := x.values[k].(type) {
				case int64:
					word = value
				case float64:
					word = int64(math.Float64bits(value))
				case float32:
					word = int64(math.Float64bits(float64(value)))
				case bool:
					word = map[bool]int64{true: 1}[value]
				}
				v.Words[k] = append(v.Words[k], word)
			}
		}
	}
	if !spec.Rule.Available {
		visible = nil
	}
	if !spec.Rule.Available && !spec.Rule.Created {
		v.Stamps = nil
	}
	p.Add(keys, events, visible, v)
}

// Tiles with more values than they keep: what a window answers depends on what was
// visible of each tile at its time.
func TestTopKIsTheSumOfWhatItsTilesKeep(t *testing.T) {
	r := rand.New(rand.NewPCG(29, 4))
	truncated := 0
	for round := range 40 {
		rule := feature.Rule{Available: round%2 == 0, Delay: pick(r, 0, feature.Duration(3))}
		w := feature.Window{Granularity: pick(r, feature.Duration(20), 40), Length: pick(r, feature.Duration(0), 40, 80)}
		spec := &window.Spec{
			Rule: rule, Windows: []feature.Window{w}, Inputs: []window.Input{{Type: feature.Scalar(feature.Int64)}},
			Outputs: []window.Output{{Function: feature.TopK, N: 1 + r.IntN(8)}, {Function: feature.TopK, N: 12}},
		}
		requests := &window.Requests{Starts: []uint32{0}}
		for at := range 12 {
			requests.Times = append(requests.Times, feature.Time(10*at-40+r.IntN(10)))
		}
		requests.Starts = append(requests.Starts, 12)
		rows := make([]row, 1500)
		for i := range rows {
			// Most values are about as frequent as others, so that what is kept changes often.
			e := feature.Time(r.IntN(120) - 60)
			rows[i] = row{stamp: feature.Stamp{Event: e}, values: []any{int64(r.IntN(60 + 20*r.IntN(2)))}}
			if rule.Available {
				rows[i].stamp.Available = e.Add(feature.Duration(r.IntN(40)))
			}
			rows[i].visible = rule.VisibleFrom(e, rows[i].stamp.Available)
		}
		got := answered(r, spec, requests, rows)
		for i, o := range spec.Outputs {
			for at, asked := range requests.Times {
				var inside []row
				for _, x := range rows {
					if covers(rule, w, asked, &event{time: x.stamp.Event, visible: x.visible}) {
						inside = append(inside, x)
					}
				}
				want := wanted(o, w, inside)
				if !answers(o, got[i].Any(at), want) {
					t.Fatalf("round %d, rule %+v, %+v over %+v at %d: got %v, expected %v", round, rule, o, w, asked, got[i].Any(at), want)
				}
				whole := feature.Window{Granularity: feature.Day}
				for i := range inside {
					inside[i].stamp.Event = 1
				}
				if !answers(o, wanted(o, whole, inside), want) { // as if it were one tile
					truncated++
				}
			}
		}
	}
	if truncated == 0 {
		t.Error("no tile dropped what mattered: the test shows nothing")
	}
}

// Sketches beyond what they keep exactly: the same as one sketch that is fed with the
// window's rows, and as near to the truth as they promise.
func TestSketchesOfManyValues(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 4))
	for _, available := range []bool{false, true} {
		rule := feature.Rule{Available: available}
		w := feature.Window{Granularity: 10, Length: 400}
		spec := &window.Spec{
			Rule: rule, Windows: []feature.Window{w}, Inputs: []window.Input{{Type: feature.Scalar(feature.Int64)}, {Type: feature.Scalar(feature.Float64)}},
			Outputs: []window.Output{{Function: feature.CountDistinct}, {Function: feature.Quantile, Input: 1, Q: 0.3}, {Function: feature.Quantile, Input: 1, Q: 0.9}},
		}
		requests := &window.Requests{Starts: []uint32{0, 40}}
		for at := range 40 {
			requests.Times = append(requests.Times, feature.Time(25*at))
		}
		rows := make([]row, 12_000)
		for i := range rows {
			e := feature.Time(r.IntN(1000))
			rows[i] = row{stamp: feature.Stamp{Event: e}, values: []any{int64(r.IntN(1 + int(e))), math.Ldexp(r.Float64()-0.5, r.IntN(2000)-1000)}}
			if available {
				rows[i].stamp.Available = e.Add(feature.Duration(r.IntN(90)))
			}
			rows[i].visible = rule.VisibleFrom(e, rows[i].stamp.Available)
		}
		got := answered(r, spec, requests, rows)
		var exact, estimated, joined int
		for at, asked := range requests.Times {
			var distinct aggregate.Distinct
			var quantile aggregate.Quantile
			seen := map[int64]bool{}
			var sorted []float64
			for _, x := range rows {
				if covers(rule, w, asked, &event{time: x.stamp.Event, visible: x.visible}) {
					distinct.Add(aggregate.AppendInt(nil, x.values[0].(int64)))
					quantile.Add(x.values[1].(float64))
					seen[x.values[0].(int64)] = true
					sorted = append(sorted, x.values[1].(float64))
				}
			}
			slices.Sort(sorted)
			n, off := got[0].Int64s[at], math.Abs(float64(got[0].Int64s[at])/float64(len(seen))-1)
			if len(seen) > 0 && (n != distinct.Count() || off > 0.07 || len(seen) <= aggregate.DistinctExact && off > 0) {
				t.Errorf("at %d: %d distinct, want %d of %d", asked, n, distinct.Count(), len(seen))
			}
			if len(seen) > aggregate.DistinctExact {
				estimated++
			} else {
				exact++
			}
			for i, share := range []float64{0.3, 0.9} {
				want, ok := quantile.Value(share)
				if ok == got[1+i].IsNull(at) || ok && got[1+i].Float64s[at] != want {
					t.Errorf("at %d: quantile %v is %v, want %v", asked, share, got[1+i].Any(at), want)
				}
				if ok {
					truth := sorted[int(math.Ceil(math.Round(share*10)*float64(len(sorted))/10))-1]
					if bound := quantile.ErrorBound(); math.Abs(want-truth) > math.Abs(truth)*bound*(1+1e-12) {
						t.Errorf("at %d: quantile %v is %v, and %v exactly: more than %v apart", asked, share, want, truth, bound)
					}
				}
			}
			if quantile.ErrorBound() > 0.01 {
				joined++
			}
		}
		if exact == 0 || estimated == 0 || joined == 0 {
			t.Errorf("%d windows were exact, %d estimated, %d had joined buckets: expected some of each", exact, estimated, joined)
		}
	}
}
