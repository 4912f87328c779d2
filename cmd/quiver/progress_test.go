package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/quiver-features/quiver/offline"
)

// What is no terminal gets a line every five seconds: how far the stage is, and from the
// time that it has taken so far, how fast it goes and what is left.
func TestAMeterTellsSpeedAndTimeLeft(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	m := newMeter(&out)
	m.now, m.last = func() time.Time { return at }, at
	scan := func(done int64) offline.Progress {
		return offline.Progress{Stage: offline.StageScan, View: "v@1", Done: done, Total: 20_000_000, Part: 1, Parts: 1}
	}
	for _, c := range []struct {
		after time.Duration
		tell  func()
		want  string
	}{
		{0, func() { m.training(scan(0)) }, ""},
		{4 * time.Second, func() { m.training(scan(4_000_000)) }, ""},
		{time.Second, func() { m.training(scan(6_000_000)) }, "scan v@1: 6,000,000 of 20,000,000 rows (30.0 %), 1.2 M rows/s, 12s left\n"},
		{4 * time.Second, func() { m.training(scan(16_000_000)) }, ""},
		{95 * time.Second, func() { m.training(scan(19_999_999)) }, "scan v@1: 19,999,999 of 20,000,000 rows (> 99.9 %), 192.3 k rows/s, 1s left\n"},
		{5 * time.Second, func() { m.training(scan(20_000_000)) }, "scan v@1: 20,000,000 of 20,000,000 rows (100.0 %), 183.5 k rows/s\n"},
		// Another stage, and another part of the same one, begin anew.
		{5 * time.Second, func() {
			m.training(offline.Progress{Stage: offline.StageGather, View: "v@1", Done: 7, Total: 10, Part: 1, Parts: 1})
		}, "gather v@1: 7 of 10 values (70.0 %)\n"},
		{5 * time.Second, func() { m.training(offline.Progress{Stage: offline.StageWrite, Total: 400, Part: 1, Parts: 1200}) }, "write, part 1 of 1,200: 0 of 400 rows (0.0 %)\n"},
		{2 * time.Second, func() { m.training(offline.Progress{Stage: offline.StageWrite, Total: 400, Part: 2, Parts: 1200}) }, ""},
		{4 * time.Second, func() {
			m.training(offline.Progress{Stage: offline.StageWrite, Done: 100, Total: 400, Part: 2, Parts: 1200})
		}, "write, part 2 of 1,200: 100 of 400 rows (25.0 %), 25 rows/s, 12s left\n"},
		{5 * time.Second, func() { m.set(advance{stage: "write v@1", unit: "keys", done: 3}) }, "write v@1: 3 keys\n"},
		{10 * time.Second, func() { m.set(advance{stage: "write v@1", unit: "keys", done: 9_500}) }, "write v@1: 9,500 keys, 950 keys/s\n"},
		{10 * time.Hour, func() { m.set(advance{stage: "write v@1", unit: "keys", done: 36_010, total: 72_020}) }, "write v@1: 36,010 of 72,020 keys (50.0 %), 1 keys/s, 10h0m10s left\n"},
	} {
		at = at.Add(c.after)
		c.tell()
		if got := out.String(); got != c.want {
			t.Errorf("after %s\ngot  %swant %s", at.Format(time.TimeOnly), got, c.want)
		}
		out.Reset()
	}
	m.stop()
}

func TestShortNumbers(t *testing.T) {
	for n, want := range map[float64]string{
		0: "0", 0.4: "0", 949.6: "950", 999: "999", 1000: "1.0 k", 12_345: "12.3 k", 999_940: "999.9 k", 999_960: "1.0 M", 1.25e6: "1.2 M", 3.4e9: "3.4 G", 2e12: "2000.0 G",
	} {
		if got := short(n); got != want {
			t.Errorf("%v is %q, want %q", n, got, want)
		}
	}
}
