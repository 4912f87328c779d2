package feature

import "fmt"

// Window is the time that a windowed aggregate looks back over. At a time t it
// covers the rows with
//
//	VisibleFrom(e, a) <= t  and  floor(t, Granularity) - Length < e,
//
// where floor is to multiples of the granularity since the epoch: the head is
// exact, the tail moves in steps. A window without a length covers every row that
// is visible. What is computed here does not saturate: an end that lies before all
// times is none.
type Window struct {
	Length      Duration `json:"length,omitzero"` // 0: all time
	Granularity Duration `json:"granularity"`     // divides Length
}

// NewWindow makes a window with a given granularity, or with 0 for the one that
// goes with its length: the longest of the usual spans that is at most a hundredth
// of it, a 24th for sketches, and divides it; where there is none, a microsecond.
// Length 0 is all time, kept by days. The error wraps ErrInvalid.
func NewWindow(length, granularity Duration, sketch bool) (Window, error) {
	w := Window{Length: length, Granularity: granularity}
	switch {
	case length < 0:
		return Window{}, fmt.Errorf("window %s is negative: expected a span like 1h, or all: %w", length, ErrInvalid)
	case granularity < 0:
		return Window{}, fmt.Errorf("granularity %s is negative: leave it out, or name a span that divides the window: %w", granularity, ErrInvalid)
	case length == 0 && granularity == 0:
		w.Granularity = Day
	case length == 0:
		return Window{}, fmt.Errorf("a window of all time has no granularity: leave it out: %w", ErrInvalid)
	case granularity == 0:
		w.Granularity = usualGranularity(length, sketch)
	case length%granularity != 0:
		return Window{}, fmt.Errorf("granularity %s does not divide the window %s: leave it out, or take for example %s: %w",
			granularity, length, usualGranularity(length, sketch), ErrInvalid)
	}
	return w, nil
}

func usualGranularity(length Duration, sketch bool) Duration {
	parts := Duration(100)
	if sketch {
		parts = 24
	}
	for _, g := range []Duration{
		Day, 6 * Hour, Hour, 30 * Minute, 10 * Minute, 5 * Minute, Minute, 30 * Second, 10 * Second, 5 * Second, Second,
		500 * Millisecond, 100 * Millisecond, 50 * Millisecond, 10 * Millisecond, Millisecond,
	} {
		if g <= length/parts && length%g == 0 {
			return g
		}
	}
	return Microsecond
}

// Tail gives the time after which an event is still in the window at t. bounded is
// false where every event is: the window is of all time, or begins before it.
func (w Window) Tail(t Time) (after Time, bounded bool) {
	if w.Length == 0 {
		return MinTime, false
	}
	back := Time(floorMod(int64(t), int64(w.Granularity))) // to the floor
	for _, d := range []Time{back, Time(w.Length)} {
		if t < MinTime+d {
			return MinTime, false
		}
		t -= d
	}
	return t, true
}

// Covers tells whether an event at e is not too old for the window at t. Whether it
// is visible at t is the view's Rule to say.
func (w Window) Covers(t, e Time) bool {
	after, bounded := w.Tail(t)
	return !bounded || after < e
}

// Until gives the time from which on an event at e is too old for the window. ever is
// false where it never is.
func (w Window) Until(e Time) (t Time, ever bool) {
	if w.Length == 0 || e > MaxTime-Time(w.Length) {
		return MaxTime, false
	}
	t = e + Time(w.Length)
	if past := floorMod(int64(t), int64(w.Granularity)); past > 0 {
		up := Time(int64(w.Granularity) - past)
		if t > MaxTime-up {
			return MaxTime, false
		}
		t += up
	}
	return t, true
}

// Tile gives the number of the tile that an event at e is in: tile i is the times in
// (i*Granularity, (i+1)*Granularity]. A window's tail is always an edge of a tile.
func (w Window) Tile(e Time) int64 {
	q, r := int64(e)/int64(w.Granularity), int64(e)%int64(w.Granularity)
	if r > 0 {
		return q
	}
	return int64(Time(q).Add(-1))
}

// FirstTile gives the number of the oldest tile that a window with a length covers
// at t. With a granularity of a microsecond it saturates, as times do.
func (w Window) FirstTile(t Time) int64 {
	g := int64(w.Granularity)
	return int64(Time(floorDiv(int64(t), g)).Add(-Duration(int64(w.Length) / g)))
}

func floorDiv(a, m int64) int64 {
	if a%m < 0 {
		return a/m - 1
	}
	return a / m
}

// floorMod gives a - m*floorDiv(a, m), which is never negative, for m > 0.
func floorMod(a, m int64) int64 {
	if r := a % m; r < 0 {
		return r + m
	}
	return a % m
}
