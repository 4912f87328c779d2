package definition

import "testing"

func TestCronExpressionsAreFiveFieldsInTheirRanges(t *testing.T) {
	for _, c := range []struct{ expression, problem string }{
		{"* * * * *", ""},
		{"*/10 * * * *", ""},
		{"  0   6,18 1-7 JAN-MAR mon ", ""},
		{"0 0 29 2 *", ""},
		{"0 0 * * 7", ""},
		{"60 * * * *", `"60" is no minute (0-59)`},
		{"0,99 * * * *", `"0,99" is no minute (0-59)`},
		{"1,, * * * *", `"1,," is no minute (0-59)`},
		{"*/0 * * * *", `"*/0" is no minute (0-59)`},
		{"9-3 * * * *", `"9-3" is no minute (0-59)`},
		{"0 24 * * *", `"24" is no hour (0-23)`},
		{"0 0 0 * *", `"0" is no day of the month (1-31)`},
		{"0 0 1 13 *", `"13" is no month (1-12 or JAN-DEC)`},
		{"0 0 * * 8", `"8" is no day of the week (0-7 or SUN-SAT)`},
		{"0 0 31 4 *", `"0 0 31 4 *" names a date that never comes`},
		{"@hourly", `expected a cron expression of five fields, got 1 in "@hourly"`},
		{"0 0 0 * * *", `expected a cron expression of five fields, got 6 in "0 0 0 * * *"`},
		{"", `expected a cron expression of five fields, got 0 in ""`},
	} {
		got := ""
		if err := checkCron(c.expression); err != nil {
			got = err.Error()
		}
		if got != c.problem {
			t.Errorf("%q: got %s, want %s", c.expression, got, c.problem)
		}
	}
}
