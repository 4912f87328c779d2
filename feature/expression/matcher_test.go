package expression

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"regexp"
	"testing"
)

// patternOf is a matcher that asks after few steps, so that texts need not be long.
func patternOf(t *testing.T, pattern string, most int) *matcher {
	t.Helper()
	steps, err := instructions(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return &matcher{re: regexp.MustCompile(pattern), steps: steps, most: most}
}

// found gives what a matcher finds in texts, asked by ended whether it is to go on.
func found(m *matcher, ended func() error, texts ...[]byte) *vector {
	in, out := &vector{lane: textLane}, &vector{lane: boolLane, ended: ended}
	in.resize(len(texts))
	out.resize(len(texts))
	copy(in.texts, texts)
	m.kernel(out, []*vector{in}, len(texts))
	return out
}

// A pattern of many steps in one long text is given up amid the text, and one in many short
// texts amid these.
func TestMatchesIsGivenUpAmidItsTexts(t *testing.T) {
	gone := errors.New("the caller has gone")
	many := make([][]byte, 100)
	for i := range many {
		many[i] = bytes.Repeat([]byte("a"), 100)
	}
	for name, texts := range map[string][][]byte{"long": {bytes.Repeat([]byte("a"), 10_000)}, "many": many} {
		t.Run(name, func(t *testing.T) {
			m, asked := patternOf(t, "(a?){49}c", 20_000), 0
			out := found(m, func() error {
				if asked++; asked == 3 {
					return gone
				}
				return nil
			}, texts...)
			if !errors.Is(out.gone, gone) || asked != 3 {
				t.Errorf("asked %d times, got %v", asked, out.gone)
			}
			// Of those who stay it is asked about as often as there are steps.
			asked = 0
			if out = found(m, func() error { asked++; return nil }, texts...); out.gone != nil || 2*asked < m.steps*10_000/m.most || asked > 2*m.steps*10_000/m.most {
				t.Errorf("asked %d times, got %v", asked, out.gone)
			}
		})
	}
}

// Of long texts, which are read in another way, the answer is that of package regexp for the
// text as a whole, be it UTF-8 or not.
func TestMatchesInLongTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, pattern := range []string{
		"(x?){49}y", `(?s)^.{50}é`, "(ab|ba){20}c", `[^a]b\x{fffd}`, "(?i)NEEDLE", "^b", "a$", `\Aa*z`, `\bword\b`, `(?m)^line$`, "literal", `\z`, "$^",
	} {
		m := patternOf(t, pattern, 100)
		for n := range 30 {
			text := bytes.Repeat([]byte("ab"), 200+n)
			for _, what := range []string{"y", "z", "é", " word ", "\nline\n", "Needle", "b\xff", "literal", "c", "\xc3"}[:r.IntN(11)] {
				copy(text[r.IntN(len(text)-10):], what)
			}
			if got, want := found(m, nil, text).bools[0], m.re.Match(text); got != want {
				t.Errorf("%s in %q: got %v, expected %v", pattern, text, got, want)
			}
		}
	}
}
