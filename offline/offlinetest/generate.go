package offlinetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// Generate makes the random case of a seed, always the same one: few keys, times
// within a few microseconds of one another, of delays and of TTLs, few values
// per type; so that ties, edges, nulls, NaN and awkward keys are the rule.
func Generate(seed uint64) *Case { return generate(seed, size{groupRows: 6, spineRows: 15}) }

// GenerateWindows is Generate with windowed aggregates in the views.
func GenerateWindows(seed uint64) *Case {
	return generate(seed, size{groupRows: 8, spineRows: 15, windows: true})
}

// GenerateMany is Generate with more rows, up to the given number in a source
// file and in the spine, more keys, and integers among them that need 64 bits.
func GenerateMany(seed uint64, rows int) *Case {
	return generate(seed, size{groupRows: max(rows/3, 1), spineRows: rows, wide: true})
}

// GenerateManyWindows is GenerateMany with windowed aggregates in the views.
func GenerateManyWindows(seed uint64, rows int) *Case {
	return generate(seed, size{groupRows: max(rows/3, 1), spineRows: rows, wide: true, windows: true})
}

// size is what cases are like.
type size struct {
	groupRows, spineRows int  // the most rows of a row group, and of the spine
	wide                 bool // integer keys need 64 bits
	windows              bool // views have windowed aggregates
}

func generate(seed uint64, of size) *Case {
	g := &generator{
		r:      rand.New(rand.NewPCG(seed, 1)), // the same seed gives the same case
		p:      &parser{location: location{file: fmt.Sprintf("seed %d", seed)}, cells: newCells(), c: &Case{}},
		values: map[feature.Kind][]any{},
		size:   of,
	}
	c := g.p.c
	c.Name = fmt.Sprintf("seed_%d", seed)
	c.Rule = []string{fmt.Sprintf("random case, seed %d", seed)}
	c.Selection = &feature.Selection{}
	g.base = pickOne(g.r, []int64{0, 0, 993_902_400_000_000, 993_902_400_000_000, -3, math.MinInt64 + 4, math.MaxInt64 - 8, leastMicros, greatestMicros - 20})
	for i := range 1 + g.r.IntN(3) {
		c.Sources = append(c.Sources, g.source(fmt.Sprintf("s%d", i+1)))
	}
	for i := range 1 + g.r.IntN(3) {
		g.view(fmt.Sprintf("v%d", i+1))
	}
	g.uses()
	g.spine()
	return c
}

// The whole microseconds that nanoseconds in 64 bits reach.
const (
	leastMicros    = math.MinInt64 / 1000
	greatestMicros = math.MaxInt64 / 1000
)

type generator struct {
	r      *rand.Rand
	p      *parser
	base   int64                  // microseconds: what the case's times lie around
	values map[feature.Kind][]any // the few values that the case's keys take
	keys   []feature.JoinKey      // the spine's key columns so far

	size
}

