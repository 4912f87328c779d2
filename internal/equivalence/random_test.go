package equivalence_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/materialize"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/offlinetest"
	"github.com/quiver-features/quiver/offline/parquet"
)

var (
	cases = flag.Int("equivalence.cases", 25, "random cases, each on every store")
	first = flag.Uint64("equivalence.first", 1, "seed of the first random case")
)

// TestOnlineEqualsOfflineOnRandomHistories makes random definitions and rows, lets
// files land between runs at growing times, and compares after every run, and at
// times after it without a new run, what every store serves for every key with
// training and with the oracle.
func TestOnlineEqualsOfflineOnRandomHistories(t *testing.T) {
	histories(t, *cases, offlinetest.Generate)
}

// TestWindowsOnlineEqualThoseOfflineOnRandomHistories is the same with windowed aggregates,
// of which some runs die at some write.
func TestWindowsOnlineEqualThoseOfflineOnRandomHistories(t *testing.T) {
	histories(t, (*cases+1)/2, func(seed uint64) *offlinetest.Case { return servable(offlinetest.GenerateWindows(seed)) })
}

// TestExpressionsOnlineEqualThoseOfflineOnRandomHistories is the same with expressions
// over rows, over features of views, and over those of a service and its inputs.
func TestExpressionsOnlineEqualThoseOfflineOnRandomHistories(t *testing.T) {
	histories(t, (*cases+2)/3, func(seed uint64) *offlinetest.Case {
		for n := uint64(0); ; n++ {
			if c := offlinetest.GenerateExpressions(seed + n<<32); !slices.ContainsFunc(c.Views, readsComputed) {
				return delivered(servable(c))
			}
		}
	})
}

