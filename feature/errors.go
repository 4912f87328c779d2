package feature

import "errors"

// The kinds of errors of every package. An error of Quiver wraps at most one of
// them with %w; callers test with errors.Is and never match texts. One function
// per edge (command line, gRPC) maps them to codes.
var (
	// ErrInvalid is input that has to be changed before it is tried again: a
	// definition, a request, a file.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound is a name, version or file that does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict is a change that lost against another one, or a store that
	// belongs to another registry. The state it was based on must be read again.
	ErrConflict = errors.New("conflict")
	// ErrUnavailable is a store that did not answer. Trying again may help.
	ErrUnavailable = errors.New("unavailable")
	// ErrTooLarge is input beyond a limit.
	ErrTooLarge = errors.New("too large")
)

// ErrorKind gives the kind that an error wraps, or nil where it wraps none. Of
// several, which an error of Quiver never has, the first in their order above.
func ErrorKind(err error) error {
	for _, kind := range [...]error{ErrInvalid, ErrNotFound, ErrConflict, ErrUnavailable, ErrTooLarge} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return nil
}
