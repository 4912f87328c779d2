package main

import (
	"slices"
	"strings"
)

// bars are what courses and distributions are drawn with.
type bars struct {
	levels []rune // from the least to the greatest
	none   rune   // of a bin without any
}

// bars gives those that the terminal has: ASCII where its locale says that it takes nothing
// else. Most that set no locale take UTF-8.
func (a *app) bars() bars {
	if a.utf8() {
		return bars{[]rune("▁▂▃▄▅▆▇█"), '·'}
	}
	return bars{[]rune(".:-=+*#@"), '_'}
}

// utf8 tells whether the locale's characters are those of UTF-8. Of the variables that
// can name it the first that is set counts, as POSIX has it.
func (a *app) utf8() bool {
	names := []string{"LC_ALL", "LC_CTYPE", "LANG"}
	at := slices.IndexFunc(names, func(name string) bool {
		text, _ := a.env.getenv(name)
		return text != ""
	})
	if at < 0 {
		return true
	}
	locale, _ := a.env.getenv(names[at])
	locale = strings.ToLower(locale)
	return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
}
