package expression

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
)

// parse makes a tree of a text, within the limits.
func (s *Scope) parse(text string) (*ast.AST, *Error) {
	if len(text) > MaxText {
		return nil, &Error{1, 1, fmt.Sprintf("the expression is %d bytes long, at most %d are allowed", len(text), MaxText), "compute parts of it as features of their own"}
	}
	if strings.TrimSpace(text) == "" {
		return nil, &Error{1, 1, "the expression is empty", ""}
	}
	parsed, errs := s.parser.Parse(common.NewTextSource(text))
	if all := errs.GetErrors(); len(all) > 0 {
		return nil, syntaxError(text, all[0])
	}
	if ast.NodeCount(parsed) > maxNodes {
		return nil, tooLarge()
	}
	return parsed, nil
}

func tooLarge() *Error {
	return &Error{
		Line: 1, Column: 1,
		Message: fmt.Sprintf("the expression is too large: at most %d nested parts and %d names, literals and operators are allowed", maxDepth, maxNodes),
		Hint:    "compute parts of it as features of their own",
	}
}

// syntaxError says in our words what the parser found.
func syntaxError(text string, e *common.Error) *Error {
	at := &Error{Line: max(e.Location.Line(), 1), Column: max(e.Location.Column()+1, 1)}
	message := strings.TrimPrefix(e.Message, "Syntax error: ")
	rest := restOf(text, at.Line, at.Column)
	word := rest
	if i := strings.IndexAny(rest, " \t\r\n()[],"); i > 0 {
		word = rest[:i]
	}
	at.Message = message
	switch {
	case strings.Contains(message, "recursion limit"):
		return tooLarge()
	case strings.Contains(message, "<EOF>"):
		at.Message = "the expression ends where a value is expected"
	case strings.HasPrefix(message, "unexpected token"):
		at.Message = fmt.Sprintf("%.40q is not expected here", word)
		at.Hint = wordHint(word)
	case strings.HasPrefix(message, "unexpected character"):
		at.Message = fmt.Sprintf("%.8q is not part of the language", rest)
	case strings.HasPrefix(message, "reserved identifier"):
		at.Message = fmt.Sprintf("%.40q is a reserved word", word)
		if word == "if" {
			at.Hint = wordHint(word)
		}
	case strings.HasPrefix(message, "invalid int literal"):
		at.Message = fmt.Sprintf("%.40q does not fit an int64", word)
	case strings.HasPrefix(message, "invalid double literal"):
		at.Message = fmt.Sprintf("%.40q does not fit a float64", word)
	case message == "unable to unescape string":
		at.Message = "the text has an unknown escape sequence"
		at.Hint = `write \\ for a backslash, or r"…" for a text without escapes`
	case message == "unterminated string literal":
		at.Message = "the text has no closing quote"
	}
	return at
}

// wordHint is for those who come from SQL, Python or C.
func wordHint(word string) string {
	switch strings.ToLower(word) {
	case "and", "&":
		return "write a && b"
	case "or", "|":
		return "write a || b"
	case "not":
		return "write !a"
	case "is":
		return "write a == null"
	case "=":
		return "write a == b"
	case "like":
		return "write startsWith(a, b), contains(a, b) or matches(a, b)"
	case "if", "then", "else", "when":
		return "write condition ? a : b"
	case "between":
		return "write low <= a && a <= high"
	case "**", "*":
		return "write pow(a, b) for a power"
	}
	return ""
}

// restOf is the text from a place on.
func restOf(text string, line, column int) string {
	for range line - 1 {
		_, text, _ = strings.Cut(text, "\n")
	}
	runes := []rune(text)
	return string(runes[min(column-1, len(runes)):])
}
