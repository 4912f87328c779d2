package feature_test

import (
	"errors"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

// The rule in numbers without ends: floor(t, g) - w < e, and the tile of e is
// floor((e - 1) / g).
func windowByRule(w feature.Window, t, e feature.Time) (covers bool, tile, first *big.Int) {
	g, at, event := big.NewInt(int64(w.Granularity)), big.NewInt(int64(t)), big.NewInt(int64(e))
	floorDiv := func(a *big.Int) *big.Int { return new(big.Int).Div(a, g) } // Euclidean: floors for g > 0
	tail := floorDiv(at)
	tail.Mul(tail, g).Sub(tail, big.NewInt(int64(w.Length)))
	saturated := func(n *big.Int) *big.Int {
		if least := big.NewInt(int64(feature.MinTime)); n.Cmp(least) < 0 {
			return least
		}
		return n
	}
	return tail.Cmp(event) < 0, saturated(floorDiv(new(big.Int).Sub(event, big.NewInt(1)))), saturated(floorDiv(tail))
}

func TestWindowIsTheRuleInNumbersWithoutEnds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	near := func(at int64) int64 { return at + r.Int64N(7) - 3 }
	for range 200_000 {
		g := []int64{1, 2, 3, 1000, int64(feature.Minute), int64(feature.Day)}[r.IntN(6)]
		w := feature.Window{Granularity: feature.Duration(g), Length: feature.Duration(g * (1 + r.Int64N(40)))}
		edge := []int64{0, g, -g, 10 * g, -10 * g, int64(feature.MinTime) + 3, int64(feature.MinTime) + int64(w.Length), int64(feature.MaxTime) - 3}
		at := feature.Time(near(edge[r.IntN(len(edge))]))
		e := feature.Time(near([]int64{int64(at), int64(at) - int64(w.Length), int64(at) - int64(w.Length) - g, edge[r.IntN(len(edge))]}[r.IntN(4)]))
		covers, tile, first := windowByRule(w, at, e)
		if got := w.Covers(at, e); got != covers {
			t.Fatalf("%+v at %d covers %d: %v, expected %v", w, at, e, got, covers)
		}
		if got := w.Tile(e); big.NewInt(got).Cmp(tile) != 0 {
			t.Fatalf("%+v: tile of %d is %d, expected %s", w, e, got, tile)
		}
		if got := w.FirstTile(at); big.NewInt(got).Cmp(first) != 0 {
			t.Fatalf("%+v: first tile at %d is %d, expected %s", w, at, got, first)
		}
		if e > feature.MinTime && covers != (w.Tile(e) >= w.FirstTile(at)) {
			t.Fatalf("%+v at %d: the tail cuts the tile of %d", w, at, e)
		}
	}
}

func TestBothEdgesOfAWindow(t *testing.T) {
	w, err := feature.NewWindow(feature.Hour, feature.Minute, false)
	if err != nil {
		t.Fatal(err)
	}
	at, err := feature.ParseTime("2001-01-01T12:00:30Z")
	if err != nil {
		t.Fatal(err)
	}
	tail, bounded := w.Tail(at)
	if !bounded || tail.String() != "2001-01-01T11:00:00Z" {
		t.Errorf("the tail is %s, expected 11:00:00", tail)
	}
	if w.Covers(at, tail) || !w.Covers(at, tail+1) {
		t.Error("an event at the tail is covered, or one a microsecond behind it is not")
	}
	exact := feature.Window{Length: feature.Hour, Granularity: feature.Microsecond}
	if tail, _ := exact.Tail(at); tail.String() != "2001-01-01T11:00:30Z" {
		t.Errorf("with granularity 1us the tail is %s", tail)
	}
	all := feature.Window{Granularity: feature.Day}
	if !all.Covers(at, feature.MinTime) {
		t.Error("a window of all time does not cover the first instant")
	}
}

func TestGranularityOfAWindow(t *testing.T) {
	for _, c := range []struct {
		window, plain, sketch string
	}{
		{"30d", "6h", "1d"},    // 7.2 h and 30 h
		{"7d", "1h", "6h"},     // 1.68 h and 7 h
		{"24h", "10m", "1h"},   // 14.4 min and 1 h
		{"1h", "30s", "1m"},    // 36 s and 150 s
		{"90s", "500ms", "1s"}, // 0.9 s and 3.75 s
		{"100ms", "1ms", "1ms"},
		{"10ms", "1us", "1us"}, // 0.1 ms and 0.42 ms
		{"7us", "1us", "1us"},
		{"61s", "500ms", "1s"},
		{"1h1us", "1us", "1us"}, // nothing else divides it
		{"365d", "1d", "1d"},
	} {
		length, err := feature.ParseDuration(c.window)
		if err != nil {
			t.Fatal(err)
		}
		for sketch, want := range map[bool]string{false: c.plain, true: c.sketch} {
			w, err := feature.NewWindow(length, 0, sketch)
			if err != nil || w.Granularity.String() != want {
				t.Errorf("window %s (sketch: %v): granularity %s, expected %s (%v)", c.window, sketch, w.Granularity, want, err)
			}
		}
	}
	for _, bad := range []struct{ length, granularity feature.Duration }{
		{-1, 0}, {feature.Hour, -1}, {feature.Hour, 7 * feature.Minute}, {feature.Hour, 2 * feature.Hour}, {0, feature.Day},
	} {
		if _, err := feature.NewWindow(bad.length, bad.granularity, false); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("window %s with granularity %s is taken: %v", bad.length, bad.granularity, err)
		}
	}
}

func TestUntilIsWhereCoveringEnds(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	edges := []feature.Time{feature.MinTime, feature.MinTime + 1, feature.MinTime + 70, -1, 0, 1, feature.MaxTime - 70, feature.MaxTime - 1, feature.MaxTime}
	for _, length := range []feature.Duration{0, 7, 60, 600} {
		for _, step := range []feature.Duration{1, 7, 20, 60} {
			w := feature.Window{Length: length, Granularity: step}
			for range 2000 {
				e := edges[r.IntN(len(edges))].Add(feature.Duration(r.Int64N(200) - 100))
				near := e.Add(length + feature.Duration(r.Int64N(200)-100))
				until, ever := w.Until(e)
				for _, at := range append(edges, near, near.Add(1), until, until.Add(-1)) {
					if got, want := ever && at >= until, !w.Covers(at, e); got != want {
						t.Fatalf("window %+v, event %d, time %d: left by Until is %v, not covered is %v", w, e, at, got, want)
					}
				}
			}
		}
	}
}
