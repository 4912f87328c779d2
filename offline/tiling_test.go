package offline_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

// tiled is a random project of one view with aggregates, whose files land one after
// the other, and the tiles that runs over it left.
type tiled struct {
	r       *rand.Rand
	unit    feature.Duration // of the times, windows and granularities
	view    *feature.ViewVersion
	plan    *tiles.Plan
	source  offlinetest.Source
	events  []tiledEvent // of all files
	bounds  map[string]feature.File
	known   feature.Time
	kept    map[string][]byte
	scanned []string
}

type tiledEvent struct {
	key            int64
	e, c, a        feature.Time
	visible        feature.Time
	created, valid bool
	v              int64
	where          bool
}

func newTiled(seed uint64) *tiled {
	r := rand.New(rand.NewPCG(seed, 5))
	p := &tiled{
		r: r, unit: []feature.Duration{1, feature.Hour, feature.Day}[r.IntN(3)],
		bounds: map[string]feature.File{}, known: feature.MinTime, kept: map[string][]byte{},
	}
	p.source = offlinetest.Source{Name: "s", Event: "at"}
	rule := feature.Rule{Delay: p.unit * []feature.Duration{0, 0, 1, 3}[r.IntN(4)], Created: r.IntN(2) == 0, Available: r.IntN(3) == 0}
	if r.IntN(3) == 0 {
		rule.TTL = rule.Delay + p.unit // which says nothing of aggregates
	}
	scalar := feature.Scalar
	p.view = &feature.ViewVersion{
		Meta: feature.Meta{Name: "sums"}, Version: 1, Rule: rule,
		Keys: []feature.JoinKey{{Name: "k", Type: scalar(feature.Int64)}}, KeyColumns: []string{"k"},
		Table: feature.Table{Source: "s", Event: "at", Columns: []feature.TableColumn{
			{Name: "at", Column: "at", Type: scalar(feature.Timestamp)},
			{Name: "k", Column: "k", Type: scalar(feature.Int64), Key: true},
			{Name: "known", Column: "known", Type: scalar(feature.Timestamp)},
			{Name: "v", Column: "v", Type: scalar(feature.Int64)},
			{Name: "wanted", Column: "wanted", Type: scalar(feature.Bool)},
			{Name: "written", Column: "written", Type: scalar(feature.Timestamp)},
		}},
	}
	if rule.Created {
		p.view.Table.Created = "written"
	}
	if rule.Available {
		p.view.Table.Available = "known"
	}
	if r.IntN(2) == 0 {
		p.view.Features = append(p.view.Features, feature.Field{Name: "as_it_is", Type: scalar(feature.Int64), Column: "v"})
	}
	for i := range 1 + r.IntN(6) {
		p.view.Features = append(p.view.Features, p.aggregate(fmt.Sprintf("f%d", i)))
	}
	var err error
	if p.plan, err = tiles.NewPlan(p.view.Features, rule); err != nil {
		panic(err) // the definitions above are right
	}
	return p
}

// aggregate draws a feature.
func (p *tiled) aggregate(name string) feature.Field {
	a := &feature.Aggregate{Function: []feature.Function{
		feature.Count, feature.Sum, feature.Min, feature.Max, feature.Mean, feature.First, feature.Last, feature.LastN, feature.CountDistinct,
	}[p.r.IntN(9)]}
	if a.Function == feature.LastN {
		a.N = 1 + p.r.IntN(3)
	}
	if a.Function != feature.Count || p.r.IntN(2) == 0 {
		a.Column, a.Input = "v", feature.Scalar(feature.Int64)
	}
	if p.r.IntN(3) == 0 {
		a.Where = "wanted"
	}
	a.Window = feature.Window{Granularity: feature.Day}
	if p.r.IntN(4) != 0 {
		g := p.unit * feature.Duration(1+p.r.IntN(3))
		a.Window = feature.Window{Length: g * feature.Duration(1+p.r.IntN(4)), Granularity: g}
	}
	t, err := a.Function.Of(a.Input)
	if err != nil {
		panic(err) // every function above is over integers
	}
	return feature.Field{Name: name, Type: t, Aggregate: a}
}

