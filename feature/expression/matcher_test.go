package expression_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

var errGone = errors.New("the caller has gone")

// A pattern of many steps in one long text is given up amid the text, and one in many short
// texts amid these.
func TestMatchesIsGivenUpAmidItsTexts(t *testing.T) {
	many := make([]string, 1000)
	for i := range many {
		many[i] = strings.Repeat("a", 1000)
	}
	for name, texts := range map[string][]string{"long": {strings.Repeat("a", 4<<20)}, "many": many} {
		t.Run(name, func(t *testing.T) {
			p, args := compiled(t, `matches(s, "(a?){490}c")`, map[string]*feature.Column{"s": textsOf(texts...)})
			m, dst, asked := p.NewMachine(), feature.NewColumn(p.Type(), 0), 0
			m.Until(func() error {
				if asked++; asked == 2 {
					return errGone
				}
				return nil
			})
			if _, err := m.Eval(len(texts), args, dst); !errors.Is(err, errGone) || asked != 2 {
				t.Errorf("asked %d times, got %v", asked, err)
			}
			// The machine goes on as if nothing had been.
			m.Until(nil)
			p, args = compiled(t, `matches(s, "b|c")`, map[string]*feature.Column{"s": textsOf("ab", "a")})
			m, dst = p.NewMachine(), feature.NewColumn(p.Type(), 0)
			if _, err := m.Eval(2, args, dst); err != nil || !dst.Bools[0] || dst.Bools[1] {
				t.Errorf("then got %v, %v", dst.Bools, err)
			}
		})
	}
}

// Of long texts, which are read in another way, the answer is that of package regexp for the
// text as a whole, be it UTF-8 or not.
func TestMatchesInLongTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for pattern, size := range map[string]int{ // such that it takes more than 2^24 steps
		"(x?){490}y": 18 << 10, `(?s)^.{500}é`: 36 << 10, "(ab|ba){200}c": 20 << 10, `[^a]b\x{fffd}`: 3 << 20, "(?i)NEEDLE": 2 << 20,
		"^b": 5 << 20, "a$": 5 << 20, `\Aa*z`: 4 << 20, `\bword\b`: 3 << 20, `(?m)^line$`: 3 << 20, "literal": 3 << 20, `\z`: 6 << 20,
	} {
		for n := range 2 {
			text := bytes.Repeat([]byte("ab"), size/2+n)
			for _, what := range []string{"y", "z", "é", " word ", "\nline\n", "Needle", "b\xff", "literal", "c"}[:r.IntN(10)] {
				copy(text[r.IntN(len(text)-10):], what)
			}
			column := feature.NewColumn(feature.Scalar(feature.String), 1)
			column.AppendBytes(text)
			p, args := compiled(t, fmt.Sprintf("matches(s, r'%s')", pattern), map[string]*feature.Column{"s": column})
			dst := feature.NewColumn(p.Type(), 0)
			if _, err := p.NewMachine().Eval(1, args, dst); err != nil {
				t.Fatal(err)
			}
			if want := regexp.MustCompile(pattern).Match(text); dst.Bools[0] != want {
				t.Errorf("%s in text %d: got %v, expected %v", pattern, n, dst.Bools[0], want)
			}
		}
	}
}
