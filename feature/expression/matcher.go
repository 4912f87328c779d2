package expression

import (
	"io"
	"regexp"
	"unicode/utf8"
)

// matchWork is how many steps of a pattern, each at a byte, are taken before asking whether
// that is still wanted: some tenths of a second at most.
const matchWork = 16 << 20

// matcher finds a pattern in texts. It is safe for concurrent use.
type matcher struct {
	re    *regexp.Regexp
	steps int // that may be taken at each byte of a text
	most  int // steps that are taken before asking: matchWork
}

func (m *matcher) kernel(out *vector, args []*vector, n int) {
	texts, found := args[0].texts[:n], out.bools[:n]
	work := 0
	for i, text := range texts {
		if work += m.steps * len(text); work > m.most {
			work = 0
			if !out.wanted() {
				return
			}
		}
		found[i] = m.match(text, out)
	}
}

func (m *matcher) match(text []byte, out *vector) bool {
	if m.steps*len(text) <= m.most {
		return m.re.Match(text)
	}
	if _, only := m.re.LiteralPrefix(); only {
		return m.re.Match(text) // as fast as bytes are compared
	}
	every := max(m.most/m.steps, 1)
	return m.re.MatchReader(&runes{text: text, every: every, left: every, wanted: out.wanted})
}

// runes reads a text as package regexp does, until nobody wants it any more: then it ends
// early, and what was found is of no use.
type runes struct {
	text   []byte
	every  int // runes between two questions
	left   int // of them
	wanted func() bool
}

// ReadRune implements io.RuneReader.
func (r *runes) ReadRune() (c rune, size int, err error) {
	if r.left--; r.left < 0 {
		r.left = r.every
		if !r.wanted() {
			r.text = nil
		}
	}
	if len(r.text) == 0 {
		return 0, 0, io.EOF
	}
	c, size = utf8.DecodeRune(r.text)
	r.text = r.text[size:]
	return c, size, nil
}
