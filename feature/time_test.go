package feature_test

import (
	"errors"
	"math"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

func TestFinerThanAMicrosecondIsFlooredAndAvailableTimesAreRoundedUp(t *testing.T) {
	for _, c := range []struct{ ns, floor, ceil int64 }{
		{0, 0, 0},
		{1, 0, 1},
		{999, 0, 1},
		{1000, 1, 1},
		{1001, 1, 2},
		{-1, -1, 0},
		{-999, -1, 0},
		{-1000, -1, -1},
		{-1001, -2, -1},
		{math.MaxInt64, math.MaxInt64 / 1000, math.MaxInt64/1000 + 1},
		{math.MinInt64, math.MinInt64/1000 - 1, math.MinInt64 / 1000},
	} {
		if got := feature.FloorNanos(c.ns); int64(got) != c.floor {
			t.Errorf("FloorNanos(%d) = %d, want %d", c.ns, int64(got), c.floor)
		}
		if got := feature.CeilNanos(c.ns); int64(got) != c.ceil {
			t.Errorf("CeilNanos(%d) = %d, want %d", c.ns, int64(got), c.ceil)
		}
	}
}

func TestSumsAndDifferencesOfTimesSaturate(t *testing.T) {
	for _, c := range []struct {
		t    feature.Time
		d    feature.Duration
		want feature.Time
	}{
		{5, 3, 8},
		{5, -8, -3},
		{5, 0, 5},
		{maxT, 1, maxT},
		{maxT - 1, 1, maxT},
		{minT, -1, minT},
		{minT, math.MaxInt64, -1},
		{-1, math.MinInt64, minT},
		{0, math.MinInt64, minT},
		{maxT, math.MaxInt64, maxT},
	} {
		if got := c.t.Add(c.d); got != c.want {
			t.Errorf("%d.Add(%d) = %d, want %d", int64(c.t), int64(c.d), int64(got), int64(c.want))
		}
	}
	for _, c := range []struct {
		t, u feature.Time
		want feature.Duration
	}{
		{5, 3, 2}, {3, 5, -2}, {maxT, minT, math.MaxInt64}, {minT, maxT, math.MinInt64}, {0, minT, math.MaxInt64}, {-1, minT, math.MaxInt64}, {minT, 0, math.MinInt64},
	} {
		if got := c.t.Sub(c.u); got != c.want {
			t.Errorf("%d.Sub(%d) = %d, want %d", int64(c.t), int64(c.u), int64(got), int64(c.want))
		}
	}
}

func TestDaysBeyondTheRangeOfTimesSaturate(t *testing.T) {
	const day = 86_400_000_000
	for days, want := range map[int32]feature.Time{
		0: 0, 1: day, -1: -day, 11_500: 11_500 * day,
		// 2^63 microseconds are 106,751,991.167 days.
		106_751_991: 106_751_991 * day, 106_751_992: maxT, math.MaxInt32: maxT,
		-106_751_991: -106_751_991 * day, -106_751_992: minT, math.MinInt32: minT,
	} {
		if got := feature.FromDate(days); got != want {
			t.Errorf("FromDate(%d) = %d, want %d", days, int64(got), int64(want))
		}
	}
}

func TestTimesAreReadInISO8601(t *testing.T) {
	const noon = 993_902_400_000_000 // 2001-06-30T12:00:00Z: 11,503 days and a half
	for text, want := range map[string]int64{
		"2001-06-30T12:00:00Z":         noon,
		"2001-06-30 12:00:00":          noon,
		"2001-06-30T12:00":             noon,
		"2001-06-30T14:00:00+02:00":    noon,
		"2001-06-30T14:00:00+0200":     noon,
		"2001-06-30":                   noon - 12*3600*1_000_000,
		"2001-06-30T12:00:00.0000019Z": noon + 1,
		"1969-12-31T23:59:59.9999999Z": -1,
		"us:-9223372036854775808":      math.MinInt64,
		"1970-01-01T00:00:00.000001":   1,
	} {
		if got, err := feature.ParseTime(text); err != nil || int64(got) != want {
			t.Errorf("ParseTime(%q) = %d, %v, want %d", text, int64(got), err, want)
		}
	}
	for text, want := range map[string]feature.Time{
		"1970-01-01T00:00:00.0000011Z": 2, "1970-01-01T00:00:00.0000010Z": 1, "1970-01-01T00:00:00.000001Z": 1, "1970-01-01T00:00:00,0000011Z": 2,
		"1970-01-01T00:00:00.0000010001Z": 2, "1970-01-01T00:00:00.00000100000000000000000001": 2, // beyond nanoseconds
		"1970-01-01T01:00:00.0000000000001+01:00": 1, "1969-12-31T23:59:59.9999989999999": -1, "1969-12-31T23:59:59.9999990000000": -1,
	} {
		if got, err := feature.ParseTimeCeil(text); err != nil || got != want {
			t.Errorf("ParseTimeCeil(%s): got %d, %v, want %d", text, int64(got), err, int64(want))
		}
	}
	for _, bad := range []string{"", "noon", "2001-13-01", "2001-06-30T25:00:00Z", "993902400"} {
		if _, err := feature.ParseTime(bad); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("ParseTime(%q): %v, want ErrInvalid", bad, err)
		}
	}
	for _, want := range []feature.Time{0, -1, noon, noon + 1, minT, maxT} {
		if got, err := feature.ParseTime(want.String()); err != nil || got != want {
			t.Errorf("%q was read back as %d, %v, want %d", want.String(), int64(got), err, int64(want))
		}
	}
}

func TestDurationsHaveWholeNumbersAndUnits(t *testing.T) {
	for text, want := range map[string]feature.Duration{
		"1us": 1, "500ms": 500_000, "90s": 90_000_000, "1h30m": 5_400_000_000, "7d": 604_800_000_000, "2w": 1_209_600_000_000, "0s": 0,
		"-1s": -1_000_000, "1w1d1h1m1s1ms1us": 694_861_001_001,
	} {
		got, err := feature.ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %d, %v, want %d", text, int64(got), err, int64(want))
		}
		if again, err := feature.ParseDuration(got.String()); err != nil || again != got {
			t.Errorf("%q is written as %q and read back as %d, %v", text, got.String(), int64(again), err)
		}
	}
	for _, bad := range []string{"", "7", "d", "1.5h", "1m1h", "1h1h", "7 d", "1y", "-", "106751992d", "99999999999999999999s"} {
		if _, err := feature.ParseDuration(bad); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("ParseDuration(%q): %v, want ErrInvalid", bad, err)
		}
	}
}
