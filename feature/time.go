package feature

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Time is a UTC instant in microseconds since 1970-01-01T00:00:00Z. A timestamp
// without a zone is taken as UTC. What is finer than a microsecond is floored
// (towards the past, before 1970 too), except available timestamps, which are
// rounded up: a row is never known earlier than it was.
type Time int64

// Duration is a span in microseconds. It is not a time.Duration, whose range
// ends after 292 years.
type Duration int64

// The ends of the range, and the units.
const (
	MinTime Time = math.MinInt64
	MaxTime Time = math.MaxInt64

	Microsecond Duration = 1
	Millisecond          = 1000 * Microsecond
	Second               = 1000 * Millisecond
	Minute               = 60 * Second
	Hour                 = 60 * Minute
	Day                  = 24 * Hour
	Week                 = 7 * Day
)

// TimeOf floors a time.Time to microseconds, saturating at the ends.
func TimeOf(t time.Time) Time {
	s := t.Unix()
	switch {
	case s > math.MaxInt64/1_000_000-1:
		return MaxTime
	case s < math.MinInt64/1_000_000:
		return MinTime
	}
	return Time(s*1_000_000 + int64(t.Nanosecond()/1000))
}

// FloorNanos makes a Time of nanoseconds since the epoch, rounding towards the
// past.
func FloorNanos(ns int64) Time {
	us := ns / 1000
	if ns%1000 < 0 {
		us--
	}
	return Time(us)
}

// CeilNanos makes a Time of nanoseconds since the epoch, rounding towards the
// future, as available timestamps are.
func CeilNanos(ns int64) Time {
	us := ns / 1000
	if ns%1000 > 0 {
		us++
	}
	return Time(us)
}

// FromMillis makes a Time of milliseconds since the epoch, saturating.
func FromMillis(ms int64) Time {
	switch {
	case ms > math.MaxInt64/1000:
		return MaxTime
	case ms < math.MinInt64/1000:
		return MinTime
	}
	return Time(ms * 1000)
}

// FromDate gives the midnight, UTC, at which a day begins, saturating: there are more
// days than times.
func FromDate(days int32) Time {
	const last = int32(int64(math.MaxInt64) / int64(Day))
	switch {
	case days > last:
		return MaxTime
	case days < -last:
		return MinTime
	}
	return Time(int64(days) * int64(Day))
}

// Std gives the same instant as a time.Time in UTC.
func (t Time) Std() time.Time { return time.UnixMicro(int64(t)).UTC() }

// String writes the time in RFC 3339, in UTC, with as many digits of the second
// as it needs. Outside the years 0 to 9999 it writes microseconds: "us:-92233".
func (t Time) String() string {
	s := t.Std()
	if y := s.Year(); y < 0 || y > 9999 {
		return "us:" + strconv.FormatInt(int64(t), 10)
	}
	return s.Format("2006-01-02T15:04:05.999999Z07:00")
}

// MarshalText writes what String writes.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what ParseTime reads.
func (t *Time) UnmarshalText(b []byte) error {
	var err error
	*t, err = ParseTime(string(b))
	return err
}

// ParseTime reads ISO 8601: a date, or a date and a time with T or a space
// between them, seconds and their fraction optional, with or without a zone (no
// zone is UTC); or what String writes outside those years. What is finer than a
// microsecond is floored. The error wraps ErrInvalid.
func ParseTime(s string) (Time, error) {
	t, _, err := parseTime(s)
	return t, err
}

// ParseTimeCeil is ParseTime, but what is finer than a microsecond is rounded
// up, as available timestamps are.
func ParseTimeCeil(s string) (Time, error) {
	t, finer, err := parseTime(s)
	if err == nil && finer && t < MaxTime {
		t++
	}
	return t, err
}

func parseTime(s string) (t Time, finer bool, err error) {
	if us, ok := strings.CutPrefix(s, "us:"); ok {
		if n, err := strconv.ParseInt(us, 10, 64); err == nil {
			return Time(n), false, nil
		}
	}
	text := strings.TrimSpace(s)
	if len(text) > 10 && (text[10] == ' ' || text[10] == 't') {
		text = text[:10] + "T" + text[11:]
	}
	for _, layout := range []string{
		"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02",
		"2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999Z07",
	} {
		if v, err := time.Parse(layout, text); err == nil {
			return TimeOf(v), finerThanMicros(text), nil
		}
	}
	return 0, false, fmt.Errorf("%q is not a time: expected ISO 8601, for example 2001-06-30T12:00:00Z: %w", s, ErrInvalid)
}

