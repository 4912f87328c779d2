package equivalence_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

func day(n int) feature.Time { return feature.Time(0).Add(feature.Duration(n) * feature.Day) }

// ofAllTime has a view count and sum all rows of a thing, and those of three days.
func ofAllTime(v *feature.View) {
	sum := func(window, granularity feature.Duration) *feature.Aggregation {
		return &feature.Aggregation{Function: feature.Sum, Window: window, Granularity: granularity}
	}
	v.Features = []feature.ViewFeature{
		{Name: "rows", Aggregate: &feature.Aggregation{Function: feature.Count}},
		{Name: "sum", Column: "x", Aggregate: sum(0, 0)},
		{Name: "days", Column: "x", Aggregate: sum(3*feature.Day, feature.Day)},
	}
}

// TestRowsThatComeLateAreInWindowsOfAllTime has old tiles of all time folded into one state,
// and lets rows come later and later, below what is folded, at its bound and above it, at
// the edges of days and a microsecond behind them.
func TestRowsThatComeLateAreInWindowsOfAllTime(t *testing.T) {
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
		w.mustApply(t, plainDefinitions(ofAllTime))
		w.mustRun(t, day(10))
		x := int64(1)
		for n := range 2 {
			for _, late := range []feature.Duration{0, 1} {
				now := day(11 + n).Add(late)
				for back := range 5 {
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

// TestWhatARunMayBringThatHasBegunIsNotFolded has a run stop before it has its number, and
// another lead many days further meanwhile over one file more: tiles that the first one brings
// are there still, and it brings no less.
func TestWhatARunMayBringThatHasBegunIsNotFolded(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		files := map[string][]event{"a": {{0, day(9), day(9), 1}, {0, day(10), day(10), 10}}}
		w.mustWrite(t, files)
		w.mustApply(t, plainDefinitions(ofAllTime))
		w.mustRun(t, day(10))
		w.mustWrite(t, map[string][]event{"late": {{0, day(10) - 1, day(10) - 1, 100}}})

		stopped, wake, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		r := w.runner()
		sink := &sleepySink{Sink: r.Sink, asks: func() { close(stopped) }, awake: wake}
		r.Sink, r.Ledger = sink, sleepyLedger{r.Ledger, sink}
		go func() {
			_, err := w.bring(t.Context(), r)
			done <- err
		}()
		select {
		case <-stopped:
		case err := <-done:
			t.Fatalf("the run did not stop: %v", err)
		}
		w.mustWrite(t, map[string][]event{"later": {{0, day(10) - 2, day(10) - 2, 1000}}})
		w.mustRun(t, day(30))
		w.expect(t, "last:sum", "1111/PRESENT")
		close(wake)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		w.expect(t, "last:rows", "4/PRESENT")
		w.expect(t, "last:sum", "1111/PRESENT")
		w.expect(t, "last:days", "null/NULL")
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
