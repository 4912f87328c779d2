package registry

import (
	"fmt"
	"time"

	"github.com/adhocore/gronx"

	"github.com/quiver-features/quiver/feature"
)

// scheduleInterval is the longest time between two ticks of a cron schedule, over
// the year that follows a fixed day (or the first thousand ticks): with a pause at
// night, the pause. Schedules are in UTC.
func scheduleInterval(schedule string) (feature.Duration, error) {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	last, err := gronx.NextTickAfter(schedule, start, true)
	if err != nil {
		return 0, fmt.Errorf("schedule %q is not a cron expression that comes due: %w", schedule, feature.ErrInvalid)
	}
	longest := time.Duration(0)
	for range 1000 {
		next, err := gronx.NextTickAfter(schedule, last, false)
		if err != nil {
			return 0, fmt.Errorf("schedule %q ends at %s: %w", schedule, last.Format(time.RFC3339), feature.ErrInvalid)
		}
		longest = max(longest, next.Sub(last))
		if last = next; last.Sub(start) > 366*24*time.Hour {
			break
		}
	}
	return feature.Duration(longest.Microseconds()), nil
}