// land adds a file with events around a time.
func (p *tiled) land(around feature.Time) {
	column := func(name string, k feature.Kind) offlinetest.Column {
		return offlinetest.Column{Name: name, Values: feature.NewColumn(feature.Scalar(k), 0)}
	}
	k, at, known := column("k", feature.Int64), column("at", feature.Timestamp), column("known", feature.Timestamp)
	v, wanted, written := column("v", feature.Int64), column("wanted", feature.Bool), column("written", feature.Timestamp)
	n := p.r.IntN(25)
	for range n {
		back := p.r.IntN(4)
		if p.r.IntN(8) == 0 {
			back = p.r.IntN(40) // late
		}
		x := tiledEvent{
			key: int64(p.r.IntN(5)), e: around.Add(-p.unit * feature.Duration(back)), v: int64(p.r.IntN(9) - 4),
			valid: p.r.IntN(6) != 0, where: p.r.IntN(2) == 0, created: p.r.IntN(4) != 0,
		}
		x.e = x.e.Add(feature.Duration(p.r.IntN(3) - 1))
		x.c = x.e.Add(feature.Duration(p.r.IntN(3)))
		x.a = x.e.Add(p.unit * feature.Duration(p.r.IntN(5)-1))
		x.visible = x.e.Add(p.view.Rule.Delay)
		if p.view.Rule.Available {
			x.visible = max(x.visible, x.a)
		}
		p.events = append(p.events, x)
		k.Values.AppendInt64(x.key)
		at.Values.AppendInt64(int64(x.e))
		known.Values.AppendInt64(int64(x.a))
		wanted.Values.AppendBool(x.where)
		appendOr(v.Values, x.v, x.valid)
		appendOr(written.Values, int64(x.c), x.created)
	}
	p.source.Files = append(p.source.Files, offlinetest.File{
		Name: fmt.Sprintf("f%03d", len(p.source.Files)), Columns: []offlinetest.Column{k, at, known, v, wanted, written}, Groups: []int{n / 2, n - n/2},
	})
}

func appendOr(c *feature.Column, v int64, valid bool) {
	if valid {
		c.AppendInt64(v)
		return
	}
	c.AppendNull()
}

