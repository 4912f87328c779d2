package registry

import (
	"fmt"
	"strings"
	"time"

	"github.com/adhocore/gronx"

	"github.com/quiver-features/quiver/feature"
)

// scheduleInterval is the longest time between two ticks of a cron schedule of five
// fields, in UTC: with a pause at night or over weekends, the pause. Minutes, hours
// and days are looked at one after the other, because they do not depend on one
// another: a dense schedule has more ticks than one would want to walk through.
func scheduleInterval(schedule string) (feature.Duration, error) {
	fields := strings.Fields(schedule)
	if len(fields) != 5 {
		return 0, fmt.Errorf("schedule %q has %d fields, expected five: %w", schedule, len(fields), feature.ErrInvalid)
	}
	minutes := ticks(fields[0]+" * * * *", time.Hour)
	hours := ticks("0 "+fields[1]+" * * *", 24*time.Hour)
	days := scheduledDays(strings.Join(fields[2:], " "))
	if len(minutes) == 0 || len(hours) == 0 || len(days) < 2 {
		return 0, fmt.Errorf("schedule %q is not a cron expression that comes due: %w", schedule, feature.ErrInvalid)
	}
	span := minutes[len(minutes)-1] - minutes[0] // from the first to the last tick of an hour
	longest := gap(minutes, 0)
	longest = max(longest, gap(hours, span))
	span += hours[len(hours)-1] - hours[0] // of a day
	longest = max(longest, gap(days, span))
	return feature.Duration(longest.Microseconds()), nil
}

// scheduledDays gives midnights of days that the last three fields name, for long
// enough to hold every distance that there is between two of them.
func scheduledDays(fields string) []time.Duration {
	const day, year = 24 * time.Hour, 366 * 24 * time.Hour
	if fields == "* * *" {
		return []time.Duration{0, day}
	}
	if days := ticks("0 0 "+fields, 2*year); len(days) > 1 {
		return days
	}
	return ticks("0 0 "+fields, 9*year) // the 29th of February
}

// ticks gives the ticks within a span, as distances from its beginning.
func ticks(schedule string, span time.Duration) []time.Duration {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	var all []time.Duration
	for at, first := start, true; ; first = false {
		next, err := gronx.NextTickAfter(schedule, at, first)
		if err != nil || next.Sub(start) >= span {
			return all
		}
		all = append(all, next.Sub(start))
		at = next
	}
}

// gap is the longest distance between two neighbors, less what lies between the
// first and the last tick within each.
func gap(at []time.Duration, within time.Duration) time.Duration {
	longest := time.Duration(0)
	for i := 1; i < len(at); i++ {
		longest = max(longest, at[i]-at[i-1]-within)
	}
	return longest
}
