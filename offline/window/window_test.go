package window_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/window"
)

// event is a row of a view's source.
type event struct {
	key           uint32
	time, visible feature.Time
	words         [3]int64 // of the inputs: rows, integers, floats
	null          [3]bool
}

const (
	rows = iota
	integers
	floats
)

func allOutputs(windows int) (inputs []window.Input, outputs []window.Output) {
	inputs = []window.Input{{}, {Type: feature.Scalar(feature.Int64)}, {Type: feature.Scalar(feature.Float64)}}
	for w := range windows {
		outputs = append(outputs, window.Output{Function: feature.Count, Input: rows, Window: w})
		for _, f := range []feature.Function{feature.Count, feature.Sum, feature.Mean, feature.Min, feature.Max, feature.Variance, feature.Stddev} {
			outputs = append(outputs, window.Output{Function: f, Input: integers, Window: w}, window.Output{Function: f, Input: floats, Window: w})
		}
	}
	return inputs, outputs
}

func typeOf(o window.Output) feature.Type {
	switch o.Function {
	case feature.Count:
		return feature.Scalar(feature.Int64)
	case feature.Sum, feature.Min, feature.Max:
		if o.Input == integers {
			return feature.Scalar(feature.Int64)
		}
	}
	return feature.Scalar(feature.Float64)
}

// covers is the rule of a window, in numbers without ends.
func covers(rule feature.Rule, w feature.Window, t feature.Time, e *event) bool {
	if e.visible > t {
		return false
	}
	if w.Length == 0 {
		return true
	}
	g := big.NewInt(int64(w.Granularity))
	tail := new(big.Int).Div(big.NewInt(int64(t)), g)
	tail.Mul(tail, g).Sub(tail, big.NewInt(int64(w.Length)))
	return tail.Cmp(big.NewInt(int64(e.time))) < 0
}

// expected computes one output by its definition, in rational numbers.
func expected(o window.Output, values []int64) any {
	n := int64(len(values))
	if o.Function == feature.Count {
		return n
	}
	if n == 0 {
		return nil
	}
	if o.Input == integers {
		return expectedOfNumbers(o.Function, values, nil)
	}
	special := math.NaN()
	plus, minus, nan := 0, 0, 0
	for _, v := range values {
		switch f := math.Float64frombits(uint64(v)); {
		case math.IsNaN(f):
			nan++
		case math.IsInf(f, 1):
			plus++
		case math.IsInf(f, -1):
			minus++
		}
	}
	switch {
	case o.Function == feature.Min || o.Function == feature.Max:
		return expectedExtreme(o.Function, values)
	case (o.Function == feature.Variance || o.Function == feature.Stddev) && n < 2:
		return nil
	case nan+plus+minus == 0:
		return expectedOfNumbers(o.Function, values, func(v int64) *big.Rat { return new(big.Rat).SetFloat64(math.Float64frombits(uint64(v))) })
	case o.Function == feature.Variance || o.Function == feature.Stddev || nan > 0 || plus > 0 && minus > 0:
		return special
	case plus > 0:
		return math.Inf(1)
	default:
		return math.Inf(-1)
	}
}

// expectedExtreme sorts, NaN last.
func expectedExtreme(f feature.Function, values []int64) float64 {
	var all []float64
	for _, v := range values {
		all = append(all, math.Float64frombits(uint64(v)))
	}
	slices.SortFunc(all, func(a, b float64) int {
		switch {
		case math.IsNaN(a) && math.IsNaN(b), a == b:
			return 0
		case math.IsNaN(b) || a < b:
			return -1
		default:
			return 1
		}
	})
	if f == feature.Min {
		return all[0]
	}
	return all[len(all)-1]
}

func expectedOfNumbers(f feature.Function, values []int64, rational func(int64) *big.Rat) any {
	n := int64(len(values))
	whole := rational == nil
	if whole {
		rational = func(v int64) *big.Rat { return new(big.Rat).SetInt64(v) }
	}
	sum := new(big.Rat)
	for _, v := range values {
		sum.Add(sum, rational(v))
	}
	mean := new(big.Rat).Quo(sum, new(big.Rat).SetInt64(n))
	float := func(r *big.Rat) float64 { v, _ := r.Float64(); return v }
	switch f {
	case feature.Sum:
		if !whole {
			return float(sum)
		}
		if !sum.Num().IsInt64() {
			return nil
		}
		return sum.Num().Int64()
	case feature.Mean:
		return float(mean)
	case feature.Min:
		return slices.Min(values)
	case feature.Max:
		return slices.Max(values)
	}
	if n < 2 {
		return nil
	}
	squares := new(big.Rat)
	for _, v := range values {
		d := new(big.Rat).Sub(rational(v), mean)
		squares.Add(squares, d.Mul(d, d))
	}
	squares.Quo(squares, new(big.Rat).SetInt64(n-1))
	if f == feature.Variance {
		return float(squares)
	}
	root := new(big.Float).SetPrec(2000).SetRat(squares)
	v, _ := root.Sqrt(root).Float64()
	return v
}

func same(got, want any) bool {
	g, ok := got.(float64)
	w, ok2 := want.(float64)
	if ok && ok2 {
		return math.IsNaN(g) && math.IsNaN(w) || g == w
	}
	return got == want
}

func randomTime(r *rand.Rand) feature.Time {
	switch r.IntN(12) {
	case 0:
		return feature.MinTime + feature.Time(r.IntN(40))
	case 1:
		return feature.MaxTime - feature.Time(r.IntN(40))
	}
	return feature.Time(r.IntN(120) - 60)
}

