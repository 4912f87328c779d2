package eventspine

import (
	"encoding/binary"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
)

// All workers of all views together hold what was asked for, and each row is sorted
// a few times at most: it goes to disk when half of the memory has distinct rows.
func TestSortersOfSeveralViewsShareTheMemory(t *testing.T) {
	const memory, workers, views, rows = 4 << 20, 4, 5, 60_000
	s := &sorting{folder: t.TempDir(), share: memory / workers}
	defer s.close()
	keys := feature.NewColumn(feature.Scalar(feature.Int64), 1)
	keys.AppendInt64(0)
	at := []feature.Time{0}
	next := int64(0)
	for range views {
		s.begin()
		adds := make([]func(*offline.Events) error, workers)
		for w := range adds {
			adds[w] = s.worker(layout{keys: []feature.JoinKey{{Name: "k", Type: keys.Type}}}, []int{0})
		}
		for i := range rows {
			next++
			keys.Int64s[0], at[0] = next, feature.Time(next)
			if err := adds[i%workers](&offline.Events{Keys: []*feature.Column{keys}, Event: at, Rows: []int32{0}}); err != nil {
				t.Fatal(err)
			}
			held := 0
			for _, own := range s.sorters {
				held += own.size()
			}
			if held > memory {
				t.Fatalf("%d bytes are held after %d rows, %d were given", held, next, memory)
			}
		}
	}
}

func TestASorterThatIsFullOfDistinctRowsSpills(t *testing.T) {
	s := &sorter{folder: t.TempDir(), most: 1 << 12}
	defer s.close()
	row := make([]byte, 8)
	for i := range uint64(10_000) {
		binary.BigEndian.PutUint64(row, i)
		if err := s.add(row); err != nil {
			t.Fatal(err)
		}
	}
	// A row takes 8 and 16 bytes; each run has at least half of the memory, and none more than all.
	if n := len(s.runs); n < 10_000*24/(1<<12) || n > 2*10_000*24/(1<<12) {
		t.Errorf("%d runs", n)
	}
}
