package aggregate_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

type appender interface{ Append(dst []byte) []byte }

func built[S any, P interface {
	*S
	appender
}, V any](add func(P, V), values ...V) P {
	s := P(new(S))
	for _, v := range values {
		add(s, v)
	}
	return s
}

// text is an extreme text, nil for none.
type text struct{ v []byte }

func (t text) Append(dst []byte) []byte { return aggregate.AppendText(dst, t.v) }

// goldenStates are states by the name that testdata/states.txt has them under.
func goldenStates() map[string]appender {
	nan, inf := math.NaN(), math.Inf(1)
	at := func(event, created, available feature.Time) feature.Stamp {
		return feature.Stamp{Event: event, Created: created, HasCreated: created != 0, Available: available}
	}
	last, first, plain := aggregate.NewLastN(3), aggregate.NewFirstN(2), aggregate.NewLastN(2)
	for i, s := range []feature.Stamp{at(1000, 1001, 1005), at(2000, 0, 2000), at(-5, -4, 0), at(2000, 0, 2000)} {
		last.Add(s, aggregate.AppendInt(nil, int64(i)))
		first.Add(s, aggregate.AppendInt(nil, int64(i)))
		plain.Add(feature.Stamp{Event: s.Event}, []byte("ab"))
	}
	integers := make([]int64, 300)
	for i := range integers {
		integers[i] = int64(i)
	}
	wide := make([]float64, 2045)
	for i := range wide {
		wide[i] = math.Ldexp(1, i-1022)
	}
	wide = append(wide, -1, -2, -4, -8)
	sum, ints, moments, intMoments := (*aggregate.Sum).Add, (*aggregate.IntSum).Add, (*aggregate.Moments).Add, (*aggregate.IntMoments).Add
	least := (*aggregate.Min).Add
	distinct, quantile, top := countInt, (*aggregate.Quantile).Add, addInt
	return map[string]appender{
		"sum of nothing":                    built(sum),
		"sum of 1, 2":                       built(sum, 1, 2),
		"sum of -0.5":                       built(sum, -0.5),
		"sum of 0.1, 0.2":                   built(sum, 0.1, 0.2),
		"sum of the least, 1":               built(sum, 5e-324, 1),
		"sum of the greatest, twice":        built(sum, math.MaxFloat64, math.MaxFloat64),
		"sum of 3, NaN, Inf, -Inf, -Inf":    built(sum, 3, nan, inf, -inf, -inf),
		"integer sum of nothing":            built(ints),
		"integer sum of -1":                 built(ints, -1),
		"integer sum of 100, 200":           built(ints, 100, 200),
		"integer sum of the least, twice":   built(ints, math.MinInt64, math.MinInt64),
		"moments of nothing":                built(moments),
		"moments of 1, 2, 4":                built(moments, 1, 2, 4),
		"moments of 0.1, 1e200, NaN":        built(moments, 0.1, 1e200, nan),
		"integer moments of -3, 5":          built(intMoments, -3, 5),
		"integer moments of the least":      built(intMoments, math.MinInt64),
		"min of nothing":                    built(least),
		"min of 7, 300":                     built(least, 7, 300),
		"min of -129":                       built(least, -129),
		"min of 1.5":                        built(least, aggregate.FloatKey(1.5)),
		"text of nothing":                   text{},
		"text of a":                         text{[]byte("a")},
		"text of the empty one":             text{[]byte{}},
		"distinct of nothing":               built(distinct),
		"distinct of 1, 2, 2":               built(distinct, 1, 2, 2),
		"distinct of 0 to 299":              built(distinct, integers...),
		"quantile of nothing":               built(quantile),
		"quantile of 1, 1, 1.5, -1, 0, Inf": built(quantile, 1, 1, 1.5, -1, 0, inf, nan),
		"quantile of powers":                built(quantile, wide...),
		"top of 5, 5, -1":                   built(top, 5, 5, -1),
		"last 3":                            last,
		"first 2":                           first,
		"last 2, plain":                     plain,
	}
}

// The stored bytes never change. To add a state, add it above: the failure shows its
// line. A line that differs is a format that old rows do not have.
func TestGoldenBytes(t *testing.T) {
	text, err := os.ReadFile("testdata/states.txt")
	if err != nil {
		t.Fatal(err)
	}
	golden := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, bytes, ok := strings.Cut(strings.TrimSpace(line), " = ")
		if ok {
			golden[name] = bytes
		}
	}
	states := goldenStates()
	for name, state := range states {
		got := state.Append(nil)
		if want, err := hex.DecodeString(strings.ReplaceAll(golden[name], " ", "")); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the line is %q, got\n%s", golden[name], fmt.Sprintf("%s = %x", name, got))
		}
	}
	if len(golden) != len(states) {
		t.Errorf("%d lines for %d states", len(golden), len(states))
	}
}
