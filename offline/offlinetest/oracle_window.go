package offlinetest

import (
	"math"
	"math/big"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// leftOut stands for the value of a row that an aggregate's condition leaves out.
type leftOut struct{}

// oracleInput gives what an aggregate sees of a row: its value, nil for null; true where
// rows are counted; leftOut where the condition does not hold.
func oracleInput(v *feature.ViewVersion, columns []Column, i int, a *feature.Aggregate) any {
	if a.Where != "" && oracleValue(find(columns, a.Where), i, feature.Scalar(feature.Bool)) != true {
		return leftOut{}
	}
	if a.Column == "" {
		return true
	}
	return oracleValue(find(columns, a.Column), i, v.Table.TypeOf(a.Column))
}

// oracleAggregate computes an aggregate at a spine row by its definition.
func oracleAggregate(c *Case, use *feature.Use, rows []*oracleRow, row, f int) any {
	t, keys := oracleRequest(c, use, row)
	if t == nil {
		return nil
	}
	field := &use.View.Features[f]
	var inside []*oracleRow
	for _, r := range rows {
		if r.values[f] == nil || r.values[f] == any(leftOut{}) || !oracleVisible(use.View, r, t) || !slices.Equal(r.keys, keys) {
			continue
		}
		if oracleCovers(field.Aggregate.Window, t, r.event) {
			inside = append(inside, r)
		}
	}
	slices.SortFunc(inside, func(a, b *oracleRow) int {
		for _, pair := range [][2]*big.Int{{a.event, b.event}, {a.created, b.created}, {a.available, b.available}} {
			if c := compareTimes(pair[0], pair[1]); c != 0 {
				return c
			}
		}
		return compareValues(coarse(a.values[f]), coarse(b.values[f]))
	})
	v := oracleFunction(field, inside, f)
	if v == nil && field.Aggregate.Default != nil {
		one := feature.NewColumn(field.Type, 1)
		if err := one.AppendText(*field.Aggregate.Default); err != nil {
			panic(err) // a case's own default
		}
		return one.Any(0)
	}
	return v
}

// oracleCovers is floor(t, g) - w < e, in numbers without ends.
func oracleCovers(w feature.Window, t, e *big.Int) bool {
	if w.Length == 0 {
		return true
	}
	g := big.NewInt(int64(w.Granularity))
	tail := new(big.Int).Div(t, g) // Euclidean: the floor
	tail.Mul(tail, g).Sub(tail, big.NewInt(int64(w.Length)))
	return tail.Cmp(e) < 0
}

// oracleFunction computes a function of rows in the order of their stamps and values.
func oracleFunction(field *feature.Field, rows []*oracleRow, f int) any {
	a := field.Aggregate
	values := make([]any, len(rows))
	for i, r := range rows {
		values[i] = coarse(r.values[f])
	}
	numbers := slices.DeleteFunc(slices.Clone(values), isNaN)
	slices.SortFunc(numbers, compareValues)
	switch a.Function {
	case feature.Count:
		return int64(len(values))
	case feature.CountDistinct:
		return int64(len(slices.CompactFunc(numbers, func(a, b any) bool { return compareValues(a, b) == 0 })))
	case feature.TopK:
		return oracleTop(a, rows, f)
	}
	if len(values) == 0 {
		return nil
	}
	switch a.Function {
	case feature.First:
		return values[0]
	case feature.Last:
		return values[len(values)-1]
	case feature.LastN:
		slices.Reverse(values)
		return values[:min(len(values), a.N)]
	case feature.Min:
		return slices.MinFunc(values, compareValues)
	case feature.Max:
		return slices.MaxFunc(values, compareValues)
	case feature.Quantile:
		if len(numbers) == 0 {
			return nil
		}
		rank := new(big.Rat).SetFloat64(a.Q)
		billionths, _ := new(big.Rat).Mul(rank, big.NewRat(1_000_000_000, 1)).Float64()
		rank.SetFrac64(int64(math.RoundToEven(billionths))*int64(len(numbers)), 1_000_000_000)
		up := new(big.Int).Add(rank.Num(), new(big.Int).Sub(rank.Denom(), big.NewInt(1)))
		return asFloat(numbers[max(up.Div(up, rank.Denom()).Int64(), 1)-1])
	default:
		return oracleNumber(a.Function, values)
	}
}

// coarse gives a value as aggregates see it: -0 is 0 and there is one NaN, in lists too.
func coarse(v any) any {
	switch v := v.(type) {
	case float32:
		if isNaN(v) {
			return float32(math.NaN())
		}
		return v + 0
	case float64:
		if isNaN(v) {
			return math.NaN()
		}
		return v + 0
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			if x != nil {
				out[i] = coarse(x)
			}
		}
		return out
	default:
		return v
	}
}

