package definition

import (
	"math/rand/v2"
	"testing"
)

func TestNearestNameIsWhatWasMeant(t *testing.T) {
	known := []string{"window", "where", "online", "max_staleness", "keys", "as", "event_timestamp"}
	for _, c := range []struct{ name, want string }{
		{"windw", "window"},
		{"widnow", "window"},
		{"Online", "online"},
		{"max-staleness", "max_staleness"},
		{"event_timstamp", "event_timestamp"},
		{"key", "keys"},
		{"sa", "as"},
		{"schedule", ""},
		{"", ""},
		{"wxyzw", ""},
	} {
		if got, _ := nearest(c.name, known); got != c.want {
			t.Errorf("nearest to %q is %q, want %q", c.name, got, c.want)
		}
	}
}

// recursive is the distance as its definition says, for short texts.
func recursive(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	cost := 1
	if a[len(a)-1] == b[len(b)-1] {
		cost = 0
	}
	d := min(recursive(a[:len(a)-1], b)+1, recursive(a, b[:len(b)-1])+1, recursive(a[:len(a)-1], b[:len(b)-1])+cost)
	if len(a) > 1 && len(b) > 1 && a[len(a)-1] == b[len(b)-2] && a[len(a)-2] == b[len(b)-1] {
		d = min(d, recursive(a[:len(a)-2], b[:len(b)-2])+1)
	}
	return d
}

func TestDistanceIsThatOfTheDefinition(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		b := make([]byte, random.IntN(7))
		for i := range b {
			b[i] = byte('a' + random.IntN(3))
		}
		return string(b)
	}
	var rows [3][]int
	for range 2000 {
		a, b, limit := text(), text(), 1+random.IntN(6)
		if got, want := distance([]byte(a), []byte(b), limit, &rows), min(recursive(a, b), limit); got != want {
			t.Fatalf("distance(%q, %q) up to %d is %d, want %d", a, b, limit, got, want)
		}
	}
}

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
