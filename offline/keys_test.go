package offline

import (
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

// Keys of few bytes are words, longer ones a hash and their bytes: whichever they are, no
// two keys are taken for one, and none for two.
func TestKeysAreTheSameWhereTheirValuesAre(t *testing.T) {
	kinds := []feature.Kind{feature.String, feature.Bytes, feature.Int64, feature.Int32, feature.Bool}
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		columns, want := make([]*feature.Column, 1+r.IntN(3)), make([]string, 1+r.IntN(60))
		for k := range columns {
			columns[k] = feature.NewColumn(feature.Scalar(kinds[r.IntN(len(kinds))]), len(want))
			for row := range want {
				awkwardKey(r, columns[k])
				want[row] += fmt.Sprintf("%q,", fmt.Sprint(columns[k].Any(row)))
			}
		}
		keysAgree(t, seed, columns, want)
	}
}

// awkwardKey appends a key that is easily taken for another one.
func awkwardKey(r *rand.Rand, c *feature.Column) {
	pick := func(numbers ...int64) int64 { return numbers[r.IntN(len(numbers))] }
	number := pick(0, 1, -1, 63, 64, -64, -65, 1<<20, math.MinInt32, math.MaxInt32, r.Int64(), int64(r.IntN(9)))
	switch c.Type.Kind {
	case feature.String, feature.Bytes:
		text := make([]byte, pick(0, 1, 3, 6, 7, 8, 9, 12))
		for i := range text {
			text[i] = byte(pick(0, 0, 1, 'a'))
		}
		c.AppendBytes(text)
	case feature.Int64:
		c.AppendInt64(number * pick(1, math.MaxInt32))
	case feature.Int32:
		c.AppendInt32(int32(number))
	default:
		c.AppendBool(number > 0)
	}
}

// keysAgree scatters rows into one batch, gives their keys numbers, and looks them up.
func keysAgree(t *testing.T, seed uint64, columns []*feature.Column, want []string) {
	t.Helper()
	types := make([]feature.Type, len(columns))
	for k, c := range columns {
		types[k] = c.Type
	}
	event := feature.NewColumn(feature.Scalar(feature.Timestamp), len(want))
	for range want {
		event.AppendInt64(0)
	}
	numbered, numberOf := newKeyTable(exactKeys(types)), map[string]uint32{}
	to := newScatter(1, len(want), feature.Rule{}, maphash.MakeSeed(), func(_ int, b *batch) error {
		for i := range b.offers {
			key := want[b.offers[i].row]
			n := numbered.put(b.offers[i].word, b.key(i))
			if had, known := numberOf[key]; known && had != n || !known && int(n) != len(numberOf) {
				t.Fatalf("seed %d: key %s has number %d, of %d so far; known %t as %d", seed, key, n, len(numberOf), known, had)
			}
			numberOf[key] = n
		}
		for i := range b.offers {
			if n := numbered.find(b.offers[i].word, b.key(i)); n != numberOf[want[b.offers[i].row]]+1 {
				t.Fatalf("seed %d: key %s is found as %d, and has number %d", seed, want[b.offers[i].row], n, numberOf[want[b.offers[i].row]])
			}
		}
		return nil
	})
	if err := to.add(columns, &chunk{rows: len(want), event: event}, 0, everyRow(len(want)), nil); err != nil {
		t.Fatal(err)
	}
	if err := to.flush(); err != nil {
		t.Fatal(err)
	}
	if len(numberOf) == 0 {
		t.Fatalf("seed %d: no key came through", seed)
	}
}

// Bytes of long keys stand in a batch also behind keys that are their words.
func TestLongKeysBehindShortOnes(t *testing.T) {
	long := strings.Repeat("k", 9)
	keys := feature.NewColumn(feature.Scalar(feature.String), 4)
	for _, k := range []string{"a", long, "b", long + "2"} {
		keys.AppendString(k)
	}
	event := feature.NewColumn(feature.Scalar(feature.Timestamp), 4)
	for range 4 {
		event.AppendInt64(0)
	}
	to := newScatter(1, 100, feature.Rule{}, maphash.MakeSeed(), nil)
	if err := to.add([]*feature.Column{keys}, &chunk{rows: 4, event: event}, 0, everyRow(4), nil); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", long, "", long + "2"} {
		if got := string(to.batches[0].key(i)); got != want {
			t.Errorf("key %d has the bytes %q, want %q", i, got, want)
		}
	}
}
