package offline

import (
	"context"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

// The hot loops: one row is one operation.

func benchSlots(tb testing.TB, requests, keys int) *slots {
	tb.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	batches := benchBatches(r, requests, keys)
	s, err := newSlots(context.Background(), batches, maphash.MakeSeed(), true, requests, 2)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func benchBatches(r *rand.Rand, requests, keys int) [][]batch {
	to := newScatter(partitionsFor(int64(requests)), math.MaxInt32, feature.Rule{}, maphash.MakeSeed(), nil)
	c := benchChunk(r, requests, keys)
	if err := to.add(c.keys, c, 0, everyRow(requests), nil); err != nil {
		panic(err)
	}
	batches := make([][]batch, len(to.batches))
	for i, b := range to.batches {
		batches[i] = []batch{b}
	}
	return batches
}

func everyRow(n int) []int32 {
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}

func benchChunk(r *rand.Rand, rows, keys int) *chunk {
	key := feature.NewColumn(feature.Scalar(feature.Int64), rows)
	event := feature.NewColumn(feature.Scalar(feature.Timestamp), rows)
	for range rows {
		key.AppendInt64(int64(r.IntN(keys)))
		event.AppendInt64(r.Int64N(int64(30 * feature.Day)))
	}
	return &chunk{rows: rows, keys: []*feature.Column{key}, event: event}
}

// BenchmarkOfferRows is the way of a view's row from its columns to its slot.
func BenchmarkOfferRows(b *testing.B) {
	const rows = 1 << 13
	s := benchSlots(b, 2_000_000, 1_000_000)
	use := &feature.Use{View: &feature.ViewVersion{}}
	a := newAsof(use, []int{0}, s)
	r := rand.New(rand.NewPCG(3, 4))
	chunks := make([]*chunk, 1024)
	for i := range chunks { // in the order of time
		chunks[i] = benchChunk(r, rows, 1_050_000)
		for n := range chunks[i].event.Int64s {
			chunks[i].event.Int64s[n] = int64(i*rows+n) * int64(30*feature.Day) / int64(len(chunks)*rows)
		}
	}
	w := newScatter(len(s.parts), New(nil, Options{}).batchLimit(len(s.parts), 2), feature.Rule{}, s.seed, func(p int, b *batch) error { a.take(p, b); return nil })
	var selected []int32
	var visible []feature.Time
	limits := span{all: true, until: s.most, oldest: s.least}
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += rows {
		c := chunks[n/rows%len(chunks)]
		selected, visible = c.selectRows(use.View.Rule, limits, selected[:0], visible[:0])
		if err := w.add(c.keys, c, int64(n), selected, visible); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewSlots(b *testing.B) {
	const rows = 1 << 20
	r := rand.New(rand.NewPCG(5, 6))
	b.ReportAllocs()
	for n := 0; n < b.N; n += rows {
		b.StopTimer()
		batches := benchBatches(r, rows, rows/2)
		b.StartTimer()
		if _, err := newSlots(context.Background(), batches, maphash.MakeSeed(), true, rows, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOrderWinners(b *testing.B) {
	const groups, rows = 160, 125_000
	t := &table{}
	for g := range groups {
		t.groups = append(t.groups, rowGroup{group: g, rows: rows, base: int64(g * rows)})
	}
	var positions []int64
	for p := range int64(groups * rows / 10) {
		positions = append(positions, p*10)
	}
	rand.New(rand.NewPCG(7, 8)).Shuffle(len(positions), func(i, j int) { positions[i], positions[j] = positions[j], positions[i] })
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += len(positions) {
		if _, _, err := t.order(context.Background(), positions, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTake(b *testing.B) {
	const rows = 1 << 16
	src := feature.NewColumn(feature.Scalar(feature.Float64), 1<<21)
	for i := range 1 << 21 {
		src.AppendFloat64(float64(i))
	}
	numbers := make([]uint32, rows)
	r := rand.New(rand.NewPCG(9, 10))
	for i := range numbers {
		numbers[i] = uint32(r.IntN(1 << 21))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += rows {
		take(src, numbers)
	}
}

// TestSettlingHoldsFewValues tells that a contest of very many rows is settled
// with the values of one chunk and of the best row in memory.
func TestSettlingHoldsFewValues(t *testing.T) {
	const rows = 300_000
	view := &feature.ViewVersion{Features: []feature.Field{{Name: "v", Type: feature.Scalar(feature.String), Column: "v"}}}
	file := &counted{rows: rows}
	tbl := &table{view: view, files: []feature.File{{Path: "f"}}, open: []TableFile{file}, groups: []rowGroup{{rows: rows}}, rows: rows}
	b := &board{}
	b.extend(1, feature.Rule{})
	for row := range int64(rows) {
		b.offerEvent(0, 7, row+1)
	}
	if b.live != rows-1 {
		t.Fatalf("%d ties are remembered, want %d", b.live, rows-1)
	}
	if err := tbl.settle(context.Background(), []*board{b}, func(int, uint32) bool { return true }, 2); err != nil {
		t.Fatal(err)
	}
	if got := b.best[0].row - 1; got != counted100k {
		t.Errorf("row %d won, want %d", got, counted100k)
	}
	if !b.wasSettled(0) || b.live != 0 {
		t.Errorf("settled %v, %d ties left", b.wasSettled(0), b.live)
	}
	if file.most > contendersAtOnce {
		t.Errorf("%d values were read at once, want at most %d", file.most, contendersAtOnce)
	}
}
