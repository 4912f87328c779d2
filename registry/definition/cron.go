package definition

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/adhocore/gronx"
)

// checkCron says what is wrong with a cron expression of five fields.
func checkCron(s string) error {
	if len(s) > 256 {
		return fmt.Errorf("the cron expression is %d bytes long, at most 256 are allowed", len(s))
	}
	names := [5]string{"minute (0-59)", "hour (0-23)", "day of the month (1-31)", "month (1-12 or JAN-DEC)", "day of the week (0-7 or SUN-SAT)"}
	fields := strings.Fields(s)
	if len(fields) != len(names) {
		return fmt.Errorf("expected a cron expression of five fields, got %d in %s", len(fields), quoted(s))
	}
	for i, f := range fields {
		// Each part stands alone, because the library stops at the first that is due.
		for part := range strings.SplitSeq(f, ",") {
			alone := [5]string{"*", "*", "*", "*", "*"}
			alone[i] = part
			if part == "" || !gronx.IsValid(strings.Join(alone[:], " ")) {
				return fmt.Errorf("%s is no %s", quoted(f), names[i])
			}
		}
	}
	// Eight years hold every date that there is, the 29th of February too.
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := gronx.NextTickAfter(strings.Join(fields, " "), start, true); err != nil {
		return errors.New(quoted(s) + " names a date that never comes")
	}
	return nil
}
