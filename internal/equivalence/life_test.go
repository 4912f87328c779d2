package equivalence_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/materialize"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/offlinetest"
	"github.com/quiver-features/quiver/offline/parquet"
	"github.com/quiver-features/quiver/online"
)

// life is one random history on one store.
type life struct {
	*world
	soon      feature.Duration // of its kind of store
	r         *rand.Rand
	landing   *landing
	staleness map[string]feature.Duration
	read      *offlinetest.Case          // with the files as the last runs have read them
	marks     map[string]feature.Time    // the watermark of each view
	lost      map[string]map[string]bool // of each view the keys of which files have lost rows since a rebuild
	begun     feature.Time               // where a run leads that may have written anything
	asleep    *sleeper                   // a run that has stopped between two writes; nil: none
	native    *offlinetest.Native
	log       []string // what happened, for the reader of a failure
}

func history(ctx context.Context, dir string, k kind, seed uint64, c *offlinetest.Case) (err error) {
	w, err := newWorld(ctx, dir, k)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	temp, err := os.MkdirTemp(dir, "train")
	if err != nil {
		return err
	}
	l := &life{
		world: w, soon: k.soon, r: rand.New(rand.NewPCG(seed, 2)), staleness: map[string]feature.Duration{}, //nolint:gosec // the same seed gives the same history
		marks: map[string]feature.Time{}, lost: map[string]map[string]bool{}, begun: feature.MinTime,
		native: &offlinetest.Native{
			Dir: temp, Files: func(root string) offline.Files { return parquet.New(root) }, Spine: parquet.OpenSpine,
			Options: offline.Options{Workers: 2},
		},
	}
	l.landing = newLanding(l.r, c)
	for _, v := range c.Views {
		l.marks[v.ID()] = feature.MinTime
		if l.r.IntN(3) == 0 {
			l.staleness[v.Name] = feature.Duration(1 + l.r.IntN(3))
		}
	}
	err = errors.Join(l.live(ctx, c), l.awaken())
	if err != nil {
		return fmt.Errorf("%w\nwhat happened:\n  %s\nthe case:\n%s", err, strings.Join(l.log, "\n  "), offlinetest.Format(l.read))
	}
	return nil
}