func asFloat(v any) float64 {
	switch v := v.(type) {
	case int32:
		return float64(v)
	case int64:
		return float64(v)
	case float32:
		return float64(v)
	default:
		return v.(float64) //nolint:errcheck // functions of numbers are of numbers
	}
}

// oracleTop counts by tiles, keeps the most frequent of each, adds up, and gives the
// most frequent of the sum.
func oracleTop(a *feature.Aggregate, rows []*oracleRow, f int) any {
	tiles := map[string][]counted{}
	for _, r := range rows {
		if v := coarse(r.values[f]); !isNaN(v) {
			tile := new(big.Int).Sub(r.event, big.NewInt(1))
			number := tile.Div(tile, big.NewInt(int64(a.Window.Granularity))).String()
			tiles[number] = count(tiles[number], v, 1)
		}
	}
	var sum []counted
	for _, tile := range tiles {
		for _, x := range mostFrequent(tile, max(32, 4*a.N)) {
			sum = count(sum, x.value, x.n)
		}
	}
	if len(sum) == 0 {
		return nil
	}
	var top []any
	for _, x := range mostFrequent(sum, a.N) {
		top = append(top, x.value)
	}
	return top
}

type counted struct {
	value any
	n     int
}

func count(all []counted, v any, n int) []counted {
	for i := range all {
		if compareValues(all[i].value, v) == 0 {
			all[i].n += n
			return all
		}
	}
	return append(all, counted{v, n})
}

func mostFrequent(all []counted, n int) []counted {
	slices.SortFunc(all, func(a, b counted) int {
		if a.n != b.n {
			return b.n - a.n
		}
		return compareValues(a.value, b.value)
	})
	return all[:min(n, len(all))]
}

// oracleNumber computes sums, means and variances in rational numbers.
func oracleNumber(f feature.Function, values []any) any {
	plus, minus, nan := 0, 0, 0
	sum, n := new(big.Rat), int64(len(values))
	for _, v := range values {
		switch x := asFloat(v); {
		case math.IsNaN(x):
			nan++
		case math.IsInf(x, 1):
			plus++
		case math.IsInf(x, -1):
			minus++
		default:
			sum.Add(sum, rational(v))
		}
	}
	spread := f == feature.Variance || f == feature.Stddev
	switch {
	case spread && n < 2:
		return nil
	case nan > 0 || plus > 0 && minus > 0 || spread && plus+minus > 0:
		return math.NaN()
	case plus > 0:
		return math.Inf(1)
	case minus > 0:
		return math.Inf(-1)
	}
	mean := new(big.Rat).Quo(sum, new(big.Rat).SetInt64(n))
	switch f {
	case feature.Mean:
		return rounded(mean)
	case feature.Sum:
		switch values[0].(type) {
		case int32, int64:
			if sum.Num().IsInt64() {
				return sum.Num().Int64()
			}
			return nil
		}
		return rounded(sum)
	}
	squares := new(big.Rat)
	for _, v := range values {
		d := new(big.Rat).Sub(rational(v), mean)
		squares.Add(squares, d.Mul(d, d))
	}
	squares.Quo(squares, new(big.Rat).SetInt64(n-1))
	if f == feature.Variance {
		return rounded(squares)
	}
	root := new(big.Float).SetPrec(2000).SetRat(squares)
	v, _ := root.Sqrt(root).Float64()
	return v
}

func rational(v any) *big.Rat {
	switch v := v.(type) {
	case int32:
		return new(big.Rat).SetInt64(int64(v))
	case int64:
		return new(big.Rat).SetInt64(v)
	default:
		return new(big.Rat).SetFloat64(asFloat(v))
	}
}

// rounded gives the nearest float64; zero is +0.
func rounded(r *big.Rat) float64 {
	v, _ := r.Float64()
	return v + 0
}