// finerThanMicros tells whether a time has a digit other than 0 beyond the sixth
// of its second's fraction. The parser of package time cuts off what is beyond
// the ninth, so its result does not tell.
func finerThanMicros(text string) bool {
	_, fraction, ok := strings.Cut(text, ".")
	if !ok {
		_, fraction, _ = strings.Cut(text, ",")
	}
	for i := 0; i < len(fraction) && fraction[i] >= '0' && fraction[i] <= '9'; i++ {
		if i >= 6 && fraction[i] != '0' {
			return true
		}
	}
	return false
}

// Add saturates at the ends of the range.
func (t Time) Add(d Duration) Time {
	s := t + Time(d)
	if (s > t) == (d > 0) || d == 0 {
		return s
	}
	if d > 0 {
		return MaxTime
	}
	return MinTime
}

// Sub gives t - u, saturating at the ends of the range.
func (t Time) Sub(u Time) Duration {
	d := Duration(t - u)
	if (d < 0) == (t < u) {
		return d
	}
	if t < u {
		return math.MinInt64
	}
	return math.MaxInt64
}

// String writes the span in the largest units that divide it: 1h30m, 7d. It is
// read back by ParseDuration.
func (d Duration) String() string {
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	u := uint64(d)
	if d < 0 {
		b.WriteByte('-')
		u = -u
	}
	for _, unit := range durationUnits() {
		if unit.name == "w" {
			continue // weeks are read, but days are clearer to read back
		}
		if n := u / uint64(unit.size); n > 0 {
			b.WriteString(strconv.FormatUint(n, 10))
			b.WriteString(unit.name)
			u %= uint64(unit.size)
		}
	}
	return b.String()
}

// Std gives the span as a time.Duration, saturating.
func (d Duration) Std() time.Duration {
	switch {
	case d > math.MaxInt64/1000:
		return math.MaxInt64
	case d < math.MinInt64/1000:
		return math.MinInt64
	}
	return time.Duration(d) * time.Microsecond
}

// MarshalText writes what String writes.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDuration reads.
func (d *Duration) UnmarshalText(b []byte) error {
	var err error
	*d, err = ParseDuration(string(b))
	return err
}

type durationUnit struct {
	name string
	size Duration
}

func durationUnits() []durationUnit {
	return []durationUnit{
		{"w", Week}, {"d", Day}, {"h", Hour}, {"m", Minute}, {"s", Second}, {"ms", Millisecond}, {"us", Microsecond},
	}
}

// ParseDuration reads whole numbers with units, largest first, each unit once:
// 500ms, 90s, 1h30m, 7d, 2w. Units are us, ms, s, m, h, d, w. A leading minus
// is read, so that the check of a value can tell what is wrong with it. The
// error wraps ErrInvalid.
func ParseDuration(s string) (Duration, error) {
	rest, negative := strings.CutPrefix(s, "-")
	bad := fmt.Errorf("%q is not a duration: expected whole numbers with units, for example 500ms, 90s, 1h30m, 7d or 2w: %w", s, ErrInvalid)
	if rest == "" {
		return 0, bad
	}
	var sum Duration
	units := durationUnits()
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil {
			return 0, bad
		}
		rest = rest[digits:]
		name := rest[:len(rest)-len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyz"))]
		rest = rest[len(name):]
		for len(units) > 0 && units[0].name != name {
			units = units[1:]
		}
		if len(units) == 0 {
			return 0, bad
		}
		size := units[0].size
		units = units[1:]
		if n > (math.MaxInt64-int64(sum))/int64(size) {
			return 0, fmt.Errorf("duration %q is longer than 292,000 years: %w", s, ErrInvalid)
		}
		sum += Duration(n) * size
	}
	if negative {
		sum = -sum
	}
	return sum, nil
}
