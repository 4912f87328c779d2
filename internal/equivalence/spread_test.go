package equivalence_test

import (
	"math"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

// What a microsecond of a case becomes that is spread over days, or over weeks. No number of
// steps is a whole number of hours, so that the grace of a store does not end just when
// something else happens.
const (
	shortStep = 7*feature.Hour + 13*feature.Second
	longStep  = 31*feature.Hour + 13*feature.Second
)

// spread spreads the events of every second case over days, where the grace of values ends,
// or over weeks: there windows of all time have many tiles, of which the old ones are folded,
// and each view has one. Events are at, and a microsecond beside, edges.
func spread(c *offlinetest.Case, seed uint64) *offlinetest.Case {
	if seed%2 == 0 {
		return c
	}
	step := shortStep
	if seed%4 == 3 {
		step = longStep
	}
	for n := range c.Sources {
		s := &c.Sources[n]
		for i := range s.Files {
			for n, name := range []string{s.Event, s.Created, s.Available} {
				if name != "" && (n < 2 || name != s.Created) { // one column may be both
					spreadTimes(columnOf(s.Files[i].Columns, name), step)
				}
			}
		}
	}
	for _, v := range c.Views {
		v.Rule.Delay = longer(v.Rule.Delay, step)
		v.Rule.TTL = longer(v.Rule.TTL, step)
		first := true
		for i := range v.Features {
			if a := v.Features[i].Aggregate; a != nil && first && step == longStep && a.Function != feature.TopK {
				a.Window, first = feature.Window{Granularity: feature.Day}, false
			}
			if a := v.Features[i].Aggregate; a != nil && a.Window.Granularity < 1000 {
				a.Window = feature.Window{Length: longer(a.Window.Length, step), Granularity: longer(a.Window.Granularity, step)}
			}
		}
	}
	return c
}

func longer(d, step feature.Duration) feature.Duration {
	if d > math.MaxInt64/step {
		return d
	}
	return d * step
}

// spreadTimes moves times away from the one that most of them are near to.
func spreadTimes(c *offlinetest.Column, step feature.Duration) {
	unit := int64(1)
	if c.Nanos {
		unit = 1000
	}
	for i, t := range c.Values.Int64s {
		for _, middle := range []int64{0, 993_902_400_000_000} {
			if d := t/unit - middle; !c.Values.IsNull(i) && -100 < d && d < 100 {
				c.Values.Int64s[i] = (middle+d*int64(step)+int64(i%3)-1)*unit + t%unit
				break
			}
		}
	}
}
