package offline

import "testing"

// What fewer slots take as much of is fixed; where they take much more, their keys have more events.
func TestWhatAWindowIsTakenToCost(t *testing.T) {
	type part struct{ slots, bytes int64 }
	for _, c := range []struct {
		name        string
		parts       []part
		slot, fixed int64
	}{
		{"one part", []part{{1000, 100_000}}, 100, 0},
		{"none", []part{{0, 7}}, 0, 0},
		{"as much in fewer slots", []part{{1000, 100_000}, {500, 100_000}}, 0, 100_000},
		{"half is fixed", []part{{1000, 100_000}, {500, 75_000}}, 50, 50_000},
		{"more in fewer slots", []part{{1000, 100_000}, {700, 1_000_000}}, 1428, 0},
		{"dearer and then as dear", []part{{1000, 100_000}, {700, 1_000_000}, {100, 900_000}}, 166, 883_400},
		{"about as many slots", []part{{1000, 100_000}, {900, 180_000}}, 200, 0},
	} {
		var w windowCost
		for _, p := range c.parts {
			w.learn(p.slots, p.bytes)
		}
		if w.slot != c.slot || w.fixed != c.fixed {
			t.Errorf("%s: %d bytes a slot and %d fixed, expected %d and %d", c.name, w.slot, w.fixed, c.slot, c.fixed)
		}
	}
}
