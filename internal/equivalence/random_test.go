package equivalence_test

import (
	"flag"
	"math/big"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

var (
	cases = flag.Int("equivalence.cases", 25, "random cases, each on every store: half as many of windows, a third of rows and of expressions")
	first = flag.Uint64("equivalence.first", 1, "seed of the first random case")
)

// TestOnlineEqualsOfflineOnRandomHistories makes random definitions and rows, lets
// files land between runs, of which some die at some write and some sleep through others,
// and compares after every run, and at times after it without a new run, what every store
// serves for every key with training and with the oracle.
func TestOnlineEqualsOfflineOnRandomHistories(t *testing.T) {
	histories(t, (*cases+2)/3, offlinetest.Generate)
}

// TestWindowsOnlineEqualThoseOfflineOnRandomHistories is the same with windowed aggregates,
// in half of the cases over days.
func TestWindowsOnlineEqualThoseOfflineOnRandomHistories(t *testing.T) {
	histories(t, (*cases+1)/2, func(seed uint64) *offlinetest.Case {
		return servable(spread(offlinetest.GenerateWindows(seed), seed))
	})
}

// TestExpressionsOnlineEqualThoseOfflineOnRandomHistories is the same with expressions
// over rows, over features of views, and over those of a service and its inputs.
func TestExpressionsOnlineEqualThoseOfflineOnRandomHistories(t *testing.T) {
	histories(t, (*cases+2)/3, func(seed uint64) *offlinetest.Case {
		return delivered(servable(spread(offlinetest.GenerateExpressions(seed), seed)))
	})
}

// delivered has a service deliver all that it derives, and take the inputs that this reads.
func delivered(c *offlinetest.Case) *offlinetest.Case {
	s := c.Selection
	s.Outputs = slices.DeleteFunc(s.Outputs, func(o feature.Output) bool { return o.Use == feature.DerivedOutput })
	texts := ""
	for i, d := range s.Derived {
		s.Outputs = append(s.Outputs, feature.Output{Use: feature.DerivedOutput, Feature: i, Name: d.Name})
		texts += d.Expression + "\n"
	}
	s.Inputs = slices.DeleteFunc(s.Inputs, func(in feature.Input) bool {
		return !regexp.MustCompile(`\b` + in.Name + `\b`).MatchString(texts)
	})
	return c
}

// servable gives windows that can't be kept online an end, and no tiles of a microsecond
// where an event is in the first one of all time, whose tile has no number of its own.
func servable(c *offlinetest.Case) *offlinetest.Case {
	for _, v := range c.Views {
		first := slices.ContainsFunc(factsOf(v, c.Source(v.Table.Source)), func(f fact) bool {
			return f.event != nil && f.event.Cmp(big.NewInt(int64(feature.MinTime))) == 0
		})
		for i := range v.Features {
			a := v.Features[i].Aggregate
			switch {
			case a != nil && a.Function == feature.TopK && a.Window.Length == 0:
				a.Window = feature.Window{Length: 6, Granularity: 2}
			case a != nil && first && a.Window.Granularity == feature.Microsecond:
				a.Window = feature.Window{Length: 2 * a.Window.Length, Granularity: 2}
			}
		}
	}
	return c
}

func histories(t *testing.T, n int, generate func(seed uint64) *offlinetest.Case) {
	stores := kinds(t)
	temp := t.TempDir()
	for i := range n {
		seed := *first + uint64(i) //nolint:gosec // a count
		for _, k := range stores {
			dir, err := os.MkdirTemp(temp, "case")
			if err != nil {
				t.Fatal(err)
			}
			if err := history(t.Context(), dir, k, seed, generate(seed)); err != nil {
				t.Fatalf("seed %d on %s: %v\nrerun: go test ./internal/equivalence -run '^%s$' -equivalence.first=%d -equivalence.cases=1",
					seed, k.name, err, t.Name(), seed)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
}
