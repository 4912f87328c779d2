package expression

import (
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// Error is what is wrong with the text of an expression, and where. It wraps
// feature.ErrInvalid.
type Error struct {
	Line, Column int    // in the text, from 1; columns count characters
	Message      string // what is wrong
	Hint         string // what to do; may be empty
}

// Error writes the place, the message and the hint in one line.
func (e *Error) Error() string {
	s := fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap gives feature.ErrInvalid.
func (e *Error) Unwrap() error { return feature.ErrInvalid }

// problem is an Error whose place is not yet known: kernels and types know what is
// wrong, the compiler knows where.
type problem struct{ message, hint string }

func problemf(hint, format string, args ...any) *problem {
	return &problem{fmt.Sprintf(format, args...), hint}
}