func pickOne[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

// source makes a source with its rows in files and row groups.
func (g *generator) source(name string) Source {
	s := Source{Name: name, Event: "at"}
	columns := []Column{g.timeColumn("at")}
	if g.chance(50) {
		s.Created = "written"
		columns = append(columns, g.timeColumn("written"))
	}
	switch {
	case s.Created != "" && g.chance(15):
		s.Available = s.Created
	case g.chance(50):
		s.Available = "known"
		columns = append(columns, g.timeColumn("known"))
	}
	kinds := []feature.Kind{
		feature.String, feature.String, feature.Int64, feature.Int32, feature.Bool, feature.Bytes, feature.Date, feature.Timestamp,
	}
	for i := range 1 + g.r.IntN(3) {
		columns = append(columns, g.column(fmt.Sprintf("k%d", i+1), feature.Scalar(pickOne(g.r, kinds))))
	}
	for i := range 1 + g.r.IntN(4) {
		t := feature.Scalar(feature.Kind(1 + g.r.IntN(9))) // a small number
		if g.chance(20) {
			t = feature.ListOf(t.Kind, pickOne(g.r, []int{0, 0, 0, 2}))
		}
		columns = append(columns, g.column(fmt.Sprintf("x%d", i+1), t))
	}
	for i := range 1 + g.r.IntN(4) {
		f := File{Name: fmt.Sprintf("f%d", i+1), Columns: take(columns, nil)}
		for range 1 + g.r.IntN(3) {
			f.Groups = append(f.Groups, g.r.IntN(g.groupRows+1))
		}
		g.rows(&f)
		s.Files = append(s.Files, f)
	}
	return s
}

func (g *generator) rows(f *File) {
	n := 0
	for _, rows := range f.Groups {
		n += rows
	}
	for range n {
		for i := range f.Columns {
			c := &f.Columns[i]
			g.append(c, c.Name[0] == 'k' && c.Name != "known", 10)
		}
	}
}

func (g *generator) timeColumn(name string) Column {
	return Column{Name: name, Nanos: g.nanos(30), Values: feature.NewColumn(feature.Scalar(feature.Timestamp), 0)}
}

func (g *generator) column(name string, t feature.Type) Column {
	return Column{Name: name, Nanos: t == feature.Scalar(feature.Timestamp) && g.nanos(30), Values: feature.NewColumn(t, 0)}
}

// nanos draws whether a time column has nanoseconds, where the case's times fit.
func (g *generator) nanos(percent int) bool {
	return g.chance(percent) && g.base >= leastMicros && g.base <= greatestMicros-20
}

// append appends a random value to a column, or a null.
func (g *generator) append(c *Column, key bool, nulls int) {
	if g.chance(nulls) {
		c.Values.AppendNull()
		return
	}
	var v any
	switch {
	case c.Values.Type.List:
		n := c.Values.Type.Length
		if n == 0 {
			n = g.r.IntN(4)
		}
		items := make([]any, n)
		for i := range items {
			if !g.chance(20) {
				items[i] = g.value(c.Values.Type.Kind)
			}
		}
		v = items
	case c.Nanos:
		v = feature.Time(g.time(0, 8)*1000 + pickOne(g.r, []int64{0, 0, 1, 500, 999}))
	case key:
		v = g.key(c.Values.Type.Kind)
	default:
		v = g.value(c.Values.Type.Kind)
	}
	if err := c.Values.AppendAny(v); err != nil {
		panic(err) // the generator and the column are of one type
	}
}

// time draws microseconds around the case's base, seldom an end of the range.
func (g *generator) time(from, to int64) int64 {
	return g.base + from + g.r.Int64N(to-from+1)
}

// key draws one of the few values that keys of a kind have in this case.
func (g *generator) key(k feature.Kind) any {
	narrow := k == feature.Int32
	if narrow {
		k = feature.Int64 // one pool, so that widths meet
	}
	pool := g.values[k]
	if pool == nil {
		for range 1 + g.r.IntN(max(4, g.groupRows/8)) {
			pool = append(pool, g.rareKey(k))
		}
		g.values[k] = pool
	}
	v := pool[0]
	if g.chance(50) { // half of the rows have one key
		v = pickOne(g.r, pool)
	}
	if n, ok := v.(int64); ok && narrow {
		return int64(int32(n)) // the ends of the wide become 0 and -1
	}
	return v
}

func (g *generator) rareKey(k feature.Kind) any {
	texts := []string{
		"", "\x00", "\x00\x00", "a", "A", "ab", "b", "bc", "c", "abc", "}", "{", "{}", "a}", "|", "~", "}|", "~}", "|~{", "a\x00", "\x00b",
		"\u00e9", "e\u0301", "\u007f", "null", "\U0001f600", "a rather long key that no short form can hold in place",
		"a rather long key that no short form can hold in place, and one that begins as another does", strings.Repeat("long", 300),
	}
	switch k {
	case feature.String:
		return pickOne(g.r, texts)
	case feature.Bytes:
		return append([]byte(pickOne(g.r, texts)), pickOne(g.r, []string{"", "\xff", "\x80", "\xc3"})...)
	case feature.Int64:
		pool := []int64{0, 1, -1, 2, 123, 124, math.MinInt32, math.MaxInt32, 1 << 32, math.MinInt64, math.MaxInt64}
		if !g.wide {
			pool = pool[:8]
		}
		return pickOne(g.r, pool)
	case feature.Timestamp:
		return feature.Time(g.time(0, 2))
	default:
		return g.value(k)
	}
}

// value draws one of a kind's few values.
func (g *generator) value(k feature.Kind) any {
	switch k {
	case feature.Bool:
		return g.chance(50)
	case feature.Int32:
		return pickOne(g.r, []int32{0, 1, -1, math.MinInt32, math.MaxInt32})
	case feature.Int64:
		return pickOne(g.r, []int64{0, 1, -1, math.MinInt64, math.MaxInt64, 1<<53 + 1})
	case feature.Float32:
		return pickOne(g.r, []float32{
			0, float32(math.Copysign(0, -1)), 1, -1, float32(math.Inf(1)), float32(math.Inf(-1)), 1e-45, math.MaxFloat32,
			float32(math.NaN()), math.Float32frombits(0xffc00001), math.Float32frombits(0x7fffffff),
		})
	case feature.Float64:
		return pickOne(g.r, []float64{
			0, math.Copysign(0, -1), 1, -1, math.Inf(1), math.Inf(-1), 5e-324, math.MaxFloat64,
			math.NaN(), math.Float64frombits(0xfff8000000000001), math.Float64frombits(0x7fffffffffffffff),
		})
	case feature.String:
		return pickOne(g.r, []string{"", "a", "b", "B", "ab", "\x00", "\u00e9", "e\u0301", "\uffff", "\U0001f600"})
	case feature.Bytes:
		return []byte(pickOne(g.r, []string{"", "\x00", "\x7f", "\x80", "\xff", "a", "a\x00"}))
	case feature.Date:
		return feature.CalendarDay(pickOne(g.r, []int32{0, -1, 1, math.MinInt32, math.MaxInt32}))
	default:
		if g.chance(10) {
			return pickOne(g.r, []feature.Time{feature.MinTime, feature.MaxTime, feature.MinTime + 1, feature.MaxTime - 1, 0, -1})
		}
		return feature.Time(g.time(0, 8))
	}
}

// view makes a view over one of the sources.
func (g *generator) view(name string) {
	s := &g.p.c.Sources[g.r.IntN(len(g.p.c.Sources))]
	v := &feature.ViewVersion{Meta: feature.Meta{Name: name}, Version: 1, Table: feature.Table{Source: s.Name}}
	names := []string{"d", "c", "b", "a", "z", "aa"}
	g.r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	columns := slices.Clone(s.header())
	g.r.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
	for _, c := range columns {
		switch {
		case c.Name[0] == 'k' && c.Name != "known":
			if g.chance(70) {
				v.Keys = append(v.Keys, feature.JoinKey{Name: c.Name, Type: g.widened(c.Values.Type)})
				v.KeyColumns = append(v.KeyColumns, c.Name)
			}
		case c.Name[0] == 'x' && (g.chance(80) || len(v.Features) == 0):
			v.Features = append(v.Features, feature.Field{Name: names[len(v.Features)], Type: g.widened(c.Values.Type), Column: c.Name})
		}
	}
	if g.windows {
		g.aggregates(v, s.header())
	}
	if g.chance(40) {
		v.Rule.Delay = feature.Duration(1 + g.r.IntN(5))
	}
	if g.chance(60) {
		v.Rule.TTL = v.Rule.Delay + feature.Duration(1+g.r.IntN(6))
		if g.chance(5) {
			v.Rule.TTL = math.MaxInt64 - feature.Duration(g.r.IntN(3))
		}
	}
	if err := g.p.finishView(v); err != nil {
		panic(err) // made of the source's own columns
	}
}

func (g *generator) widened(t feature.Type) feature.Type {
	switch {
	case !g.chance(30):
	case t == feature.Scalar(feature.Int32):
		return feature.Scalar(feature.Int64)
	case t == feature.Scalar(feature.Float32):
		return feature.Scalar(feature.Float64)
	}
	return t
}

// uses asks for the views, some of them twice with other keys.
func (g *generator) uses() {
	for _, v := range g.p.c.Views {
		for n := range 1 + g.r.IntN(2) {
			u := &useBlock{view: v, alias: fmt.Sprintf("%su%d", v.Name, n+1), keys: map[string]string{}}
			for _, k := range v.Keys {
				u.keys[k.Name] = g.spineKey(k.Type)
			}
			for _, f := range v.Features {
				if g.chance(75) {
					u.only = append(u.only, [2]string{f.Name, ""})
				}
			}
			g.r.Shuffle(len(u.only), func(i, j int) { u.only[i], u.only[j] = u.only[j], u.only[i] })
			if err := g.p.addUse(u); err != nil {
				panic(err) // made of the view's own features
			}
		}
	}
}

// spineKey gives a spine column for a key: one that is there, or a new one.
func (g *generator) spineKey(t feature.Type) string {
	for _, k := range g.keys {
		if k.Type.SameKey(t) && g.chance(50) {
			return k.Name
		}
	}
	if t.SameKey(feature.Scalar(feature.Int64)) {
		t = feature.Scalar(pickOne(g.r, []feature.Kind{feature.Int32, feature.Int64}))
	}
	k := feature.JoinKey{Name: fmt.Sprintf("q%d", len(g.keys)+1), Type: t}
	g.keys = append(g.keys, k)
	return k.Name
}

func (g *generator) spine() {
	c := g.p.c
	for _, k := range g.keys {
		c.Spine = append(c.Spine, g.column(k.Name, k.Type))
	}
	c.Time = g.r.IntN(len(c.Spine) + 1)
	c.Spine = slices.Insert(c.Spine, c.Time, g.timeColumn("asked"))
	for range g.r.IntN(g.spineRows + 1) {
		for i := range c.Spine {
			if i != c.Time {
				g.append(&c.Spine[i], true, 8)
				continue
			}
			g.append(&c.Spine[i], false, 5)
		}
		g.later(&c.Spine[c.Time])
	}
}

// later moves the last request time on, so that requests reach beyond the events,
// their delays and their TTLs.
func (g *generator) later(c *Column) {
	i := c.Values.Len() - 1
	if c.Values.IsNull(i) {
		return
	}
	step := g.r.Int64N(8)
	if c.Nanos {
		step *= 1000
	}
	if at := c.Values.Int64s[i]; at < math.MaxInt64-step {
		c.Values.Int64s[i] = at + step
	}
}
