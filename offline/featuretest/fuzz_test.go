package featuretest_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/quiver-features/quiver/offline/featuretest"
)

// FuzzParse holds, for any bytes, that a test file gives tests or problems with places, each
// of one line, and that a test that is accepted runs to an end.
func FuzzParse(f *testing.F) {
	f.Add("view: v\nrows: [{k: 1, at: 2026-01-01T00:00:00Z, " + row + "}]\nexpect:\n  - {at: 2026-01-02T00:00:00Z, keys: {k: 1}, features: {" + row + "}}\n")
	f.Add("view: v\nrows: {s: []}\ntolerance: 1\nexpect: [{at: x}]\n---\nview: &a [*a]\n")
	f.Add(strings.Repeat("[", 100_000))
	f.Add(strings.Repeat("a: ", 10_000))
	f.Add("view: " + strings.Repeat("m", 3000) + "\n\"\\x00\": 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		tests, problems := featuretest.Parse("a.test.yaml", []byte(text))
		check(t, problems)
		for _, test := range tests {
			_, err := featuretest.Run(t.Context(), test, types(), nil)
			var wrong featuretest.Problems
			if errors.As(err, &wrong) {
				check(t, wrong)
			}
		}
	})
}

func check(t *testing.T, problems featuretest.Problems) {
	t.Helper()
	for _, p := range problems {
		if p.Line < 1 || p.Column < 1 || p.Message == "" || len(p.Message) > 2000 || strings.ContainsFunc(p.Message, unicode.IsControl) {
			t.Errorf("not a line for people: %+v", p)
		}
	}
}
