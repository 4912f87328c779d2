package tiles_test

import (
	"bytes"
	"cmp"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// event is a row of a source. It is in the files from a run on.
type event struct {
	stamp   feature.Stamp
	visible feature.Time
	lands   int
	values  []any // of the table's columns; nil: null
}

// table is the columns of events.
type table struct {
	names []string
	types []feature.Type
}

func (t *table) column(name string) int { return slices.Index(t.names, name) }

// oracle computes an aggregate at t by its definition, of those of events that count.
func (t *table) oracle(f *feature.Field, events []*event, at feature.Time) any {
	a := f.Aggregate
	var rows []*event
	for _, e := range events {
		if a.Where != "" && e.values[t.column(a.Where)] != true {
			continue
		}
		if a.Column != "" && e.values[t.column(a.Column)] == nil {
			continue
		}
		if covers(a.Window, at, e.stamp.Event) {
			rows = append(rows, e)
		}
	}
	values := make([]any, len(rows))
	for i, e := range rows {
		if a.Column != "" {
			values[i] = e.values[t.column(a.Column)]
		}
	}
	v := t.of(a, rows, values)
	if v == nil && a.Default != nil {
		c := feature.NewColumn(f.Type, 1)
		if err := c.AppendText(*a.Default); err != nil {
			panic(err)
		}
		return c.Any(0)
	}
	return v
}

// covers is the rule of windows in numbers without ends.
func covers(w feature.Window, t, e feature.Time) bool {
	if w.Length == 0 {
		return true
	}
	g := big.NewInt(int64(w.Granularity))
	tail := new(big.Int).Div(big.NewInt(int64(t)), g) // Euclidean: the floor
	tail.Mul(tail, g).Sub(tail, big.NewInt(int64(w.Length)))
	return tail.Cmp(big.NewInt(int64(e))) < 0
}

func (t *table) of(a *feature.Aggregate, rows []*event, values []any) any {
	switch a.Function {
	case feature.Count:
		return int64(len(values))
	case feature.CountDistinct:
		return int64(len(distinctOf(values)))
	case feature.TopK:
		return topOf(a, rows, values)
	}
	if len(values) == 0 {
		return nil
	}
	switch a.Function {
	case feature.Min, feature.Max:
		sorted := slices.Clone(values)
		slices.SortFunc(sorted, compare)
		if a.Function == feature.Min {
			return sorted[0]
		}
		return sorted[len(sorted)-1]
	case feature.First, feature.Last, feature.LastN:
		order := make([]int, len(rows))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(x, y int) int {
			return cmp.Or(rows[x].stamp.Compare(rows[y].stamp), compare(values[x], values[y]))
		})
		if a.Function == feature.First {
			return values[order[0]]
		}
		slices.Reverse(order)
		if a.Function == feature.Last {
			return values[order[0]]
		}
		var list []any
		for _, i := range order[:min(len(order), a.N)] {
			list = append(list, values[i])
		}
		return list
	case feature.Quantile:
		var q aggregate.Quantile
		for i := range values {
			q.Add(number(values[len(values)-1-i]))
		}
		if v, ok := q.Value(a.Q); ok {
			return v
		}
		return nil
	default:
		return exact(a, values)
	}
}

func number(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case int32:
		return float64(v)
	case float32:
		return float64(v)
	}
	return v.(float64)
}

// compare orders boxed values of one type as the time rule does, but for zeros.
func compare(a, b any) int {
	switch x := a.(type) {
	case nil:
		if b == nil {
			return 0
		}
		return -1
	case []any:
		y := b.([]any)
		for i := range min(len(x), len(y)) {
			if y[i] == nil && x[i] != nil {
				return 1
			}
			if c := compare(x[i], y[i]); c != 0 {
				return c
			}
		}
		return cmp.Compare(len(x), len(y))
	case bool:
		y := b.(bool)
		switch {
		case x == y:
			return 0
		case y:
			return -1
		}
		return 1
	case string:
		return cmp.Compare(x, b.(string))
	case []byte:
		return bytes.Compare(x, b.([]byte))
	case int32:
		return cmp.Compare(x, b.(int32))
	case int64:
		return cmp.Compare(x, b.(int64))
	case feature.CalendarDay:
		return cmp.Compare(x, b.(feature.CalendarDay))
	case feature.Time:
		return cmp.Compare(x, b.(feature.Time))
	}
	x, y := number(a), number(b)
	switch {
	case math.IsNaN(x) && math.IsNaN(y):
		return 0
	case math.IsNaN(x):
		return 1
	case math.IsNaN(y):
		return -1
	}
	return cmp.Compare(x, y)
}

func isNaN(v any) bool {
	switch v := v.(type) {
	case float64:
		return math.IsNaN(v)
	case float32:
		return math.IsNaN(float64(v))
	}
	return false
}