// readsComputed tells whether keys or times of a view are computed: what a run knew is
// told here by the columns of the files.
func readsComputed(v *feature.ViewVersion) bool {
	return slices.ContainsFunc(v.Table.Derived, func(d feature.DerivedColumn) bool {
		return d.Name == v.Table.Event || d.Name == v.Table.Available || slices.Contains(v.KeyColumns, d.Name)
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

// life is one random history on one store.
type life struct {
	*world
	r         *rand.Rand
	landing   *landing
	staleness map[string]feature.Duration
	read      *offlinetest.Case // with the files as the last run had read them
	mark      feature.Time
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
		world: w, r: rand.New(rand.NewPCG(seed, 2)), staleness: map[string]feature.Duration{}, //nolint:gosec // the same seed gives the same history
		native: &offlinetest.Native{
			Dir: temp, Files: func(root string) offline.Files { return parquet.New(root) }, Spine: parquet.OpenSpine,
			Options: offline.Options{Workers: 2},
		},
	}
	l.landing = newLanding(l.r, c)
	for _, v := range c.Views {
		if l.r.IntN(3) == 0 {
			l.staleness[v.Name] = feature.Duration(1 + l.r.IntN(3))
		}
	}
	if err := l.live(ctx, c); err != nil {
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
		l.mark = moments[i]
		moments = moments[i+l.r.IntN(2):] // a run may be repeated at the same time
		if err := l.run(ctx, n); err != nil {
			return err
		}
		// Later, without a run, and with files that nothing has read yet.
		later := slices.DeleteFunc(slices.Clone(moments), func(t feature.Time) bool { return t <= l.mark })
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

// run lets files land and materializes.
func (l *life) run(ctx context.Context, n int) error {
	before := l.landing.stands()
	var again bool
	switch {
	case n > 0 && l.r.IntN(5) == 0:
		l.landing.shrink()
		again = true
	case n > 0 && l.r.IntN(4) == 0:
		l.landing.finish()
	case n > 0:
		l.landing.grow()
	}
	now := l.landing.stands()
	if err := write(l.data(), before, now); err != nil {
		return err
	}
	l.read = now
	l.set(l.mark)
	l.note("run at %s, rebuilt: %t, rows of the files: %v", l.mark, again, l.landing.rows)
	var change []func(*materialize.Request)
	if again {
		change = append(change, rebuild)
	}
	if l.r.IntN(3) == 0 {
		if err := l.die(ctx, change...); err != nil {
			return err
		}
	}
	if _, err := l.materialize(ctx, l.runner(), change...); err != nil {
		return err
	}
	return l.compare(ctx)
}

// die begins a run and ends it at some operation, in the middle of which it may be.
func (l *life) die(ctx context.Context, change ...func(*materialize.Request)) error {
	f := &fuse{left: l.r.IntN(8), half: l.r.IntN(2) == 0}
	r := l.runner()
	r.Source, r.Sink, r.Ledger = inSmallBatches{r.Source, 1 + l.r.IntN(3)}, mortalSink{r.Sink, f}, mortalLedger{r.Ledger, f}
	if l.r.IntN(2) == 0 {
		change = append(change, func(q *materialize.Request) { q.From = new(feature.MinTime + feature.Time(l.r.IntN(5))) })
	}
	_, err := l.bring(ctx, r, change...)
	if err != nil && !errors.Is(err, errKilled) {
		return err
	}
	l.note("a run before that died: %t", err != nil)
	l.pass()
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
		for _, f := range factsOf(v, c.Source(v.Table.Source)) {
			if f.complete {
				add(f.visible)
				add(new(big.Int).Add(f.event, big.NewInt(int64(v.Rule.TTL))))
				for _, feature := range v.Features {
					if a := feature.Aggregate; a != nil && a.Window.Length > 0 {
						add(new(big.Int).Add(f.event, big.NewInt(int64(a.Window.Length))))
					}
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// compare asks for every key and compares.
func (l *life) compare(ctx context.Context) error {
	c := l.everyKey()
	rows := make([]int, c.Rows())
	for i := range rows {
		rows[i] = i
	}
	values, statuses, err := l.answers(ctx, c, rows)
	if err != nil {
		return err
	}
	want, err := l.oracle(ctx, c)
	if err != nil {
		return err
	}
	if l.mark == feature.MinTime && windowed(c) {
		return nil // this watermark says that a run has begun: what is not there is not known to be none
	}
	if d := offlinetest.Diff(c, values, want); d != "" {
		return fmt.Errorf("served at %s with the watermark %s, and the oracle:\n%s", l.clock(), l.mark, d)
	}
	if l.clock() == l.mark {
		trained, err := l.native.Join(ctx, c)
		if err != nil {
			return err
		}
		if d := offlinetest.Diff(c, values, trained); d != "" {
			return fmt.Errorf("served at %s, and training at that time:\n%s", l.clock(), d)
		}
	}
	return l.compareStatuses(c, want, statuses)
}

// windowed tells whether a case asks for values that are no nulls where there are no rows.
func windowed(c *offlinetest.Case) bool {
	return slices.ContainsFunc(c.Selection.Outputs, func(o feature.Output) bool {
		f := c.Selection.Field(o)
		return f.Aggregate != nil || f.IsDerived()
	})
}

// oracle gives what training would show now over the rows that the views knew at
// the watermark. As each view has its own, each use reads a source of its own.
func (l *life) oracle(ctx context.Context, c *offlinetest.Case) ([]*feature.Column, error) {
	known := *c
	selection := *c.Selection
	known.Selection, known.Views, known.Sources, selection.Uses = &selection, nil, nil, nil
	for u, use := range c.Selection.Uses {
		source := until(use.View, c.Source(use.View.Table.Source), l.mark)
		view := *use.View
		source.Name = fmt.Sprintf("known%d", u)
		view.Table.Source = source.Name
		use.View = &view
		known.Views, known.Sources, selection.Uses = append(known.Views, &view), append(known.Sources, source), append(selection.Uses, use)
	}
	return offlinetest.Oracle{}.Join(ctx, &known)
}

// compareStatuses derives the status of every cell from the rows.
func (l *life) compareStatuses(c *offlinetest.Case, values []*feature.Column, got [][]feature.Status) error {
	for u, use := range c.Selection.Uses {
		v := use.View
		facts := factsOf(v, c.Source(v.Table.Source))
		keys := make([]*offlinetest.Column, len(use.Keys))
		for i, name := range use.Keys {
			keys[i] = c.SpineColumn(name)
		}
		for row := range c.Rows() {
			where := unknown
			key, complete := keyOf(keys, row)
			if complete {
				where = presenceOf(v, facts, key, l.mark, l.clock())
			}
			for i, o := range c.Selection.Outputs {
				if o.Use != u || c.Selection.Field(o).IsDerived() {
					continue // what is computed has its statuses tested where they are made
				}
				want := l.statuses(v, where, complete, values[i].IsNull(row))
				if c.Selection.Field(o).Aggregate != nil {
					want = l.statusesOfWindow(v, where, complete, values[i].IsNull(row))
				}
				if !slices.Contains(want, got[i][row]) {
					return fmt.Errorf("%s of key (%s) at %s with the watermark %s: the status is %s, want %v",
						o.Name, key, l.clock(), l.mark, got[i][row], want)
				}
			}
		}
	}
	return nil
}

// statuses gives those that a cell may have: one, but for rows that the store may
// have forgotten.
func (l *life) statuses(v *feature.ViewVersion, where presence, complete, null bool) []feature.Status {
	// Nothing is complete up to the beginning of time, which stands for a run that
	// has begun.
	absent := feature.StatusNotFound
	if complete && l.mark == feature.MinTime {
		absent = feature.StatusUnavailable
	}
	switch {
	case where == unknown:
		return []feature.Status{absent}
	case where == forgotten:
		return []feature.Status{absent, feature.StatusOutsideMaxAge}
	case where == outlived:
		return []feature.Status{feature.StatusOutsideMaxAge}
	case null:
		return []feature.Status{feature.StatusNull}
	}
	limit := l.staleness[v.Name]
	age := clamp(new(big.Int).Sub(big.NewInt(int64(l.clock())), big.NewInt(int64(l.mark))))
	if l.mark == feature.MinTime || limit > 0 && age.Cmp(big.NewInt(int64(limit))) > 0 {
		return []feature.Status{feature.StatusStale}
	}
	return []feature.Status{feature.StatusPresent}
}

// statusesOfWindow gives those of an aggregate, which the TTL does not limit. What was
// kept of a key may be forgotten when it is in no window any more.
func (l *life) statusesOfWindow(v *feature.ViewVersion, where presence, complete, null bool) []feature.Status {
	absent := l.statuses(v, unknown, complete, null)
	if where == unknown {
		return absent
	}
	return append(absent, l.statuses(v, visible, complete, null)...)
}
