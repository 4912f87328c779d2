package main

import (
	"math"
	"testing"
)

// Of the variables that name a locale the first that is set counts.
func TestWhatTheTerminalDrawsIsThatOfTheLocale(t *testing.T) {
	for _, c := range []struct {
		all, ctype, lang string
		want             bool // UTF-8
	}{
		{"", "", "", true},
		{"", "", "C", false},
		{"", "", "POSIX", false},
		{"", "", "en_US.UTF-8", true},
		{"", "", "de_DE.utf8", true},
		{"", "", "de_DE.ISO-8859-1", false},
		{"", "C.UTF-8", "C", true},
		{"", "C", "en_US.UTF-8", false},
		{"C", "en_US.UTF-8", "en_US.UTF-8", false},
		{"C.UTF-8", "C", "C", true},
	} {
		set := map[string]string{"LC_ALL": c.all, "LC_CTYPE": c.ctype, "LANG": c.lang}
		got := onlyASCII(func(name string) (string, bool) { v, ok := set[name]; return v, ok })
		if got == c.want {
			t.Errorf("%+v: got %t", c, got)
		}
	}
}

func TestADistributionIsDrawnInASCII(t *testing.T) {
	a := &app{env: environment{ascii: true}}
	// Of eight: one and below, two, four, eight.
	if got := sparkline([]int64{0, 1, 2, 4, 8}, a.bars()); got != "_.:=@" {
		t.Errorf("got %s", got)
	}
	if line, least, greatest := course([]any{int64(1), nil, int64(9)}, a.bars()); line != ". @" || least != "1" || greatest != "9" {
		t.Errorf("got %q from %s to %s", line, least, greatest)
	}
	// -1e308 to 1e308 is further than a float goes.
	if line, _, _ := course([]any{1e308, -1e308, 0.0, math.Inf(1), math.Inf(-1), 5e-324}, a.bars()); line != "@.+@.+" {
		t.Errorf("of huge values got %q", line)
	}
	if line, _, _ := course([]any{0.0, 5e-324, 1e-323}, a.bars()); line != ".+@" {
		t.Errorf("of tiny values got %q", line)
	}
}