// run makes a run up to a time as materialization does, and merges its patches.
func (p *tiled) run(t *testing.T, to feature.Time, from feature.Time, options offline.Options) error {
	t.Helper()
	files := &memFiles{sources: []offlinetest.Source{p.source}, chunk: 1 + p.r.IntN(5), recording: options.Workers == 1}
	engine := offline.New(files, options)
	list, err := engine.Files(t.Context(), p.view)
	if err != nil {
		return err
	}
	pass := feature.Pass{To: to, Known: p.known, Whole: p.known == feature.MinTime}
	for _, f := range list {
		if was, ok := p.bounds[f.Path]; ok {
			f = was
		}
		pass.Files = append(pass.Files, f)
		if !f.Scanned || pass.Whole || f.MaxVisible > from && f.MinVisible <= to {
			pass.Scans = append(pass.Scans, feature.Scan{File: f, All: !f.Scanned || pass.Whole, After: from})
		}
	}
	res, err := engine.Latest(t.Context(), p.view, pass, func(b *feature.Batch) error {
		for i := range b.Rows {
			key := fmt.Sprint(b.Keys[0].Any(i))
			merged, err := p.plan.Merge(nil, p.kept[key], b.Tiles.Bytes(i), to, p.known)
			if err != nil {
				return fmt.Errorf("key %s: %w", key, err)
			}
			p.kept[key] = merged
		}
		for i, f := range p.view.Features {
			if (b.Features[i] != nil) != (f.Column != "") {
				return fmt.Errorf("feature %s has column %v", f.Name, b.Features[i])
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range res.Files {
		p.bounds[f.Path] = f
	}
	p.known, p.scanned = to, files.scanned
	return nil
}

// check compares every answer at a time with the events themselves.
func (p *tiled) check(now feature.Time) error {
	reader := p.plan.NewReader()
	for key := range int64(5) {
		fields := p.plan.Features()
		into := make([]*feature.Column, len(fields))
		for i, f := range fields {
			into[i] = feature.NewColumn(p.view.Features[f].Type, 1)
		}
		if section := p.kept[fmt.Sprint(key)]; section == nil {
			reader.Empty(into)
		} else if err := reader.Answer(section, now, into); err != nil {
			return err
		}
		for i, f := range fields {
			want := p.naive(key, &p.view.Features[f], now)
			if got := into[i].Any(0); fmt.Sprint(got) != fmt.Sprint(want) {
				return fmt.Errorf("key %d at %s (filled to %s): %s shows %v, want %v", key, now, p.known, p.view.Features[f].Aggregate, got, want)
			}
		}
	}
	return nil
}

// naive answers from the events that were visible when the last run ended.
func (p *tiled) naive(key int64, f *feature.Field, now feature.Time) any {
	a := f.Aggregate
	var in []tiledEvent
	for _, x := range p.events {
		counts := x.key == key && x.visible <= p.known && (a.Where == "" || x.where) && (a.Column == "" || x.valid)
		if g := feature.Time(a.Window.Granularity); counts && a.Window.Length > 0 {
			floor := now - ((now%g)+g)%g
			counts = x.e > floor-feature.Time(a.Window.Length)
		}
		if counts {
			in = append(in, x)
		}
	}
	slices.SortFunc(in, func(x, y tiledEvent) int {
		order := cmp.Compare(x.e, y.e)
		if order == 0 && p.view.Rule.Created {
			switch {
			case x.created && y.created:
				order = cmp.Compare(x.c, y.c)
			case x.created:
				order = 1
			case y.created:
				order = -1
			}
		}
		if order == 0 && p.view.Rule.Available {
			order = cmp.Compare(x.a, y.a)
		}
		return cmp.Or(order, cmp.Compare(x.v, y.v))
	})
	sum, distinct := int64(0), map[int64]bool{}
	values := make([]int64, len(in))
	for i, x := range in {
		sum += x.v
		values[i] = x.v
		distinct[x.v] = true
	}
	switch {
	case a.Function == feature.Count:
		return int64(len(in))
	case a.Function == feature.CountDistinct:
		return int64(len(distinct))
	case len(in) == 0:
		return nil
	}
	switch a.Function {
	case feature.Sum:
		return sum
	case feature.Mean:
		return float64(sum) / float64(len(in))
	case feature.Min:
		return slices.Min(values)
	case feature.Max:
		return slices.Max(values)
	case feature.First:
		return values[0]
	case feature.Last:
		return values[len(values)-1]
	default:
		slices.Reverse(values)
		return values[:min(a.N, len(values))]
	}
}

func TestTilesOfRunsAnswerAsTheEventsDo(t *testing.T) {
	for seed := range uint64(300) {
		p := newTiled(seed)
		now := feature.Time(p.r.Int64N(1000)-500) * feature.Time(p.unit)
		for step := range 6 {
			for range 1 + p.r.IntN(2) {
				p.land(now)
			}
			from := p.known
			if step > 0 && p.r.IntN(5) == 0 {
				from = from.Add(-3 * p.unit) // --from
			}
			options := offline.Options{Workers: 1 + p.r.IntN(3), Memory: int64(p.r.IntN(2)) << 10}
			if err := p.run(t, max(now, p.known), from, options); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			for _, later := range []feature.Duration{0, 1, p.unit - 1, p.unit, 3*p.unit + 1, 9 * p.unit, 40 * p.unit} {
				if err := p.check(p.known.Add(later)); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, step, err)
				}
			}
			now = now.Add(p.unit * feature.Duration(p.r.IntN(6)))
		}
	}
}
