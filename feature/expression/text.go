package expression

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"

	"github.com/quiver-features/quiver/feature"
)

// texts holds functions of texts. Texts are UTF-8; a byte that is not counts as one
// character. Nothing is normalized, and nothing depends on a language.
func texts() []function {
	s, b, i := scalar(feature.String), scalar(feature.Bool), scalar(feature.Int64)
	test := func(name, doc string, f func(text, part []byte) bool) function {
		return function{name: name, doc: doc, overloads: []overload{{args: of(s, s), result: b, kernel: mapped2(textsOf, textsOf, boolsOf, f)}}}
	}
	return []function{
		test("contains", "whether the text has a part, as contains(text, part)", bytes.Contains),
		test("startsWith", "whether the text begins so", bytes.HasPrefix),
		test("endsWith", "whether the text ends so", bytes.HasSuffix),
		{
			name: "matches", doc: "whether some part of the text matches a regular expression (RE2); ^ and $ are its ends",
			overloads: []overload{{args: []param{{typ: s}, {typ: s, constant: true}}, result: b, prepare: matches}},
		},
		{name: "lower", doc: "the text with a to z for A to Z; other letters stay", overloads: []overload{{args: of(s), result: s, kernel: written(cased('A', 'Z'))}}},
		{name: "upper", doc: "the text with A to Z for a to z; other letters stay", overloads: []overload{{args: of(s), result: s, kernel: written(cased('a', 'z'))}}},
		{name: "trim", doc: "the text without white space at its ends", overloads: []overload{{args: of(s), result: s, kernel: mapped(textsOf, textsOf, bytes.TrimSpace)}}},
		{
			name: "substr", doc: "n characters of the text from a position on, which counts from 0: substr(text, from, n); fewer where the text ends", fails: "from or n is negative",
			overloads: []overload{{args: of(s, i, i), result: s, kernel: substrings}},
		},
		{
			name: "replace", doc: "the text with every old part replaced, as replace(text, old, new); an empty old part is nowhere", fails: "the result is longer than 1 MiB",
			overloads: []overload{{args: of(s, s, s), result: s, kernel: written(replaced)}},
		},
		{
			name: "split", doc: "the parts of the text between separators, as split(text, separator); its characters where the separator is empty", fails: "the list is larger than 1 MiB",
			overloads: []overload{{args: of(s, s), result: listOf(feature.String), kernel: splits}},
		},
	}
}

// maxPattern bounds the instructions of a pattern, each of which may be looked at for each
// byte of a text: a short pattern can have millions, as x{1000} has a thousand.
const maxPattern = 2000

// matches compiles the pattern once, for all rows and machines.
func matches(c *call) (kernel, *problem) {
	if c.args[1].constant.stateAt(0) != present {
		return nil, problemf("", "the pattern of matches is null")
	}
	pattern := string(c.args[1].constant.texts[0])
	n, err := instructions(pattern)
	if err == nil && n > maxPattern {
		return nil, problemf("repeat less: x{n} counts as n times x", "the pattern of matches is too large: it takes %d steps, at most %d are allowed", n, maxPattern)
	}
	var re *regexp.Regexp
	if err == nil {
		re, err = regexp.Compile(pattern)
	}
	if err != nil {
		return nil, problemf("patterns are RE2's: https://github.com/google/re2/wiki/Syntax", "%s", err)
	}
	m := matcher{re: re, steps: max(n, 1), most: matchWork}
	return m.kernel, nil
}

// instructions gives how many instructions package regexp makes of a pattern.
func instructions(pattern string) (int, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, err
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0, err
	}
	return len(program.Inst), nil
}

// cased swaps the case of the ASCII letters in a range.
func cased(first, last byte) func(arena []byte, args []*vector, i int) ([]byte, bool) {
	return func(arena []byte, args []*vector, i int) ([]byte, bool) {
		if len(args[0].texts[i]) > maxValue {
			return arena, false
		}
		for _, c := range args[0].texts[i] {
			if c >= first && c <= last {
				c ^= 'a' - 'A'
			}
			arena = append(arena, c)
		}
		return arena, true
	}
}

func substrings(out *vector, in []*vector, n int) {
	for i := range n {
		text, from, count := in[0].texts[i], in[1].ints[i], in[2].ints[i]
		out.texts[i] = nil
		if from < 0 || count < 0 {
			out.fail(i)
			continue
		}
		start := characters(text, from)
		out.texts[i] = text[start : start+characters(text[start:], count)]
	}
}

// characters gives the length in bytes of the first n characters.
func characters(text []byte, n int64) int {
	at := 0
	for ; n > 0 && at < len(text); n-- {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at
}

// replaced stops where the result gets too long, before it is made.
func replaced(arena []byte, args []*vector, i int) ([]byte, bool) {
	text, old, fresh := args[0].texts[i], args[1].texts[i], args[2].texts[i]
	if len(old) == 0 {
		return append(arena, text...), true
	}
	if count := bytes.Count(text, old); len(text)+count*(len(fresh)-len(old)) > maxValue {
		return arena, false
	}
	for {
		at := bytes.Index(text, old)
		if at < 0 {
			return append(arena, text...), true
		}
		arena = append(append(arena, text[:at]...), fresh...)
		text = text[at+len(old):]
	}
}

func splits(out *vector, in []*vector, n int) {
	for i := range n {
		if out.stateAt(i) != present {
			continue
		}
		text, separator := in[0].texts[i], in[1].texts[i]
		if parts := partsOf(text, separator); len(text)+parts*feature.ItemBytes > maxValue {
			out.fail(i)
			continue
		}
		out.starts[i] = out.items.n
		for more := true; more && (len(separator) > 0 || len(text) > 0); {
			var part []byte
			if len(separator) == 0 {
				part, text = text[:characters(text, 1)], text[characters(text, 1):]
			} else {
				part, text, more = bytes.Cut(text, separator)
			}
			out.items.texts = append(out.items.texts, part)
			out.items.grown(present)
		}
		if out.ends[i] = out.items.n; !out.fits() {
			return
		}
	}
}

// partsOf gives how many parts a text is split into.
func partsOf(text, separator []byte) int {
	if len(separator) == 0 {
		return utf8.RuneCount(text)
	}
	return bytes.Count(text, separator) + 1
}
