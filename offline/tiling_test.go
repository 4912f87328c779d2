package offline_test

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
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
		Table: feature.Table{Source: "s", Event: "at", Columns: []feature.TableColumn{
			{Name: "at", Column: "at", Type: scalar(feature.Timestamp)},
			{Name: "k", Column: "k", Type: scalar(feature.Int64), Key: true},
			{Name: "known", Column: "known", Type: scalar(feature.Timestamp)},
			{Name: "kt", Column: "kt", Type: scalar(feature.String), Key: true},
			{Name: "text", Column: "text", Type: scalar(feature.String)},
			{Name: "v", Column: "v", Type: scalar(feature.Int64)},
			{Name: "wanted", Column: "wanted", Type: scalar(feature.Bool)},
			{Name: "written", Column: "written", Type: scalar(feature.Timestamp)},
		}},
	}
	keys := []feature.JoinKey{{Name: "k", Type: scalar(feature.Int64)}, {Name: "kt", Type: scalar(feature.String)}}
	p.view.Keys = [][]feature.JoinKey{keys[:1], keys[1:], keys, nil}[r.IntN(4)]
	for _, k := range p.view.Keys {
		p.view.KeyColumns = append(p.view.KeyColumns, k.Name)
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
	if r.IntN(3) == 0 { // which is computed when it is asked for, and never kept
		p.view.Features = append(p.view.Features, feature.Field{Name: "twice", Type: scalar(feature.Int64), Expression: "f0 * 2"})
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
		if a.Function != feature.Sum && a.Function != feature.Mean && p.r.IntN(3) == 0 {
			a.Column, a.Input = "text", feature.Scalar(feature.String)
		}
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
		panic(err) // every function above is over what was drawn
	}
	return feature.Field{Name: name, Type: t, Aggregate: a}
}

// land adds a file with random events around a time.
func (p *tiled) land(around feature.Time) {
	var events []tiledEvent
	for range p.r.IntN(25) {
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
		events = append(events, x)
	}
	p.add([]int{len(events) / 2, len(events) - len(events)/2}, events)
}

// add adds a file.
func (p *tiled) add(groups []int, events []tiledEvent) {
	column := func(name string, k feature.Kind) offlinetest.Column {
		return offlinetest.Column{Name: name, Values: feature.NewColumn(feature.Scalar(k), len(events))}
	}
	k, kt, at, known := column("k", feature.Int64), column("kt", feature.String), column("at", feature.Timestamp), column("known", feature.Timestamp)
	v, text, wanted, written := column("v", feature.Int64), column("text", feature.String), column("wanted", feature.Bool), column("written", feature.Timestamp)
	for _, x := range events {
		x.visible = x.e.Add(p.view.Rule.Delay)
		if p.view.Rule.Available {
			x.visible = max(x.visible, x.a)
		}
		p.events = append(p.events, x)
		k.Values.AppendInt64(x.key)
		kt.Values.AppendString(keyName(x.key))
		at.Values.AppendInt64(int64(x.e))
		known.Values.AppendInt64(int64(x.a))
		wanted.Values.AppendBool(x.where)
		appendOr(v.Values, x.v, x.valid)
		appendOr(text.Values, textOf(x.v), x.valid)
		appendOr(written.Values, x.c, x.created)
	}
	p.source.Files = append(p.source.Files, offlinetest.File{
		Name: fmt.Sprintf("f%03d", len(p.source.Files)), Columns: []offlinetest.Column{k, kt, at, known, v, text, wanted, written}, Groups: groups,
	})
}

func appendOr(c *feature.Column, v any, valid bool) {
	if !valid {
		v = nil
	}
	if err := c.AppendAny(v); err != nil {
		panic(err) // the columns are of these types
	}
}

func keyName(key int64) string { return strings.Repeat("key", int(key)) }

// textOf gives texts in the order of their numbers.
func textOf(v int64) string { return fmt.Sprintf("%03d", v+100) }

