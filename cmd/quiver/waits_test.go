package main

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaitsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		w := &waits{what: "the registry", note: func(line string) { lines = append(lines, line) }}
		wait := func(long time.Duration) (told int) {
			before := len(lines)
			_, _ = waited(w, func() (time.Time, error) { return <-time.After(long), nil })
			return len(lines) - before
		}
		for i, step := range []struct {
			long time.Duration
			told int
		}{
			{1999 * time.Millisecond, 0},
			{2001 * time.Millisecond, 1},
			{3 * time.Second, 0},  // the line is five seconds old at their end
			{8 * time.Second, 1},  // and ten within these
			{31 * time.Second, 3}, // after 9, 19 and 29 of them
		} {
			if got := wait(step.long); got != step.told {
				t.Errorf("wait %d, of %v: %d lines, want %d", i, step.long, got, step.told)
			}
		}
		if !slices.Equal(lines, slices.Repeat([]string{"waiting for the registry"}, 5)) {
			t.Errorf("said: %q", lines)
		}
	})
}

func TestWaitsAreToldBesideAMeter(t *testing.T) {
	var out bytes.Buffer
	a := &app{meter: newMeter(&out)}
	defer a.meter.stop()
	a.waits("the online store").tell(time.Now())
	if got := out.String(); got != "waiting for the online store\n" {
		t.Errorf("the meter wrote %q", got)
	}
}
