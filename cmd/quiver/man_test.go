package main

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// The requests of roff that a page may use, as man(7) has them.
var roffRequests = regexp.MustCompile(`^\.(nh|TH|SH|PP|RS|RE|EX|EE|TP|IP)( |$)`)

// A backslash of a page's text is one of roff's own escapes.
var roffEscapes = regexp.MustCompile(`\\(fB|fI|fR|fP|fC|-|\\|&|e|~|\[[a-z]+\])`)

func TestEveryCommandHasAPageOfTheManual(t *testing.T) {
	root := (&app{}).root()
	b := build{Version: "v1.2.3", Date: "2026-01-31T23:30:00Z"}
	for _, c := range append(commands(root), root) {
		text, err := manualPage(c, b)
		if err != nil {
			t.Fatal(err)
		}
		page := string(text)
		name := strings.ReplaceAll(c.CommandPath(), " ", "-")
		for _, part := range []string{"\n.SH NAME\n", "\n.SH SYNOPSIS\n", "\n.SH EXAMPLE", `"1" "Jan 2026" "quiver v1.2.3" "Quiver"`, name + ` \- ` + c.Short} {
			if !strings.Contains(page, part) && !strings.Contains(page, strings.ReplaceAll(part, `\-`, "-")) {
				t.Errorf("%s: no %q in\n%s", c.CommandPath(), part, page)
			}
		}
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, ".") && !roffRequests.MatchString(strings.TrimSuffix(line, "\n")) {
				t.Errorf("%s: an unknown request: %s", c.CommandPath(), line)
			}
			if rest := roffEscapes.ReplaceAllString(line, ""); strings.Contains(rest, `\`) {
				t.Errorf("%s: an unknown escape: %s", c.CommandPath(), line)
			}
			if strings.HasPrefix(line, "'") {
				t.Errorf("%s: a line that roff takes for a request: %s", c.CommandPath(), line)
			}
		}
	}
}

func TestAPageOfAnUnknownDateIsAlwaysTheSame(t *testing.T) {
	if got := (build{}).time(); !got.Equal(time.Unix(0, 0)) {
		t.Errorf("time is %s", got)
	}
}
