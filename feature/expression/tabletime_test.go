package expression_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

func TestTimesAndDurationsAddUpAndSaturate(t *testing.T) {
	at := func(s string) value {
		v, err := feature.ParseTime(s)
		if err != nil {
			t.Fatal(err)
		}
		return value{"timestamp", v}
	}
	r := row{
		"t": at("2001-06-30T12:34:56.789Z"), "u": at("1969-12-31T23:59:59.999999Z"), "none": {"timestamp", nil}, "n": {"int64", int64(2)},
		"first": {"timestamp", feature.MinTime}, "last": {"timestamp", feature.MaxTime},
		"d": {"date", feature.CalendarDay(11503)}, "early": {"date", feature.CalendarDay(math.MinInt32)}, "late": {"date", feature.CalendarDay(math.MaxInt32)},
		"most": {"int64", int64(math.MaxInt64)}, "least": {"int64", int64(math.MinInt64)},
	}
	cases{
		{"t + hours(n)", "timestamp 2001-06-30T14:34:56.789Z"},
		{"minutes(n) + t", "timestamp 2001-06-30T12:36:56.789Z"},
		{"t - weeks(1)", "timestamp 2001-06-23T12:34:56.789Z"},
		{"t + milliseconds(211)", "timestamp 2001-06-30T12:34:57Z"},
		{"t + (days(1) - seconds(1))", "timestamp 2001-07-01T12:34:55.789Z"},
		{"t + -days(1)", "timestamp 2001-06-29T12:34:56.789Z"},
		{"none + days(1)", "timestamp null"},
		{"last + seconds(1) == last", "bool true"},
		{"first - seconds(1) == first", "bool true"},
		{"first + (last - first)", "timestamp 1969-12-31T23:59:59.999999Z"}, // the difference saturates: -2^63 + 2^63 - 1
		{"t + days(most) == last", "bool true"},
		{"u + days(least) == first", "bool true"},
		{"u - -days(least) == first", "bool true"},
		{"seconds(t - u)", "float64 9.93904496789001e+08"},
		{"hours(hours(n))", "float64 2"},
		{"minutes(hours(n))", "float64 120"},
		{"days(hours(n) + hours(10))", "float64 0.5"},
		{"weeks(days(n))", "float64 0.2857142857142857"},
		{"milliseconds(seconds(n))", "float64 2000"},
		{"hours(n) > minutes(119)", "bool true"},
		{"min(hours(n), minutes(119)) == minutes(119)", "bool true"},
		{"d + hours(n)", "timestamp 2001-06-30T02:00:00Z"},
		{"late + hours(n) == last && late - hours(n) < last", "bool true"},
		{"early - hours(n) == first", "bool true"},
		{"d - hours(n)", "timestamp 2001-06-29T22:00:00Z"},
		{"days(d - date('2001-06-01'))", "float64 29"},
		{"timestamp(late) == last && timestamp(early) == first", "bool true"},
		{"days(late - early) > 1.0e8", "bool true"},
		{"t < last && u < t && first < u", "bool true"},
		{"max(t, u)", "timestamp 2001-06-30T12:34:56.789Z"},
		{"d > date('1970-01-01')", "bool true"},
		{"date(t) == d", "bool true"},
		{"date(u)", "date 1969-12-31"},
		{"coalesce(none, t) == t", "bool true"},
		{"none == null", "bool true"},
	}.run(t, r)
}

// The parts of times are those of package time, over all of its years and at the ends of ours.
func TestPartsOfTimesAreTheCalendars(t *testing.T) {
	scope, err := expression.NewScope([]expression.Variable{{Name: "t", Type: feature.Scalar(feature.Timestamp)}})
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]func(time.Time) int{
		"year(t)": time.Time.Year, "month(t)": func(t time.Time) int { return int(t.Month()) }, "day(t)": time.Time.Day,
		"hour(t)": time.Time.Hour, "minute(t)": time.Time.Minute, "second(t)": time.Time.Second, "day_of_year(t)": time.Time.YearDay,
		"day_of_week(t)": func(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 },
		"week(t)":        func(t time.Time) int { _, w := t.ISOWeek(); return w },
		// The same of the date.
		"year(date(t))": time.Time.Year, "day(date(t))": time.Time.Day, "day_of_year(date(t))": time.Time.YearDay,
	}
	programs := map[string]*expression.Program{}
	for text := range parts {
		if programs[text], err = expression.Compile(text, scope); err != nil {
			t.Fatal(err)
		}
	}
	check := func(us int64) error {
		column := &feature.Column{Type: feature.Scalar(feature.Timestamp), Int64s: []int64{us}}
		for text, p := range programs {
			dst := feature.NewColumn(p.Type(), 1)
			if bad, err := p.NewMachine().Eval(1, []*feature.Column{column}, dst); err != nil || bad != nil {
				return fmt.Errorf("%s of %d: failed %v, error %w", text, us, bad, err)
			}
			if want := parts[text](feature.Time(us).Std()); dst.Int64s[0] != int64(want) {
				return fmt.Errorf("%s of %s is %d, want %d", text, feature.Time(us).Std(), dst.Int64s[0], want)
			}
		}
		return nil
	}
	day := int64(feature.Day)
	edges := []int64{math.MinInt64, math.MaxInt64, 0, -1, 1, day - 1, day, -day, -day - 1}
	for year := -401; year < 2401; year++ {
		first := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
		march := time.Date(year, 3, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
		edges = append(edges, first-1, first, march-1, march)
	}
	for _, us := range edges {
		if err := check(us); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if err := check(rapid.Int64().Draw(t, "us")); err != nil {
			t.Fatal(err)
		}
	})
}

// Distances by the formula of the great circle in another form, and one that is known:
// a degree of latitude is a 360th of the circumference.
func TestHaversineIsTheGreatCircle(t *testing.T) {
	r := row{"a": {"float64", 37.6188056}, "b": {"float64", -122.3754167}, "c": {"float64", 40.6397511}, "d": {"float64", -73.7789256}, "none": {"float64", nil}}
	cases{
		{"abs(haversine(0, 0, 1, 0) - 6371.0088 * 3.141592653589793 / 180) < 1e-9", "bool true"},
		{"haversine(a, b, a, b)", "float64 0"},
		{"abs(haversine(a, b, c, d) - 4151.8) < 1.0", "bool true"}, // San Francisco to New York
		{"abs(haversine(0, 0, 0, 180) - 6371.0088 * 3.141592653589793) < 1e-6", "bool true"},
		{"haversine(none, b, c, d)", "float64 null"},
		{"is_nan(haversine(a * 0.0 - 89.71, 0, 89.71, 180))", "bool false"}, // the sine's square comes out above 1
	}.run(t, r)
	const radius, radians = 6371.0088, math.Pi / 180
	cosine := math.Sin(37.6188056*radians)*math.Sin(40.6397511*radians) + math.Cos(37.6188056*radians)*math.Cos(40.6397511*radians)*math.Cos((122.3754167-73.7789256)*radians)
	r["want"] = value{"float64", radius * math.Acos(cosine)}
	cases{{"abs(haversine(a, b, c, d) - want) < 1e-6", "bool true"}}.run(t, r)
}
