package tiles_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
)

// hot is a column whose values take the most of what sizes suppose: n of them for a tile.
type hot struct {
	name string
	of   feature.Type
	add  func(c *feature.Column, i int)
}

func hotColumns() []hot {
	r := rand.New(rand.NewPCG(8, 9))
	text := func() []byte { return fmt.Appendf(nil, "%0256x", r.Uint64()) }
	var long [8]uint64 // of lists
	return []hot{
		{"int64", feature.Scalar(feature.Int64), func(c *feature.Column, i int) {
			c.AppendInt64(math.MaxInt64 - int64(i%2)*(math.MaxInt64-1)*2 - r.Int64N(1000))
		}},
		// The finest and the greatest of the floats that are supposed, NaN and infinities.
		{"float64", feature.Scalar(feature.Float64), func(c *feature.Column, i int) {
			c.AppendFloat64([]float64{
				math.Ldexp(1, -108), math.Ldexp(1+r.Float64(), 60), -math.Ldexp(1+r.Float64(), 81), math.Ldexp(-1-r.Float64(), -56),
				math.NaN(), math.Inf(1), math.Inf(-1), math.Ldexp(1+r.Float64(), r.IntN(137)-56), -math.Ldexp(1+r.Float64(), r.IntN(137)-56),
			}[i%9])
		}},
		{"text", feature.Scalar(feature.String), func(c *feature.Column, _ int) { c.AppendBytes(text()) }},
		{"floats", feature.ListOf(feature.Float64, len(long)), func(c *feature.Column, _ int) {
			for range long {
				c.Items.AppendFloat64(-r.Float64())
			}
			c.EndList()
		}},
		{"texts", feature.ListOf(feature.String, 2), func(c *feature.Column, _ int) {
			c.Items.AppendBytes(make([]byte, 256)) // zeros
			c.Items.AppendBytes(text())
			c.EndList()
		}},
	}
}

// What is told is no less than what a key takes of which each tile is as full as can be.
func TestNoKeyTakesMoreThanTheWorstThatIsTold(t *testing.T) {
	const steps, step = 3, feature.Minute
	for _, h := range hotColumns() {
		for _, f := range feature.Functions() {
			if _, err := f.Of(h.of); err != nil {
				continue
			}
			for _, length := range []feature.Duration{steps * step, 0} {
				if f == feature.TopK && length == 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s of %s over %s", f, h.name, length), func(t *testing.T) {
					field := over("f", f, h.of, length, step)
					rule := feature.Rule{Created: true, Available: true}
					p, err := tiles.NewPlan([]feature.Field{field}, rule)
					if err != nil {
						t.Fatal(err)
					}
					told := p.Size()
					n := len(hotSection(t, p, &h, length == 0))
					if n > told.Worst {
						t.Errorf("a key takes %d bytes, and at worst %d were told", n, told.Worst)
					}
					// Counts are of seven bytes at worst, which no test brings about; these make little of texts.
					if h.name == "text" && f != feature.Count && 3*n < 2*told.Worst {
						t.Errorf("a full key takes %d bytes, and %d were told", n, told.Worst)
					}
				})
			}
		}
	}
}

// hotSection fills every tile of a plan, at a time at which the most tiles are kept.
func hotSection(t *testing.T, p *tiles.Plan, h *hot, all bool) []byte {
	t.Helper()
	n, last := 20_000, int64(4) // tiles 0 to 4 are a window's, with the head's and one to spare
	if all {
		n, last = 2_000, 33
	}
	b := p.NewBuilder(feature.MinTime)
	b.Reset(false)
	var numbers []int64
	for i := range last + 1 {
		numbers = append(numbers, i)
	}
	for g := range p.Groups() {
		b.Touch(g, numbers)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for tile := range last + 1 {
		if h.of.List {
			n = 10
		}
		values := feature.NewColumn(h.of, n)
		for i := range n {
			h.add(values, i)
		}
		for i := range n {
			e := feature.Time(tile*int64(feature.Minute) + 1 + r.Int64N(int64(feature.Minute)))
			b.Add(feature.Stamp{Event: e, Created: math.MaxInt64 - e, HasCreated: true, Available: math.MaxInt64 - e}, []*feature.Column{values}, i)
		}
	}
	to := feature.Time(last * int64(feature.Minute)).Add(feature.Minute - 1)
	known := feature.Time(feature.Minute)
	if all {
		known = feature.Time(2 * feature.Minute)
	}
	section, err := p.Merge(nil, nil, b.Append(nil), to, known)
	if err != nil {
		t.Fatal(err)
	}
	return section
}

// A window in steps of a microsecond has as many tiles as microseconds, whatever else is
// supposed.
func TestTilesAreCountedHoweverShort(t *testing.T) {
	p := newPlan(t, over("f", feature.Count, feature.Type{}, feature.Minute, 1))
	// A minute and two microseconds more; a byte for where a tile is, seven for its count.
	if got := p.Size(); got.Worst < 8*60_000_002 || got.Worst > 8*60_000_002+100 || got.Usual < 3*60_000_002 {
		t.Errorf("got %+v", got)
	}
	p = newPlan(t, over("f", feature.Count, feature.Type{}, 1000*feature.Day, 1))
	if got := p.Sizes(); got[0].Tiles != tiles.ManyTiles || got[0].Worst < 1<<32 {
		t.Errorf("got %+v", got)
	}
}

// Each of 12 tiles has a sketch: usually one of a hundred values, at worst one that is full.
func TestBytesOfSketches(t *testing.T) {
	text := feature.Scalar(feature.String)
	for _, c := range []struct {
		f            feature.Function
		of           feature.Type
		usual, worst int // of a tile
	}{
		{feature.CountDistinct, text, 100 * 8, 4096 * 6 / 8}, // hashes of eight bytes; registers of six bits
		// 2,048 counts of 4,096 values: of two bytes, and of another one where a count is 2^14 or more, which 2^23/2^14 may be.
		// 2,048 distances between 209,800 buckets: of a byte, and of another one where it is 2^7 or more, which 209,800/2^7 may be.
		{feature.Quantile, feature.Scalar(feature.Float64), 100 * (1 + 2), 2048*2 + 512 + 2048 + 1639},
	} {
		got := newPlan(t, over("s", c.f, c.of, 10, 1)).Size()
		if got.Worst < 12*c.worst || got.Worst > 12*(c.worst+45) || got.Usual < 12*c.usual || got.Usual > 12*(c.usual+45) {
			t.Errorf("%s: got %+v, expected about 12 × %d and 12 × %d", c.f, got, c.usual, c.worst)
		}
	}
}
