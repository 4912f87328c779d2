package httpapi

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads JSON (RFC 8259) token by token, strictly: text must be UTF-8, and
// surrogates must come in pairs. It never recurses, so nothing that is nested
// can exhaust it. Its errors are faults.
type scanner struct {
	in   []byte
	at   int
	text []byte // what str unescapes into
}

// fault is where and why a body can't be read.
type fault struct {
	at      int // bytes from the body's start
	message string
}

// Error writes the message and the place.
func (f *fault) Error() string { return fmt.Sprintf("%s (at byte %d of the body)", f.message, f.at) }

func (s *scanner) fault(format string, args ...any) error {
	return &fault{at: s.at, message: fmt.Sprintf(format, args...)}
}

// peek skips white space and gives the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.at < len(s.in); s.at++ {
		switch c := s.in[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// found names what comes next, for messages.
func (s *scanner) found() string {
	switch c := s.peek(); {
	case s.at >= len(s.in):
		return "the end of the body"
	case c == '"':
		return "a string"
	case c == '[':
		return "a list"
	case c == '{':
		return "an object"
	case c == '-' || c >= '0' && c <= '9':
		return "a number"
	case c == 't' || c == 'f':
		return "a bool"
	case c == 'n':
		return "null"
	case c > ' ' && c < 0x7F:
		return fmt.Sprintf("%q", c)
	default:
		return fmt.Sprintf("byte 0x%02X", c)
	}
}

// open reads the bracket that begins a list or an object.
func (s *scanner) open(bracket byte) error {
	if s.peek() != bracket {
		want := "a list"
		if bracket == '{' {
			want = "an object"
		}
		return s.fault("expected %s, found %s", want, s.found())
	}
	s.at++
	return nil
}

// more tells whether another item follows, and reads the comma before it or else
// the closing bracket.
func (s *scanner) more(closing byte, first bool) (bool, error) {
	c := s.peek()
	if c == closing {
		s.at++
		return false, nil
	}
	if first {
		return true, nil
	}
	if c != ',' {
		return false, s.fault("expected ',' or '%c', found %s", closing, s.found())
	}
	s.at++
	return true, nil
}

// name reads a field's name and the colon behind it. It aliases the input or, like
// the text of str, what the next call overwrites.
func (s *scanner) name() ([]byte, error) {
	if s.peek() != '"' {
		return nil, s.fault("expected a field's name in double quotes, found %s", s.found())
	}
	name, err := s.str()
	if err != nil {
		return nil, err
	}
	if s.peek() != ':' {
		return nil, s.fault("expected ':', found %s", s.found())
	}
	s.at++
	return name, nil
}

// literal reads true, false or null.
func (s *scanner) literal(word string) error {
	if len(s.in)-s.at < len(word) || string(s.in[s.at:s.at+len(word)]) != word {
		return s.fault("expected %s", word)
	}
	s.at += len(word)
	return nil
}

// skip reads a scalar and forgets it.
func (s *scanner) skip() error {
	switch c := s.peek(); {
	case c == '"':
		_, err := s.str()
		return err
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	case c == '-' || c >= '0' && c <= '9':
		_, err := s.num()
		return err
	default:
		return s.fault("expected a value, found %s", s.found())
	}
}

// num reads a number and gives its text, which aliases the input.
func (s *scanner) num() ([]byte, error) {
	start := s.at
	if s.at < len(s.in) && s.in[s.at] == '-' {
		s.at++
	}
	switch {
	case s.at < len(s.in) && s.in[s.at] == '0':
		s.at++
	case !s.digits():
		return nil, s.fault("broken number: expected a digit")
	}
	if s.at < len(s.in) && s.in[s.at] == '.' {
		s.at++
		if !s.digits() {
			return nil, s.fault("broken number: expected a digit behind the point")
		}
	}
	if s.at < len(s.in) && s.in[s.at]|0x20 == 'e' {
		s.at++
		if s.at < len(s.in) && (s.in[s.at] == '+' || s.in[s.at] == '-') {
			s.at++
		}
		if !s.digits() {
			return nil, s.fault("broken number: expected a digit in the exponent")
		}
	}
	return s.in[start:s.at], nil
}

// digits reads digits and tells whether there were any.
func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.in) && s.in[s.at]-'0' <= 9 {
		s.at++
	}
	return s.at > start
}

// str reads a string, whose opening quote comes next. The text aliases the input,
// or, where it had escapes, a buffer that the next call overwrites.
func (s *scanner) str() ([]byte, error) {
	s.at++
	start, ascii := s.at, true
	for ; s.at < len(s.in); s.at++ {
		switch c := s.in[s.at]; {
		case c == '"':
			text := s.in[start:s.at]
			if !ascii && !utf8.Valid(text) {
				return nil, s.notUTF8(start)
			}
			s.at++
			return text, nil
		case c == '\\':
			return s.escaped(start)
		case c < ' ':
			return nil, s.fault("control character 0x%02X in a string: write it as an escape", c)
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, s.fault("a string has no end")
}

// escaped goes on with a string from its first escape.
func (s *scanner) escaped(start int) ([]byte, error) {
	s.text = append(s.text[:0], s.in[start:s.at]...)
	for s.at < len(s.in) {
		switch c := s.in[s.at]; {
		case c == '"':
			if !utf8.Valid(s.text) {
				return nil, s.notUTF8(start)
			}
			s.at++
			return s.text, nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		case c < ' ':
			return nil, s.fault("control character 0x%02X in a string: write it as an escape", c)
		default:
			s.text = append(s.text, c)
			s.at++
		}
	}
	return nil, s.fault("a string has no end")
}

func (s *scanner) notUTF8(start int) error {
	for s.at = start; s.at < len(s.in); {
		r, n := utf8.DecodeRune(s.in[s.at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		s.at += n
	}
	return s.fault("a string is not UTF-8")
}

// escape reads one escape, or two that make a pair of surrogates.
func (s *scanner) escape() error {
	if s.at+1 >= len(s.in) {
		return s.fault("a string has no end")
	}
	c := s.in[s.at+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return s.unicode()
	default:
		return s.fault("unknown escape in a string")
	}
	s.text = append(s.text, c)
	s.at += 2
	return nil
}

func (s *scanner) unicode() error {
	r, ok := s.hex(s.at)
	if !ok {
		return s.fault(`an escape \u needs four hexadecimal digits`)
	}
	length := 6
	if utf16.IsSurrogate(r) {
		second, _ := s.hex(s.at + length)
		if r = utf16.DecodeRune(r, second); r == utf8.RuneError {
			return s.fault("half of a surrogate pair in a string")
		}
		length = 12
	}
	s.text = utf8.AppendRune(s.text, r)
	s.at += length
	return nil
}

// hex reads \uXXXX at a place.
func (s *scanner) hex(at int) (r rune, ok bool) {
	if at+6 > len(s.in) || s.in[at] != '\\' || s.in[at+1] != 'u' {
		return 0, false
	}
	for _, c := range s.in[at+2 : at+6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
