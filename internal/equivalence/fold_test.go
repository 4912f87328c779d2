package equivalence_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

// TestRowsThatComeLateAreInWindowsOfAllTime has old tiles of all time folded into one state,
// and lets rows come later and later, below what is folded, at its bound and above it, at
// the edges of days and a microsecond behind them.
func TestRowsThatComeLateAreInWindowsOfAllTime(t *testing.T) {
	day := func(n int) feature.Time { return feature.Time(0).Add(feature.Duration(n) * feature.Day) }
	all := func(name string, a feature.Aggregation) feature.ViewFeature {
		column := "x"
		if a.Function == feature.Count {
			column = ""
		}
		return feature.ViewFeature{Name: name, Column: column, Aggregate: &a}
	}
	onEveryStore(t, func(t *testing.T, w *world) {
		files := map[string][]event{}
		rows, sum := 0, int64(0)
		add := func(name string, at feature.Time, x int64) {
			files[name] = append(files[name], event{0, at, at, x})
			rows++
			sum += x
		}
		for d := range 10 {
			add("a", day(d+1), 1)
		}
		w.mustWrite(t, files)
		w.mustApply(t, plainDefinitions(func(v *feature.View) {
			v.Features = []feature.ViewFeature{
				all("rows", feature.Aggregation{Function: feature.Count}),
				all("sum", feature.Aggregation{Function: feature.Sum}),
				all("days", feature.Aggregation{Function: feature.Sum, Window: 3 * feature.Day, Granularity: feature.Day}),
			}
		}))
		w.mustRun(t, day(10))
		x := int64(1)
		for n := range 4 {
			for _, late := range []feature.Duration{0, 1} {
				now := day(11 + n).Add(late)
				for back := range 6 {
					x *= 3
					before := maps.Clone(files)
					add(fmt.Sprintf("late_%d_%d_%d", n, late, back), day(9+n-back).Add(late), x)
					if err := w.become(before, files); err != nil {
						t.Fatal(err)
					}
					w.mustRun(t, now)
					w.expect(t, "last:rows", cell(fmt.Sprintf("%d/PRESENT", rows)))
					w.expect(t, "last:sum", cell(fmt.Sprintf("%d/PRESENT", sum)))
					w.expect(t, "last:days", cell(fmt.Sprintf("%d/PRESENT", within(files, now))))
				}
				if x > 1<<40 {
					x = 1
				}
			}
		}
	})
}

// within sums the values of the last three days, which begin with a day.
func within(files map[string][]event, now feature.Time) (sum int64) {
	tail := now - now%feature.Time(feature.Day) - 3*feature.Time(feature.Day)
	for _, rows := range files {
		for _, e := range rows {
			if e.at > tail && e.at <= now {
				sum += e.x
			}
		}
	}
	return sum
}