func randomFloat(r *rand.Rand) float64 {
	switch r.IntN(14) {
	case 0:
		return math.NaN()
	case 1:
		return math.Inf(1)
	case 2:
		return math.Inf(-1)
	case 3:
		return math.Copysign(0, -1)
	case 4:
		return math.MaxFloat64 * (1 - 2*float64(r.IntN(2)))
	case 5:
		return math.SmallestNonzeroFloat64
	case 6:
		return 1e16
	}
	return float64(r.IntN(9)-4) / 4
}

func TestAggregatesAreThoseOfTheRule(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 4))
	for round := range 800 {
		rule := feature.Rule{Available: r.IntN(2) == 0}
		if r.IntN(2) == 0 {
			rule.Delay = feature.Duration(r.IntN(30))
		}
		windows := []feature.Window{{Granularity: feature.Day}}
		for range 1 + r.IntN(3) {
			g := feature.Duration(1 + r.IntN(6))
			windows = append(windows, feature.Window{Granularity: g, Length: g * feature.Duration(1+r.IntN(12))})
		}
		r.Shuffle(len(windows), func(i, j int) { windows[i], windows[j] = windows[j], windows[i] })
		spec := &window.Spec{Rule: rule, Windows: windows}
		spec.Inputs, spec.Outputs = allOutputs(len(windows))

		requests := &window.Requests{Starts: []uint32{0}}
		for range 1 + r.IntN(4) {
			var times []feature.Time
			for range 1 + r.IntN(20) {
				times = append(times, randomTime(r))
			}
			slices.Sort(times)
			requests.Times = append(requests.Times, slices.Compact(times)...)
			requests.Starts = append(requests.Starts, uint32(len(requests.Times)))
		}
		for i := range spec.Inputs {
			spec.Inputs[i].Where = r.IntN(2)
		}
		events := make([]event, r.IntN(60))
		null := []int{5, 50, math.MaxInt / 2}[r.IntN(3)] // one in so many
		finite := r.IntN(3) > 0                          // else most sums are NaN
		for i := range events {
			e := &events[i]
			e.key, e.time = uint32(r.IntN(len(requests.Starts)-1)), randomTime(r)
			available := e.time.Add(feature.Duration(r.IntN(60) - 20))
			e.visible = rule.VisibleFrom(e.time, available)
			e.words[integers] = []int64{int64(r.IntN(9) - 4), math.MaxInt64, math.MinInt64}[max(0, r.IntN(8)-5)]
			f := randomFloat(r)
			for finite && (math.IsNaN(f) || math.IsInf(f, 0)) {
				f = randomFloat(r)
			}
			e.words[floats] = int64(math.Float64bits(f))
			e.null = [3]bool{r.IntN(2*null-1) == 0, r.IntN(null) == 0, r.IntN(null) == 0}
			if i == 0 || e.time < spec.From {
				spec.From = e.time
			}
		}
		if r.IntN(2) == 0 {
			spec.From = 0
		}
		dst := computed(r, spec, requests, events)
		for i, o := range spec.Outputs {
			for k := range len(requests.Starts) - 1 {
				for at := requests.Starts[k]; at < requests.Starts[k+1]; at++ {
					var values []int64
					for n := range events {
						if e := &events[n]; int(e.key) == k && !e.null[o.Input] && covers(rule, windows[o.Window], requests.Times[at], e) {
							values = append(values, e.words[o.Input])
						}
					}
					if got, want := dst[i].Any(int(at)+1), expected(o, values); !same(got, want) {
						t.Fatalf("round %d, rule %+v, %+v over %+v at %d: got %v, expected %v of %d values",
							round, rule, o, windows[o.Window], requests.Times[at], got, want, len(values))
					}
				}
			}
		}
	}
}

// computed gives the outputs, those of request i at i+1, of events in any order and
// in batches of any size, half the time all at once.
func computed(r *rand.Rand, spec *window.Spec, requests *window.Requests, events []event) []*feature.Column {
	p := spec.New(requests)
	order := r.Perm(len(events))
	atOnce := r.IntN(2) == 0
	var all sync.WaitGroup
	for len(order) > 0 {
		n := 1 + r.IntN(len(order))
		var keys []uint32
		var times, visible []feature.Time
		v := &window.Values{Words: make([][]int64, len(spec.Inputs)), Null: make([][]bool, len(spec.Inputs))}
		for _, i := range order[:n] {
			e := &events[i]
			keys, times, visible = append(keys, e.key), append(times, e.time), append(visible, e.visible)
			for k := range spec.Inputs {
				v.Null[k] = append(v.Null[k], e.null[k])
				if k != rows {
					v.Words[k] = append(v.Words[k], e.words[k])
				}
			}
		}
		if !spec.Rule.Available {
			visible = nil
		}
		order = order[n:]
		if atOnce {
			all.Go(func() {
				var b window.Batch
				p.Place(&b, keys, times, visible, v)
				p.Put(&b)
			})
			continue
		}
		p.Add(keys, times, visible, v)
	}
	all.Wait()
	dst := make([]*feature.Column, len(spec.Outputs))
	for i, o := range spec.Outputs {
		dst[i] = feature.NullColumn(typeOf(o), len(requests.Times)+2)
	}
	p.Results(dst, 1, roomy())
	return dst
}

// roomy is room for all values.
func roomy() *atomic.Int64 {
	room := &atomic.Int64{}
	room.Store(math.MaxInt64)
	return room
}