// keyOf gives a key as keyText does.
func (p *tiled) keyOf(key int64) string {
	text := ""
	for _, name := range p.view.KeyColumns {
		if name == "k" {
			text += fmt.Sprintf("%q,", fmt.Sprint(key))
		} else {
			text += fmt.Sprintf("%q,", keyName(key))
		}
	}
	return text
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
			key := keyText(b.Keys, i)
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
		if section := p.kept[p.keyOf(key)]; section == nil {
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
		counts := (x.key == key || len(p.view.Keys) == 0) && x.visible <= p.known && (a.Where == "" || x.where) && (a.Column == "" || x.valid)
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
	shown := func(v int64) any {
		if a.Column == "text" {
			return textOf(v)
		}
		return v
	}
	sum, least, most, distinct := int64(0), int64(math.MaxInt64), int64(math.MinInt64), map[int64]bool{}
	values := make([]any, len(in)) // from the least row on
	for i, x := range in {
		values[i] = shown(x.v)
		sum, least, most, distinct[x.v] = sum+x.v, min(least, x.v), max(most, x.v), true
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
		return shown(least)
	case feature.Max:
		return shown(most)
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
	for seed := range uint64(200) {
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

// newCounted makes a project of counts and sums over days, without events.
func newCounted(rule feature.Rule, length, granularity feature.Duration) *tiled {
	p := newTiled(0)
	int64s, window := feature.Scalar(feature.Int64), feature.Window{Length: length, Granularity: granularity}
	p.view.Rule, p.view.Table.Created, p.view.Table.Available = rule, "", ""
	p.view.Keys, p.view.KeyColumns = []feature.JoinKey{{Name: "k", Type: int64s}}, []string{"k"}
	p.view.Features = []feature.Field{
		{Name: "n", Type: int64s, Aggregate: &feature.Aggregate{Function: feature.Count, Window: window}},
		{Name: "sum", Type: int64s, Aggregate: &feature.Aggregate{Function: feature.Sum, Column: "v", Input: int64s, Window: window}},
		{Name: "v", Type: int64s, Column: "v"},
	}
	var err error
	if p.plan, err = tiles.NewPlan(p.view.Features, p.view.Rule); err != nil {
		panic(err) // the definitions above are right
	}
	return p
}

// crowd adds files of an hour each with many events, a third of them of one key.
func (p *tiled) crowd(events, keys, files int) {
	for f := range files {
		of := make([]tiledEvent, events/files)
		for i := range of {
			at := feature.Time(0).Add(feature.Duration(f)*feature.Hour + feature.Duration(i))
			of[i] = tiledEvent{key: int64(p.r.IntN(keys)), e: at, v: int64(i % 7), valid: true}
			if p.r.IntN(3) == 0 {
				of[i].key = int64(keys / 2)
			}
		}
		p.add([]int{len(of)}, of)
	}
}

func TestTilesAreTheSameForAnyMemoryAndWorkers(t *testing.T) {
	const events, keys, files = 30_000, 500, 2
	p := newCounted(feature.Rule{}, feature.Day, feature.Hour)
	p.crowd(events, keys, files)
	var want []string
	for _, tc := range []struct {
		offline.Options
		whole bool
	}{
		{offline.Options{Workers: 1}, true},
		{offline.Options{Workers: 3, Memory: 1 << 20}, true},  // parts are cut down
		{offline.Options{Workers: 2, Memory: 1 << 10}, false}, // and events go to builders
	} {
		parts := 0
		tc.Progress = func(g offline.Progress) {
			if g.Stage == offline.StageWindows {
				parts = max(parts, g.Part)
			}
		}
		engine := offline.New(&memFiles{sources: []offlinetest.Source{p.source}, chunk: 3000}, tc.Options)
		list, err := engine.Files(t.Context(), p.view)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		pass := feature.Pass{Scans: allOf(list), Files: list, To: feature.Time(feature.Day), Whole: tc.whole, Known: feature.MinTime}
		_, err = engine.Latest(t.Context(), p.view, pass, func(b *feature.Batch) error {
			for i := range b.Rows {
				section, err := p.plan.Merge(nil, nil, b.Tiles.Bytes(i), pass.To, pass.Known)
				if err != nil {
					return err
				}
				got = append(got, fmt.Sprintf("%v %v %x", b.Keys[0].Any(i), b.Event[i], section))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) || len(got) < keys*9/10 {
			t.Errorf("%+v: %d keys, %d at first, or they differ", tc, len(got), len(want))
		}
		if (parts > 1) != (tc.Memory > 0) {
			t.Errorf("%+v: %d parts", tc, parts)
		}
	}
	n := int64(0)
	for _, line := range want { // and they hold every event
		n += p.countIn(t, line)
	}
	if n != events {
		t.Errorf("tiles have %d events, want %d", n, events)
	}
}

// countIn gives the number of events that the section at the end of a line shows.
func (p *tiled) countIn(t *testing.T, line string) int64 {
	t.Helper()
	section, err := hex.DecodeString(line[strings.LastIndex(line, " ")+1:])
	if err != nil {
		t.Fatal(err)
	}
	into := []*feature.Column{feature.NewColumn(feature.Scalar(feature.Int64), 1), nil}
	if err := p.plan.NewReader().Answer(section, feature.Time(feature.Day-1), into); err != nil {
		t.Fatal(err)
	}
	return into[0].Int64s[0]
}

// day adds a file of events at some hours of a day, each in a row group of its own.
func (p *tiled) day(key int64, day int, hours ...int) {
	var events []tiledEvent
	var groups []int
	for _, hour := range hours {
		at := feature.Time(0).Add(feature.Duration(day)*feature.Day + feature.Duration(hour)*feature.Hour)
		events, groups = append(events, tiledEvent{key: key, e: at, v: 1, valid: true}), append(groups, 1)
	}
	p.add(groups, events)
}

// reads makes a run to the end of a day, and says which row groups it has to read.
func (p *tiled) reads(t *testing.T, to int, want ...string) {
	t.Helper()
	if err := p.run(t, feature.Time(0).Add(feature.Duration(to)*feature.Day), p.known, offline.Options{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	if err := p.check(p.known); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(want, p.scanned) {
		t.Errorf("to day %d: row groups read are %v, want %v", to, p.scanned, want)
	}
}

// Of all time what lies well behind the watermark is one state. Events that come by the delay
// that the view declares do not lie there, however long it is; later ones have all of their
// key's events read.
func TestADelayMakesNoKeyWhole(t *testing.T) {
	p := newCounted(feature.Rule{Delay: 3 * feature.Day}, 0, feature.Day)
	for d := range 8 {
		p.day(1, d, 12)
	}
	all := []string{"f000/0", "f001/0", "f002/0", "f003/0", "f004/0"}
	first := []string{"f005/0", "f006/0", "f007/0"} // what is not visible yet is read for that
	p.reads(t, 8, slices.Concat(all, first, all)...)
	p.reads(t, 9, "f005/0", "f005/0", "f005/0")
	p.reads(t, 10, "f006/0", "f006/0", "f006/0")
	p.day(1, 3, 6)
	p.reads(t, 10, slices.Concat([]string{"f008/0", "f008/0"}, all, first[:2], []string{"f008/0"})...)
}

func TestARunReadsOnlyWhatIsInTouchedTiles(t *testing.T) {
	p := newCounted(feature.Rule{}, 30*feature.Day, feature.Day)
	day := p.day
	run := func(to int, want ...string) { p.reads(t, to, want...) }
	for d := range 4 {
		day(1, d, 6, 18)
	}
	// The first load reads all of them for their keys, and then for their values.
	first := []string{"f000/0", "f000/1", "f001/0", "f001/1", "f002/0", "f002/1", "f003/0", "f003/1"}
	run(4, append(first, first...)...)
	// New rows are read for keys, for the tiles that they are in, and with what is in those.
	day(2, 4, 6)
	run(5, "f004/0", "f004/0", "f004/0")
	// A late row touches the tile of its own day: the files of other days stay closed.
	day(1, 1, 12)
	run(5, "f005/0", "f005/0", "f001/0", "f001/1", "f005/0")
	// What became visible of the same files is read, and what the watermark is past is not.
	day(1, 5, 6, 30)
	run(6, "f006/0", "f006/1", "f006/0", "f006/0")
	run(7, "f006/1", "f006/1", "f006/1")
	// What no window reaches is not read for tiles.
	day(1, 0, 1)
	run(40, "f007/0")
}
