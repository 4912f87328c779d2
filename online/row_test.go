package online_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

// everyType gives a storage with a feature of every type, and both times or none.
func everyType(times bool) *feature.Storage {
	s := &feature.Storage{ID: 5, View: "every", Version: 3, Rule: feature.Rule{Created: times, Available: times}}
	for k := feature.Bool; k <= feature.Timestamp; k++ {
		for i, typ := range []feature.Type{feature.Scalar(k), feature.ListOf(k, 0), feature.ListOf(k, 3)} {
			s.Features = append(s.Features, feature.Field{Name: fmt.Sprintf("f%d_%d", k, i), Type: typ})
		}
	}
	return s
}

func newLayout(t testing.TB, s *feature.Storage) *online.Layout {
	t.Helper()
	l, err := online.NewLayout(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func appendRandom(rng *rand.Rand, c *feature.Column, nulls bool) {
	if nulls && rng.IntN(4) == 0 {
		c.AppendNull()
		return
	}
	if c.Type.List {
		n := c.Type.Length
		if n == 0 {
			n = rng.IntN(20)
		}
		itemNulls := rng.IntN(2) == 0
		for range n {
			appendRandom(rng, c.Items, itemNulls)
		}
		c.EndList()
		return
	}
	floats := []float64{0, math.Copysign(0, -1), 1, -1, math.Inf(1), math.Inf(-1), math.NaN(), rng.NormFloat64()}
	switch c.Type.Kind {
	case feature.Bool:
		c.AppendBool(rng.IntN(2) == 0)
	case feature.Int32, feature.Date:
		c.AppendInt32(int32(rng.Uint32()) >> rng.IntN(32))
	case feature.Int64, feature.Timestamp:
		c.AppendInt64(int64(rng.Uint64()) >> rng.IntN(64))
	case feature.Float32:
		c.AppendFloat32(float32(floats[rng.IntN(len(floats))]))
	case feature.Float64:
		c.AppendFloat64(floats[rng.IntN(len(floats))])
	default:
		b := make([]byte, rng.IntN(4))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		c.AppendBytes(b)
	}
}

// randomBatch makes rows whose times are close together, so that there are ties.
func randomBatch(rng *rand.Rand, s *feature.Storage, rows int) *feature.Batch {
	times := []feature.Time{feature.MinTime, -1, 0, 1, feature.MaxTime}
	at := func() feature.Time { return times[rng.IntN(len(times))] }
	b := &feature.Batch{Rows: rows}
	if s.Rule.Created {
		b.Created = feature.NewColumn(feature.Scalar(feature.Timestamp), rows)
	}
	for range rows {
		b.Event = append(b.Event, at())
		if s.Rule.Available {
			b.Available = append(b.Available, at())
		}
		if s.Rule.Created {
			if rng.IntN(3) == 0 {
				b.Created.AppendNull()
			} else {
				b.Created.AppendInt64(int64(at()))
			}
		}
	}
	for _, f := range s.Features {
		c := feature.NewColumn(f.Type, rows)
		nulls := rng.IntN(2) == 0
		for range rows {
			appendRandom(rng, c, nulls)
		}
		b.Features = append(b.Features, c)
	}
	return b
}

func TestADecodedRowIsTheRowThatWasEncoded(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := everyType(seed%2 == 0)
		l := newLayout(t, s)
		b := randomBatch(rng, s, 20)
		all := make([]*feature.Column, len(s.Features))
		some := make([]*feature.Column, len(s.Features))
		for f := range all {
			all[f] = feature.NewColumn(s.Features[f].Type, 0)
			if rng.IntN(3) == 0 {
				some[f] = feature.NewColumn(s.Features[f].Type, 0)
			}
		}
		for i := range b.Rows {
			value := l.AppendRow(nil, b, i)
			for _, into := range [][]*feature.Column{all, some, nil} {
				stamp, err := l.Decode(value, into)
				if err != nil || stamp != b.Stamp(i) {
					t.Fatalf("seed %d, row %d: got %+v, %v, want %+v", seed, i, stamp, err, b.Stamp(i))
				}
			}
			for f, c := range all {
				if feature.Compare(c, i, b.Features[f], i) != 0 {
					t.Fatalf("seed %d, row %d, feature %s: got %v, want %v", seed, i, s.Features[f].Name, c.Any(i), b.Features[f].Any(i))
				}
				if some[f] != nil && feature.Compare(some[f], i, c, i) != 0 {
					t.Fatalf("seed %d, row %d, feature %s: some features decode differently than all", seed, i, s.Features[f].Name)
				}
			}
		}
	}
}

func TestValuesAreOrderedAsTheTimeRuleOrdersRows(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 2))
		s := everyType(seed%2 == 0)
		s.Features = s.Features[:3+rng.IntN(6)]
		l := newLayout(t, s)
		b := randomBatch(rng, s, 30)
		for i := range b.Rows {
			for j := range b.Rows {
				want := b.Stamp(i).Compare(b.Stamp(j))
				x, y := l.AppendRow(nil, b, i), l.AppendRow(nil, b, j)
				end := online.StampAt + l.StampLen()
				if got := bytes.Compare(x[online.StampAt:end], y[online.StampAt:end]); got != want {
					t.Fatalf("seed %d, rows %d and %d: the stamps' bytes give %d, want %d", seed, i, j, got, want)
				}
				for f := 0; want == 0 && f < len(b.Features); f++ {
					want = feature.Compare(b.Features[f], i, b.Features[f], j)
				}
				got, err := l.Compare(x, y)
				if err != nil || sign(got) != sign(want) {
					t.Fatalf("seed %d, rows %d and %d: got %d, %v, want %d", seed, i, j, got, err, want)
				}
				if (got == 0) != bytes.Equal(x, y) {
					t.Fatalf("seed %d, rows %d and %d: equal rows must have equal bytes", seed, i, j)
				}
			}
		}
	}
}

