package main

import "strings"

// bars are what courses and distributions are drawn with.
type bars struct {
	levels []rune // from the least to the greatest
	none   rune   // of a bin without any
}

// bars gives those that the terminal has.
func (a *app) bars() bars {
	if a.env.ascii {
		return bars{[]rune(".:-=+*#@"), '_'}
	}
	return bars{[]rune("▁▂▃▄▅▆▇█"), '·'}
}

// onlyASCII tells whether the locale has other characters than those of UTF-8. Of the
// variables that can name it the first that is set counts, as POSIX has it; where none is,
// most terminals take UTF-8.
func onlyASCII(getenv func(string) (string, bool)) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale, _ := getenv(name); locale != "" {
			locale = strings.ToLower(locale)
			return !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
		}
	}
	return false
}