func distinctOf(values []any) []any {
	var all []any
	for _, v := range values {
		if !isNaN(v) && !slices.ContainsFunc(all, func(o any) bool { return compare(v, o) == 0 }) {
			all = append(all, v)
		}
	}
	return all
}

type counted struct {
	v any
	n int
}

func byCount(a, b counted) int { return cmp.Or(cmp.Compare(b.n, a.n), compare(a.v, b.v)) }

// topOf counts by tiles, and keeps of each as many as its seal says.
func topOf(a *feature.Aggregate, rows []*event, values []any) any {
	tiles := map[int64][]counted{}
	for i, v := range values {
		if isNaN(v) {
			continue
		}
		tile := int64(math.Ceil(float64(rows[i].stamp.Event)/float64(a.Window.Granularity))) - 1
		at := slices.IndexFunc(tiles[tile], func(c counted) bool { return compare(c.v, v) == 0 })
		if at < 0 {
			tiles[tile] = append(tiles[tile], counted{v, 1})
		} else {
			tiles[tile][at].n++
		}
	}
	var sum []counted
	for _, t := range tiles {
		slices.SortFunc(t, byCount)
		for _, c := range t[:min(len(t), max(32, 4*a.N))] {
			at := slices.IndexFunc(sum, func(o counted) bool { return compare(o.v, c.v) == 0 })
			if at < 0 {
				sum = append(sum, c)
			} else {
				sum[at].n += c.n
			}
		}
	}
	slices.SortFunc(sum, byCount)
	var list []any
	for _, c := range sum[:min(len(sum), a.N)] {
		list = append(list, c.v)
	}
	if list == nil {
		return nil
	}
	return list
}

// exact computes in rational numbers.
func exact(a *feature.Aggregate, values []any) any {
	n := int64(len(values))
	var nan, plus, minus int
	sum, squares, whole := new(big.Rat), new(big.Rat), true
	var all []*big.Rat
	for _, v := range values {
		r := new(big.Rat)
		switch v := v.(type) {
		case int64:
			r.SetInt64(v)
		case int32:
			r.SetInt64(int64(v))
		default:
			whole = false
			f := number(v)
			switch {
			case math.IsNaN(f):
				nan++
				continue
			case math.IsInf(f, 1):
				plus++
				continue
			case math.IsInf(f, -1):
				minus++
				continue
			}
			r.SetFloat64(f)
		}
		sum.Add(sum, r)
		all = append(all, r)
	}
	spread := a.Function == feature.Variance || a.Function == feature.Stddev
	switch {
	case spread && n < 2:
		return nil
	case nan+plus+minus > 0:
		switch {
		case spread || nan > 0 || plus > 0 && minus > 0:
			return math.NaN()
		case plus > 0:
			return math.Inf(1)
		}
		return math.Inf(-1)
	}
	mean := new(big.Rat).Quo(sum, new(big.Rat).SetInt64(n))
	float := func(r *big.Rat) float64 { v, _ := r.Float64(); return v }
	switch a.Function {
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
	}
	for _, r := range all {
		d := new(big.Rat).Sub(r, mean)
		squares.Add(squares, d.Mul(d, d))
	}
	squares.Quo(squares, new(big.Rat).SetInt64(n-1))
	if a.Function == feature.Variance {
		return float(squares)
	}
	root := new(big.Float).SetPrec(1000).SetRat(squares)
	v, _ := root.Sqrt(root).Float64()
	return v
}

func same(got, want any) bool {
	g, ok := got.([]any)
	if w, isList := want.([]any); ok || isList {
		return ok && isList && slices.EqualFunc(g, w, same)
	}
	if got == nil || want == nil {
		return got == nil && want == nil
	}
	return compare(got, want) == 0
}

// randomValue gives one of few values of a type, so that they meet.
func randomValue(r *rand.Rand, t feature.Type) any {
	if r.IntN(6) == 0 {
		return nil
	}
	if t.List {
		items := make([]any, r.IntN(3))
		for i := range items {
			items[i] = randomValue(r, t.Elem())
		}
		return items
	}
	n := r.IntN(9) - 4
	switch t.Kind {
	case feature.Bool:
		return n > 0
	case feature.Int32:
		return int32(n * 70_000)
	case feature.Int64:
		return []int64{int64(n), math.MaxInt64, math.MinInt64, int64(n) << 33}[max(0, r.IntN(12)-8)]
	case feature.Date:
		return feature.CalendarDay(n)
	case feature.Timestamp:
		return feature.Time(n)
	case feature.Float32:
		return float32(n) / 4
	case feature.Float64:
		return []float64{float64(n), float64(n) / 3, 1e300, math.NaN(), math.Inf(1), 5e-324, math.Copysign(0, -1)}[max(0, r.IntN(20)-13)]
	case feature.String:
		return []string{"", "a", "ab", "b", "}\x00"}[r.IntN(5)]
	default:
		return []byte{byte(n)}[:r.IntN(2)]
	}
}
