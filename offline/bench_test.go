package offline

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

// The hot loops: one row is one operation.

func benchSlots(requests, keys int) *slots {
	r := rand.New(rand.NewPCG(1, 2))
	table := newKeyTable(true)
	batch := keyBatch{}
	column := feature.NewColumn(feature.Scalar(feature.Int64), requests)
	times := make([]feature.Time, requests)
	rowKeys := make([]uint32, requests)
	for i := range requests {
		column.AppendInt64(int64(r.IntN(keys)))
		times[i] = feature.Time(r.Int64N(int64(30 * feature.Day)))
	}
	batch.load([]*feature.Column{column}, requests)
	for i := range rowKeys {
		rowKeys[i] = table.put(&batch, int32(i))
	}
	return newSlots(table, rowKeys, times)
}

func benchChunk(rows, keys int) *chunk {
	r := rand.New(rand.NewPCG(3, 4))
	key := feature.NewColumn(feature.Scalar(feature.Int64), rows)
	event := feature.NewColumn(feature.Scalar(feature.Timestamp), rows)
	for range rows {
		key.AppendInt64(int64(r.IntN(keys)))
		event.AppendInt64(r.Int64N(int64(30 * feature.Day)))
	}
	return &chunk{rows: rows, keys: []*feature.Column{key}, event: event}
}

func BenchmarkKeyTableFind(b *testing.B) {
	const rows = 1 << 13
	s := benchSlots(2_000_000, 1_000_000)
	c := benchChunk(rows, 1_050_000)
	selected := make([]int32, rows)
	for i := range selected {
		selected[i] = int32(i)
	}
	var batch keyBatch
	ids := make([]uint32, rows)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += rows {
		batch.load(c.keys, rows)
		s.keys.find(&batch, selected, ids)
	}
}

func BenchmarkKeyTablePut(b *testing.B) {
	const rows = 1 << 20
	c := benchChunk(rows, 1<<19)
	var batch keyBatch
	batch.load(c.keys, rows)
	b.ReportAllocs()
	b.ResetTimer()
	var t *keyTable
	for n := range b.N {
		if n%rows == 0 {
			t = newKeyTable(true)
		}
		t.put(&batch, int32(n%rows))
	}
}

func BenchmarkOfferRows(b *testing.B) {
	const rows = 1 << 13
	for _, workers := range []int{1, 2} {
		b.Run(map[int]string{1: "one stripe", 2: "stripes"}[workers], func(b *testing.B) {
			s := benchSlots(2_000_000, 1_000_000)
			use := &feature.Use{View: &feature.ViewVersion{}}
			a := newAsof(use, []int{0}, s, stripesFor(workers))
			chunks := make([]*chunk, 64)
			for i := range chunks {
				chunks[i] = benchChunk(rows, 1_050_000)
				chunks[i].event.Int64s[0] = int64(i)
			}
			w := a.worker()
			var selected []int32
			var visible []feature.Time
			limits := span{all: true, until: s.most, oldest: s.least}
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += rows {
				c := chunks[n/rows%len(chunks)]
				selected, visible = c.selectRows(use.View.Rule, limits, selected[:0], visible[:0])
				a.offer(w, int64(n), c, selected, visible)
			}
		})
	}
}

func BenchmarkNewSlots(b *testing.B) {
	const rows = 1 << 20
	s := benchSlots(rows, rows/2)
	times := make([]feature.Time, rows)
	keys := make([]uint32, rows)
	for k := range s.keys.n {
		for slot := s.starts[k]; slot < s.starts[k+1]; slot++ {
			times[slot], keys[slot] = s.times[slot], uint32(k)
		}
	}
	rand.New(rand.NewPCG(5, 6)).Shuffle(rows, func(i, j int) {
		times[i], times[j] = times[j], times[i]
		keys[i], keys[j] = keys[j], keys[i]
	})
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += rows {
		newSlots(s.keys, append([]uint32{}, keys...), times)
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
		t.order(positions)
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
