package expression

import "github.com/quiver-features/quiver/feature"

// times holds the parts of times and dates, in UTC and the Gregorian calendar, and
// durations in units.
func times() []function {
	i, f, t, date, d := scalar(feature.Int64), scalar(feature.Float64), scalar(feature.Timestamp), scalar(feature.Date), scalar(kindDuration)
	ofDay := func(name, doc string, part func(day int64) int64) function {
		return function{name: name, doc: doc, overloads: []overload{
			{args: of(t), result: i, kernel: mapped(intsOf, intsOf, func(us int64) int64 { return part(dayOf(us)) })},
			{args: of(date), result: i, kernel: mapped(intsOf, intsOf, part)},
		}}
	}
	ofTime := func(name, doc string, unit, count feature.Duration) function {
		return function{name: name, doc: doc, overloads: []overload{{args: of(t), result: i, kernel: mapped(intsOf, intsOf, func(us int64) int64 {
			return floorMod(floorDiv(us, int64(unit)), int64(count))
		})}}}
	}
	span := func(name string, unit feature.Duration) function {
		return function{
			name: name, doc: "of a whole number, the duration of so many " + name + "; of a duration, how many " + name + " it lasts",
			overloads: []overload{
				{args: of(i), result: d, kernel: mapped(intsOf, intsOf, func(n int64) int64 { return mulSaturated(n, int64(unit)) })},
				{args: of(d), result: f, kernel: mapped(intsOf, floatsOf, func(us int64) float64 { return float64(us) / float64(unit) })},
			},
		}
	}
	return []function{
		ofDay("year", "the year", func(day int64) int64 { y, _, _ := civil(day); return y }),
		ofDay("month", "the month, 1 to 12", func(day int64) int64 { _, m, _ := civil(day); return m }),
		ofDay("day", "the day of the month, 1 to 31", func(day int64) int64 { _, _, d := civil(day); return d }),
		ofTime("hour", "the hour, 0 to 23", feature.Hour, 24),
		ofTime("minute", "the minute, 0 to 59", feature.Minute, 60),
		ofTime("second", "the second, 0 to 59", feature.Second, 60),
		ofDay("day_of_week", "the day of the week by ISO 8601: 1 is Monday, 7 is Sunday", weekday),
		ofDay("day_of_year", "the day of the year, 1 to 366", dayOfYear),
		ofDay("week", "the week by ISO 8601, 1 to 53: the first has the year's first Thursday", func(day int64) int64 {
			thursday := day - weekday(day) + 4
			return (dayOfYear(thursday)-1)/7 + 1
		}),
		span("weeks", feature.Week),
		span("days", feature.Day),
		span("hours", feature.Hour),
		span("minutes", feature.Minute),
		span("seconds", feature.Second),
		span("milliseconds", feature.Millisecond),
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// dayOf is the day that a time is on, in days since 1970-01-01.
func dayOf(us int64) int64 { return floorDiv(us, int64(feature.Day)) }

// weekday is 1 on Mondays; 1970-01-01 was a Thursday.
func weekday(day int64) int64 { return floorMod(day+3, 7) + 1 }

func dayOfYear(day int64) int64 {
	y, _, _ := civil(day)
	return day - firstOfYear(y) + 1
}

// civil is the Gregorian date of a day. It counts in eras of 400 years, which are
// equally long, and in years that begin in March, so that a leap day is the last.
func civil(day int64) (year, month, dayOfMonth int64) {
	const era = 146097 // days of 400 years
	z := day + 719468  // from 0000-03-01
	e := floorDiv(z, era)
	doe := z - e*era
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	dayOfMonth = doy - (153*mp+2)/5 + 1
	month = mp + 3
	year = yoe + e*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, dayOfMonth
}

// firstOfYear is the day of January 1st.
func firstOfYear(year int64) int64 {
	y := year - 1 // whole years before
	return 365*y + floorDiv(y, 4) - floorDiv(y, 100) + floorDiv(y, 400) - 719162
}
