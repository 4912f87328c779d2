package main

import (
	"io"
	"testing"
)

// What windows are computed in is what was asked for, in bytes, for each view.
func TestMemoryIsHandedToTheEngineThatMaterializes(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "512MiB": 512 << 20, "2GB": 2_000_000_000} {
		reading, err := (&materializeFlags{memory: text}).reading()
		if err != nil || reading.Memory != want {
			t.Errorf("%q: got %d bytes, %v, want %d", text, reading.Memory, err, want)
		}
		m := newMeter(io.Discard)
		if shown := shownOn(m, reading); shown.Memory != want || shown.Progress == nil {
			t.Errorf("%q: got %+v, want %d bytes and a meter", text, shown, want)
		}
		m.stop()
	}
}