// live applies the definitions, then runs at growing times.
func (l *life) live(ctx context.Context, c *offlinetest.Case) error {
	l.read = l.landing.stands()
	if err := write(l.data(), nil, l.read); err != nil {
		return err
	}
	if err := l.applyCase(ctx, c, l.staleness); err != nil {
		return err
	}
	moments := l.moments(c)
	runs := 2 + l.r.IntN(3)
	for n := range runs {
		i := l.r.IntN(1 + len(moments)/max(1, runs-n))
		if len(moments) == 0 {
			return nil
		}
		i = min(i, len(moments)-1)
		now := moments[i]
		to := now
		if i > 0 && l.r.IntN(4) == 0 {
			to = moments[l.r.IntN(i)] // not as far as the clock
		}
		moments = moments[i+l.r.IntN(2):] // a run may be repeated at the same time
		if err := l.run(ctx, n, now, to); err != nil {
			return err
		}
		if l.r.IntN(3) == 0 { // not when the clock has gone on: stores would forget what is asked for earlier
			if err := l.goOn(ctx); err != nil {
				return err
			}
		}
		// Later, without a run, and with files that nothing has read yet.
		later := slices.DeleteFunc(slices.Clone(moments), func(t feature.Time) bool { return t <= now })
		for range min(2, len(later)) {
			l.set(later[l.r.IntN(min(len(later), 6))])
			l.note("asked at %s", l.clock())
			if err := l.compare(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *life) note(format string, args ...any) {
	l.log = append(l.log, fmt.Sprintf(format, args...))
}

// run lets files land and materializes at a time, up to another.
func (l *life) run(ctx context.Context, n int, now, to feature.Time) error {
	l.set(now)
	if n > 0 && l.r.IntN(6) == 0 {
		if err := l.die(ctx); err != nil { // over the files of the run before
			return err
		}
	}
	again, err := l.land(n)
	if err != nil {
		return err
	}
	var change []func(*materialize.Request)
	if again {
		change = append(change, rebuild)
	}
	for _, at := range []feature.Time{to, now} { // a run that is completed may not lead as far as one that has begun since
		l.set(at)
		if l.r.IntN(4) == 0 {
			if err := l.die(ctx, change...); err != nil {
				return err
			}
		}
	}
	if l.asleep == nil && l.r.IntN(3) == 0 {
		if err := l.fallAsleep(ctx); err != nil {
			return err
		}
	}
	if err := l.look(ctx, feature.MinTime); err != nil { // what did not end may have led some views on
		return err
	}
	l.note("run at %s to %s, rebuilt: %t, rows of the files: %v, in one: %t", now, to, again, l.landing.rows, l.landing.compact)
	if l.asleep != nil && again {
		l.asleep.overtaken = true
	}
	change = append(change, func(q *materialize.Request) { q.To = l.leads(q.View, to) })
	r := l.runner()
	if l.asleep != nil && l.r.IntN(2) == 0 {
		r.Source = inSmallBatches{r.Source, 1 + l.r.IntN(3)}
		r.Sink = &wakingSink{Sink: r.Sink, left: l.r.IntN(6), wake: l.awaken}
	}
	if _, err := l.materialize(ctx, r, change...); err != nil {
		return err
	}
	if err := l.look(ctx, to); err != nil {
		return err
	}
	return l.compare(ctx)
}

// land lets files come, grow, lose rows and be put together, and says whether the next run
// has to rebuild.
func (l *life) land(n int) (again bool, err error) {
	before := l.landing.stands()
	switch luck := l.r.IntN(16); {
	case n == 0:
	case luck < 4:
		l.landing.shrink()
		again = l.r.IntN(2) == 0
	case luck < 7:
		l.landing.finish()
	default:
		l.landing.grow()
	}
	if n > 0 && l.r.IntN(5) == 0 {
		l.landing.compact = !l.landing.compact
	}
	l.read = l.landing.stands()
	if l.asleep != nil {
		l.asleep.overtaken = true
	}
	if again {
		clear(l.lost)
	} else {
		l.lose(before, l.read)
	}
	return again, write(l.data(), before, l.read)
}

// lose notes the keys of rows that are in files no more.
func (l *life) lose(before, now *offlinetest.Case) {
	for _, v := range now.Views {
		there := map[string]int{}
		for _, f := range factsOf(v, now.Source(v.Table.Source)) {
			if f.complete {
				there[f.key]++
			}
		}
		for _, f := range factsOf(v, before.Source(v.Table.Source)) {
			if f.complete {
				there[f.key]--
			}
		}
		if l.lost[v.ID()] == nil {
			l.lost[v.ID()] = map[string]bool{}
		}
		for key, n := range there {
			if n < 0 {
				l.lost[v.ID()][key] = true
			}
		}
	}
}

// leads gives where a run of a view leads that is asked to lead to a time. Rows that a run
// has written which then died are there before any later one gets there; only of views
// with aggregates later runs go as far themselves, where there is anything to do.
func (l *life) leads(v *feature.ViewVersion, to feature.Time) feature.Time {
	if v.HasAggregates() && to > l.marks[v.ID()] {
		return to
	}
	return max(to, l.begun)
}

// look reads the watermarks after a run to a time.
func (l *life) look(ctx context.Context, to feature.Time) error {
	snapshot, err := l.registry.Load(ctx, 0)
	if err != nil {
		return err
	}
	sink := online.NewSink(l.online)
	for _, v := range snapshot.OnlineViews() {
		mark, err := sink.Watermark(ctx, v.Active)
		if err != nil {
			return err
		}
		id := v.View.ID()
		least := max(to, l.marks[id])
		if to > feature.MinTime {
			least = max(least, l.leads(v.View, to))
		}
		if !mark.Known && least == feature.MinTime {
			continue
		}
		if !mark.Holds() && least > feature.MinTime || mark.Time < least || mark.Time > max(least, l.begun) {
			return fmt.Errorf("view %s: after a run to %s from %s the watermark is %+v, and no run leads further than %s", id, to, l.marks[id], mark, l.begun)
		}
		l.marks[id] = mark.Time
	}
	return nil
}

// moments are the times of a case at which something changes, a little before and
// a little after, in their order, each once.
func (l *life) moments(c *offlinetest.Case) []feature.Time {
	var all []feature.Time
	add := func(n *big.Int) {
		for _, d := range []int64{-1, 0, 1} {
			all = append(all, feature.Time(clamp(new(big.Int).Add(n, big.NewInt(d))).Int64()))
		}
	}
	for _, v := range c.Views {
		ttl := big.NewInt(int64(v.Rule.TTL))
		for _, f := range factsOf(v, c.Source(v.Table.Source)) {
			if !f.complete {
				continue
			}
			add(f.visible)
			add(new(big.Int).Add(f.event, ttl))
			for i := range v.Features {
				if a := v.Features[i].Aggregate; a != nil && a.Window.Length > 0 {
					add(leaves(a.Window, f.event))
					add(new(big.Int).Add(f.event, big.NewInt(int64(a.Window.Length))))
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
