package materialize_test

import (
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/materialize"
)

// sixKeys is a file of one row of each of six keys.
func sixKeys(e feature.Time, value float64) file {
	f := file{version: 1}
	for key := range int64(6) {
		f.rows = append(f.rows, row{key, e, e, value})
	}
	return f
}

// begins has a run fail as soon as it is recorded.
func (w *windows) begins(t *testing.T, to feature.Time) {
	t.Helper()
	for before, fuse := len(w.runs), 0; len(w.runs) == before; fuse++ {
		w.fuse = fuse
		if err := w.bring(t, func(q *materialize.Request) { q.To = to }); err == nil {
			t.Fatal("a run was to fail")
		}
	}
	w.fuse = -1
	w.wall += 60_000_000
}

// A run to 80 is killed at any operation, others fail before they write anything, a file
// lands, and a run to 60 reads it: what the first one has left keeps none of it out, be the
// others many or few.
func TestARunFollowsOneThatDiedHoweverManyFailedSince(t *testing.T) {
	for _, failing := range []int{0, 1, 30} {
		finished := false
		for k := 0; !finished; k++ {
			w := newWindows()
			w.now, w.files["a"] = 40, sixKeys(10, 0.1)
			if err := w.bring(t, nil); err != nil {
				t.Fatal(err)
			}
			w.now, w.files["b"] = 80, sixKeys(51, 0.2)
			w.fuse = k
			finished = w.bring(t, nil) == nil
			w.fuse = -1
			if finished || w.marks[1].Time == 80 {
				break // it only had to close its record
			}
			w.wall += 60_000_000
			for range failing {
				w.begins(t, 60)
			}
			w.files["c"] = sixKeys(52, 0.3) // in the same tile
			if err := w.bring(t, func(q *materialize.Request) { q.To = 60 }); err != nil {
				t.Fatal(err)
			}
			w.now = 90
			if err := w.bring(t, nil); err != nil {
				t.Fatal(err)
			}
			if w.check(t, 90); t.Failed() {
				t.Fatalf("killed at operation %d, %d failed since", k, failing)
			}
		}
	}
}