func sign(n int) int { return max(-1, min(1, n)) }

func TestTenFloatsTake91BytesAndNeverMoreWithNulls(t *testing.T) {
	s := &feature.Storage{ID: 1, View: "v", Version: 1}
	b := &feature.Batch{Rows: 1, Event: []feature.Time{1}}
	for i := range 10 {
		s.Features = append(s.Features, feature.Field{Name: fmt.Sprintf("f%d", i), Type: feature.Scalar(feature.Float64)})
		c := feature.NewColumn(feature.Scalar(feature.Float64), 1)
		c.AppendFloat64(1)
		b.Features = append(b.Features, c)
	}
	l := newLayout(t, s)
	if got := len(l.AppendRow(nil, b, 0)); got != 91 {
		t.Errorf("got %d bytes, want 91", got)
	}
	b.Features[3] = feature.NullColumn(feature.Scalar(feature.Float64), 1)
	if got := len(l.AppendRow(nil, b, 0)); got != 85 {
		t.Errorf("with a null: got %d bytes, want 91 + 2 for the bitmap - 8", got)
	}
}

func TestADamagedValueIsAnErrorAndAppendsNothing(t *testing.T) {
	s := everyType(true)
	l := newLayout(t, s)
	rng := rand.New(rand.NewPCG(1, 3))
	b := randomBatch(rng, s, 1)
	good := l.AppendRow(nil, b, 0)
	into := make([]*feature.Column, len(s.Features))
	for f := range into {
		into[f] = feature.NewColumn(s.Features[f].Type, 0)
	}
	try := func(what string, value []byte) {
		t.Helper()
		if _, err := l.Decode(value, into); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("%s: got error %v, want invalid", what, err)
		}
		for f, c := range into {
			if c.Len() != 0 || c.Items != nil && c.Items.Len() != 0 {
				t.Fatalf("%s: a value was appended to %s", what, s.Features[f].Name)
			}
		}
		if _, err := l.Compare(value, good); err == nil && !bytes.Equal(value[:min(len(value), 30)], good[:30]) {
			return // where the stamps differ, the rest is not looked at
		} else if !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("%s: compare gives error %v, want invalid", what, err)
		}
	}
	for n := range len(good) {
		try(fmt.Sprintf("cut after %d bytes", n), good[:n])
	}
	try("a byte too many", append(slices.Clone(good), 0))
	other := newLayout(t, everyType(false))
	try("a value of another layout", other.AppendRow(nil, randomBatch(rng, everyType(false), 1), 0))
	for at, name := range []string{"format", "layout"} {
		bad := slices.Clone(good)
		bad[at]++
		try("another "+name, bad)
	}
}

func TestDecodingAllocatesNothingWhereColumnsHaveRoom(t *testing.T) {
	s := everyType(true)
	l := newLayout(t, s)
	b := randomBatch(rand.New(rand.NewPCG(9, 9)), s, 1)
	value := l.AppendRow(nil, b, 0)
	into := make([]*feature.Column, len(s.Features))
	for f := range into {
		// Nulls are left out: a column that is emptied gives up its bitmap.
		if !b.Features[f].IsNull(0) && (b.Features[f].Items == nil || b.Features[f].Items.Valid == nil) {
			into[f] = feature.NewColumn(s.Features[f].Type, 100)
		}
	}
	decode := func() {
		for _, c := range into {
			if c != nil {
				c.Reset()
			}
		}
		if _, err := l.Decode(value, into); err != nil {
			t.Fatal(err)
		}
	}
	decode()
	if n := testing.AllocsPerRun(100, decode); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
}
