package offlinetest

import (
	"bytes"
	"context"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// Oracle answers a case by looking at every source row for every spine row, and
// is written from the text of the time rule alone: it uses nothing of the rule
// in package feature, so that the two are two readings of one text. Its zero
// value is ready.
type Oracle struct{}

// oracleRow is one source row with its times as whole numbers of microseconds;
// nil is null.
type oracleRow struct {
	event, created, available *big.Int
	keys                      []any // nil: null
	values                    []any // in the order of the view's definition
}

// Join answers the case.
func (Oracle) Join(ctx context.Context, c *Case) ([]*feature.Column, error) {
	if hasExpressions(c) {
		values, _, err := Oracle{}.JoinFailures(ctx, c)
		return values, err
	}
	out := make([]*feature.Column, len(c.Selection.Outputs))
	for i := range out {
		out[i] = feature.NewColumn(c.outputType(i), c.Rows())
	}
	for u := range c.Selection.Uses {
		use := &c.Selection.Uses[u]
		rows := oracleRows(c, use.View)
		for row := range c.Rows() {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			winner := oracleWinner(c, use, rows, row)
			for i, o := range c.Selection.Outputs {
				if o.Use != u {
					continue
				}
				var v any
				if a := use.View.Features[o.Feature].Aggregate; a != nil {
					v = oracleAggregate(c, use, rows, row, o.Feature)
				} else if winner != nil {
					v = winner.values[o.Feature]
				}
				if err := out[i].AppendAny(v); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

// oracleRows reads the view's rows out of all files.
func oracleRows(c *Case, v *feature.ViewVersion) []*oracleRow {
	var rows []*oracleRow
	for _, f := range c.Source(v.Table.Source).Files {
		for i := range f.Rows() {
			r := &oracleRow{event: oracleTime(find(f.Columns, v.Table.Event), i, false)}
			if v.Table.Created != "" {
				r.created = oracleTime(find(f.Columns, v.Table.Created), i, false)
			}
			if v.Table.Available != "" {
				r.available = oracleTime(find(f.Columns, v.Table.Available), i, true)
			}
			for _, k := range v.KeyColumns {
				r.keys = append(r.keys, oracleKey(find(f.Columns, k), i))
			}
			for _, f2 := range v.Features {
				if f2.Aggregate != nil {
					r.values = append(r.values, oracleInput(v, f.Columns, i, f2.Aggregate))
					continue
				}
				r.values = append(r.values, oracleValue(find(f.Columns, f2.Column), i, f2.Type))
			}
			rows = append(rows, r)
		}
	}
	return rows
}

// oracleWinner gives the row that the use shows at a spine row, or nil.
func oracleWinner(c *Case, use *feature.Use, rows []*oracleRow, row int) *oracleRow {
	t, keys := oracleRequest(c, use, row)
	if t == nil {
		return nil
	}
	var winner *oracleRow
	for _, r := range rows {
		if !oracleVisible(use.View, r, t) || !oracleFresh(use.View, r, t) || !slices.Equal(r.keys, keys) {
			continue
		}
		if winner == nil || oracleCompare(use.View, r, winner) > 0 {
			winner = r
		}
	}
	return winner
}

// oracleRequest gives the time and keys of a spine row; a nil time: its features are null,
// because the time is, or one of the join keys.
func oracleRequest(c *Case, use *feature.Use, row int) (t *big.Int, keys []any) {
	if t = oracleTime(&c.Spine[c.Time], row, false); t == nil {
		return nil, nil
	}
	for _, name := range use.Keys {
		k := oracleKey(c.SpineColumn(name), row)
		if k == nil {
			return nil, nil
		}
		keys = append(keys, k)
	}
	return t, keys
}

// oracleVisible is T1 and T3.
func oracleVisible(v *feature.ViewVersion, r *oracleRow, t *big.Int) bool {
	if r.event == nil || slices.Contains(r.keys, nil) {
		return false
	}
	visibleFrom := saturated(new(big.Int).Add(r.event, big.NewInt(int64(v.Rule.Delay))))
	if v.Table.Available != "" {
		if r.available == nil {
			return false
		}
		if r.available.Cmp(visibleFrom) > 0 {
			visibleFrom = r.available
		}
	}
	return visibleFrom.Cmp(t) <= 0
}

// oracleFresh is T2.
func oracleFresh(v *feature.ViewVersion, r *oracleRow, t *big.Int) bool {
	if v.Rule.TTL == 0 {
		return true
	}
	age := saturated(new(big.Int).Sub(t, r.event))
	return age.Cmp(big.NewInt(int64(v.Rule.TTL))) <= 0
}

// oracleCompare orders two rows of one key: event, created, available, then the
// values in the order of the features' names.
func oracleCompare(v *feature.ViewVersion, a, b *oracleRow) int {
	for _, pair := range [][2]*big.Int{{a.event, b.event}, {a.created, b.created}, {a.available, b.available}} {
		if c := compareTimes(pair[0], pair[1]); c != 0 {
			return c
		}
	}
	var order []int
	for i := range v.Features {
		if v.Features[i].Column != "" {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int { return strings.Compare(v.Features[i].Name, v.Features[j].Name) })
	for _, i := range order {
		if c := compareValues(a.values[i], b.values[i]); c != 0 {
			return c
		}
	}
	return 0
}

func compareTimes(a, b *big.Int) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	default:
		return a.Cmp(b)
	}
}

// compareValues orders boxed values of one type: null first; false before true;
// numbers by value, -0 before 0, NaN last; text and bytes by their bytes; lists
// item by item, and what is a beginning of the other first.
func compareValues(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	switch a := a.(type) {
	case []any:
		other, _ := b.([]any)
		for i := range min(len(a), len(other)) {
			if c := compareValues(a[i], other[i]); c != 0 {
				return c
			}
		}
		return len(a) - len(other)
	case string:
		other, _ := b.(string)
		return bytes.Compare([]byte(a), []byte(other))
	case []byte:
		other, _ := b.([]byte)
		return bytes.Compare(a, other)
	default:
		return rank(a).Cmp(rank(b))
	}
}

// rank gives whole numbers in the order of values. A float's bits, read as a
// sign and a magnitude, grow with its value; every NaN goes behind infinity.
func rank(v any) *big.Int {
	switch v := v.(type) {
	case bool:
		if v {
			return big.NewInt(1)
		}
		return big.NewInt(0)
	case int32:
		return big.NewInt(int64(v))
	case int64:
		return big.NewInt(v)
	case feature.CalendarDay:
		return big.NewInt(int64(v))
	case feature.Time:
		return big.NewInt(int64(v))
	case float32:
		return floatRank(uint64(math.Float32bits(v)), 32, float64(v))
	case float64:
		return floatRank(math.Float64bits(v), 64, v)
	default:
		panic("offlinetest: a value without a rank")
	}
}

func floatRank(b uint64, size uint, v float64) *big.Int {
	n := new(big.Int).SetUint64(b)
	sign := new(big.Int).Lsh(big.NewInt(1), size-1)
	switch {
	case math.IsNaN(v): // several NaN by their bits, as feature.Compare says
		return n.Add(n, new(big.Int).Lsh(sign, 1))
	case n.Cmp(sign) < 0:
		return n
	default: // -0 is -1, so that it stands before 0
		n.Sub(n, sign)
		return n.Not(n)
	}
}

// oracleTime gives a time in microseconds, nil for null. What is finer is
// floored, or rounded up.
func oracleTime(c *Column, i int, up bool) *big.Int {
	if c.Values.IsNull(i) {
		return nil
	}
	n := big.NewInt(c.Values.Int64s[i])
	if !c.Nanos {
		return n
	}
	rest := new(big.Int)
	n.DivMod(n, big.NewInt(1000), rest) // Euclidean: the rest is never negative
	if up && rest.Sign() > 0 {
		n.Add(n, big.NewInt(1))
	}
	return n
}

// oracleKey boxes a key so that == compares it by value: integers of any width
// as int64, bytes as a string.
func oracleKey(c *Column, i int) any {
	if c.Values.Type == feature.Scalar(feature.Timestamp) {
		if t := oracleTime(c, i, false); t != nil {
			return t.Int64()
		}
		return nil
	}
	switch v := c.Values.Any(i).(type) {
	case int32:
		return int64(v)
	case []byte:
		return string(v)
	default:
		return v
	}
}

// oracleValue boxes a feature's value in the feature's type.
func oracleValue(c *Column, i int, t feature.Type) any {
	if c.Nanos {
		if at := oracleTime(c, i, false); at != nil {
			return feature.Time(at.Int64())
		}
		return nil
	}
	switch v := c.Values.Any(i).(type) {
	case int32:
		if t == feature.Scalar(feature.Int64) {
			return int64(v)
		}
		return v
	case float32:
		if t == feature.Scalar(feature.Float64) {
			return float64(v)
		}
		return v
	default:
		return v
	}
}

// saturated clamps to what a time can hold.
func saturated(n *big.Int) *big.Int {
	if least := big.NewInt(math.MinInt64); n.Cmp(least) < 0 {
		return least
	}
	if greatest := big.NewInt(math.MaxInt64); n.Cmp(greatest) > 0 {
		return greatest
	}
	return n
}
