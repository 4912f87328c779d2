package aggregate_test

import (
	"math"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// countInt adds an integer.
func countInt(d *aggregate.Distinct, v int64) {
	var room [9]byte
	d.Add(aggregate.AppendInt(room[:0], v))
}

func newDistinct() *aggregate.Distinct { return new(aggregate.Distinct) }

func TestDistinctIsExactWhileFewAndAFunctionOfTheSet(t *testing.T) {
	for _, n := range []int{0, 1, 2, 100, 255, 256, 257, 258, 400, 900, 3000, 20000} {
		r := newRand(uint64(n))
		values := make([]int64, 0, 2*n)
		for i := range n {
			values = append(values, int64(i)*7919)
			if i%3 == 0 {
				values = append(values, int64(r.IntN(n))*7919) // again
			}
		}
		b := checkMultiset(t, r, newDistinct, values, countInt)
		d := checkCode[aggregate.Distinct](t, b, aggregate.ReadDistinct)
		got := float64(d.Count())
		if n <= aggregate.DistinctExact && got != float64(n) {
			t.Errorf("%d values are counted as %v", n, got)
		}
		if off := math.Abs(got-float64(n)) / max(float64(n), 1); off > 5*0.01625 {
			t.Errorf("%d values are counted as %v, more than five standard errors off", n, got)
		}
		if len(b) > aggregate.DistinctMaxBytes {
			t.Errorf("%d values take %d bytes", n, len(b))
		}
		// Adding all of it again, in any way, changes nothing.
		d.Merge(&d)
		for _, v := range values {
			countInt(&d, v)
		}
		if !slices.Equal(d.Append(nil), b) {
			t.Errorf("%d values, added twice, have another state", n)
		}
	}
}

// The standard error is 1.04 / sqrt(4096) = 1.625 %. Over 60 sets the root mean square
// of the errors is within a fifth of that, the mean error is a small part of it.
func TestDistinctErrorIsAsStated(t *testing.T) {
	const seeds = 60
	for _, n := range []int{1000, 10_000, 100_000} {
		var squares, sum, most float64
		for seed := range uint64(seeds) {
			r := newRand(seed)
			var d aggregate.Distinct
			for range n {
				countInt(&d, int64(r.Uint64()))
			}
			e := float64(d.Count())/float64(n) - 1
			squares, sum, most = squares+e*e, sum+e, max(most, math.Abs(e))
		}
		rms, mean := math.Sqrt(squares/seeds), sum/seeds
		t.Logf("n = %d: standard error %.2f %%, mean %.2f %%, worst %.2f %%", n, 100*rms, 100*mean, 100*most)
		if rms > 1.2*0.01625 || math.Abs(mean) > 3*0.01625/math.Sqrt(seeds) || most > 4*0.01625 {
			t.Errorf("n = %d: standard error %v, mean %v, worst %v", n, rms, mean, most)
		}
	}
}

func TestEqualValuesAreNotDistinct(t *testing.T) {
	column := func(typ string, values ...any) *feature.Column {
		parsed, err := feature.ParseType(typ)
		if err != nil {
			t.Fatal(err)
		}
		c := feature.NewColumn(parsed, 0)
		for _, v := range values {
			if err := c.AppendAny(v); err != nil {
				t.Fatal(err)
			}
		}
		return c
	}
	negZero := math.Copysign(0, -1)
	for name, c := range map[string]struct {
		columns []*feature.Column
		want    int64
	}{
		"integers of any width":  {[]*feature.Column{column("int32", 1, -1, 0, nil), column("int64", 1, -1, 0, int64(math.MaxInt64))}, 4},
		"floats of either width": {[]*feature.Column{column("float32", float32(0.5), float32(negZero), float32(0.1)), column("float64", 0.5, 0.0, 0.1)}, 4},
		"NaN and null":           {[]*feature.Column{column("float64", math.NaN(), nil, math.Inf(1)), column("float32", float32(math.NaN()))}, 1},
		"text by its bytes":      {[]*feature.Column{column("string", "", "e\u0301", "\u00e9", "A", "a", "a"), column("bytes", []byte("a"), []byte{})}, 5},
		"bool":                   {[]*feature.Column{column("bool", true, false, true)}, 2},
		"times":                  {[]*feature.Column{column("timestamp", feature.Time(-1), feature.Time(5), feature.Time(5)), column("date", feature.CalendarDay(3))}, 3},
	} {
		var d aggregate.Distinct
		for _, column := range c.columns {
			for i := range column.Len() {
				if v, isFloat := asFloat(column.Any(i)); !column.IsNull(i) && !(isFloat && math.IsNaN(v)) {
					d.Add(aggregate.AppendValue(nil, column, i))
				}
			}
		}
		if d.Count() != c.want {
			t.Errorf("%s: %d distinct values, want %d", name, d.Count(), c.want)
		}
	}
}

func asFloat(v any) (f float64, ok bool) {
	switch v := v.(type) {
	case float32:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// XXH64 with seed 0, as its authors' test vectors have it.
func TestHashIsFixed(t *testing.T) {
	for text, want := range map[string]uint64{"": 0xef46db3751d8e999, "a": 0xd24ec4f1a98c6e5b, "abc": 0x44bc2cf5ad770999} {
		if got := aggregate.Hash([]byte(text)); got != want {
			t.Errorf("the hash of %q is %x, want %x", text, got, want)
		}
	}
}

func FuzzDistinct(f *testing.F) {
	var seeds [][]byte
	for _, n := range []int{0, 1, 5, 256, 257, 1000, 5000} {
		var d aggregate.Distinct
		for i := range n {
			countInt(&d, int64(i))
		}
		seeds = append(seeds, d.Append(nil))
	}
	fuzzCode(f, seeds, aggregate.ReadDistinct, func(d *aggregate.Distinct) {
		d.Count()
		countInt(d, 1)
	})
}
