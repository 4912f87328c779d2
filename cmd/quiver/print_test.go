package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quiver-features/quiver/feature"
)

func TestControlCharactersOfDataDoNotReachATerminal(t *testing.T) {
	for text, want := range map[string]string{
		"plain, ünïcode, 東京":     "plain, ünïcode, 東京",
		"a\x1b[31mred\nb\tc\x00": "a\uFFFD[31mred\uFFFDb\uFFFDc\uFFFD",
		"c1 \u009b31m":           "c1 \uFFFD31m",
		"turned \u202eround":     "turned \uFFFDround",
		"line\u2028break":        "line\uFFFDbreak",
		"broken \xff":            "broken \uFFFD",
	} {
		if got := printable(text); got != want {
			t.Errorf("printable(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestATableHoldsLongAndOddTexts(t *testing.T) {
	var out bytes.Buffer
	a := &app{env: environment{out: &out}}
	long := strings.Repeat("word ", 60) + strings.Repeat("x", 300)
	if err := a.printTable([]string{"A", "N"}, [][]string{{long, "1"}, {"two\nlines", "1,000"}}, 1); err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if n := len([]rune(line)); n > widest+12 {
			t.Errorf("a line of %d: %s", n, line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("blanks at the end of %q", line)
		}
	}
	if strings.Count(out.String(), "x") != 300 || strings.Count(out.String(), "word") != 60 {
		t.Errorf("texts are cut:\n%s", &out)
	}
	if !strings.Contains(out.String(), "two\uFFFDlines") {
		t.Errorf("a line break reached the table:\n%s", &out)
	}
}

// On a terminal no line is longer than it, and no text is lost: long ones are
// wrapped, columns without values go, and what still does not fit stands below
// one another.
func TestATableFitsTheTerminal(t *testing.T) {
	header := []string{"NAME", "OWNER", "N", "DESCRIPTION"}
	rows := [][]string{
		{"last_order@1", "", "1,000", strings.Repeat("what was paid ", 12)},
		{"churn_model@12", "", "7", "東京 and more of it, which is wider than its runes"},
	}
	for width := 20; width <= 200; width++ {
		var out bytes.Buffer
		a := &app{env: environment{out: &out, width: width}}
		if err := a.printTable(header, rows, 2); err != nil {
			t.Fatal(err)
		}
		table := !strings.HasPrefix(out.String(), "NAME  ") || strings.Contains(out.String(), "───")
		for line := range strings.Lines(out.String()) {
			if n := text.StringWidth(strings.TrimSuffix(line, "\n")); n > width && table {
				t.Fatalf("width %d: a line of %d: %s", width, n, line)
			}
		}
		for _, part := range []string{"last_order@1", "churn_model@12", "1,000", "東京"} {
			if strings.Count(out.String(), part) != 1 {
				t.Fatalf("width %d: %q is not there once:\n%s", width, part, &out)
			}
		}
		if n := strings.Count(strings.Join(strings.Fields(out.String()), " "), "paid"); n != 12 {
			t.Fatalf("width %d: a text is cut:\n%s", width, &out)
		}
		if owner := strings.Contains(out.String(), "OWNER"); owner != (width >= 128) {
			t.Errorf("width %d: the empty column is shown: %t", width, owner)
		}
	}
}

// A pipe gets one line per row up to the widest column, whatever terminal there is.
func TestAPipeGetsWholeLines(t *testing.T) {
	var out bytes.Buffer
	a := &app{env: environment{out: &out}}
	if err := a.printTable([]string{"A", "B", "C"}, [][]string{{strings.Repeat("a ", 45), "", strings.Repeat("c ", 45)}}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 3 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%d lines:\n%s", n, &out)
	}
}

func TestNumbersAndSizesReadWell(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 3_000_000: "3,000,000", -5: "-5", -1234: "-1,234"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %s, want %s", n, got, want)
		}
	}
	for text, want := range map[string]int64{"": 0, "7": 7, "512MiB": 512 << 20, "2GiB": 2 << 30, "3GB": 3_000_000_000} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("parseBytes(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"lots", "-1", "0", "1.5GiB", "GiB", "99999999999GiB", "2 GiB", "9223372036854775808"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("parseBytes(%q) = %d, want an error", text, got)
		}
	}
}

func TestValuesAreFitForJSON(t *testing.T) {
	var out bytes.Buffer
	a := &app{env: environment{out: &out}, format: "json"}
	values := []any{plain(math.NaN()), plain(math.Inf(-1)), plain(float32(0.1)), plain([]byte{1, 2}), plain(feature.Time(0)), plain([]any{math.NaN()}), nil}
	if err := a.print(values, nil); err != nil {
		t.Fatal(err)
	}
	want := `["NaN","-Infinity",0.1,"AQI=","1970-01-01T00:00:00Z",["NaN"],null]`
	if got := strings.NewReplacer("\n", "", " ", "").Replace(out.String()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAnErrorEndsWithoutItsKind(t *testing.T) {
	err := errors.Join(fmt.Errorf("a is gone: %w", feature.ErrNotFound), fmt.Errorf("b: %w: details", feature.ErrUnavailable))
	if got, want := readable(err.Error()+"\n"), "a is gone\nb: unavailable: details"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAKeysValuesAreSplitAtCommas(t *testing.T) {
	for text, want := range map[string][]string{
		"a,b": {"a", "b"}, `a\,b,c`: {"a,b", "c"}, "": {""}, "a,": {"a", ""}, `a\\,b`: {`a\`, "b"}, `a\`: {`a\`},
	} {
		if got := splitValues(text); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("splitValues(%q) = %q, want %q", text, got, want)
		}
	}
}

// A share is not rounded to all or to nothing.
func TestShares(t *testing.T) {
	for _, c := range []struct {
		part, whole int64
		want        string
	}{
		{0, 0, "-"},
		{0, 17_548, "0.0 %"},
		{1, 17_548, "< 0.1 %"},
		{1, 2000, "0.1 %"},
		{1, 3, "33.3 %"},
		{1999, 2000, "> 99.9 %"},
		{999, 1000, "99.9 %"},
		{17_547, 17_548, "> 99.9 %"},
		{17_548, 17_548, "100.0 %"},
		{6752, 3376, "200.0 %"},
	} {
		if got := percent(c.part, c.whole); got != c.want {
			t.Errorf("%d of %d is %q, want %q", c.part, c.whole, got, c.want)
		}
	}
}
