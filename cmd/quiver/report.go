package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// The exit codes.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitChanges = 3
)

// errChanges is plan --exit-code having found changes: no failure, and nothing
// to print.
var errChanges = errors.New("changes found")

// usageError is a command line that can't be right, whatever the data is.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// interruptedError is work that was interrupted, and what is left of it.
type interruptedError struct {
	left string
	err  error
}

func (e interruptedError) Error() string { return "interrupted; " + e.left }
func (e interruptedError) Unwrap() error { return e.err }

// report prints an error and gives the exit code that it means.
func (a *app) report(ctx context.Context, err error) int {
	var usage usageError
	var interrupted interruptedError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errChanges):
		return exitChanges
	case errors.As(err, &usage):
		a.complain(err.Error())
		return exitUsage
	case errors.As(err, &interrupted):
		a.complain(interrupted.Error())
		return exitFailed
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		a.complain("interrupted; nothing was left half-done")
		return exitFailed
	case ctx.Err() != nil:
		a.complain("interrupted: " + err.Error())
		return exitFailed
	}
	a.complain(err.Error())
	return exitFailed
}

func (a *app) complain(text string) {
	_, _ = fmt.Fprintln(a.env.err, "quiver:", readable(text))
}

// readable makes an error's text fit for people: without the kind that ends it,
// which the text before has said already, and without control characters.
func readable(text string) string {
	kinds := []error{feature.ErrInvalid, feature.ErrNotFound, feature.ErrConflict, feature.ErrUnavailable, feature.ErrTooLarge}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		for _, kind := range kinds {
			line = strings.TrimSuffix(line, ": "+kind.Error())
		}
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}

// note tells something beside the output.
func (a *app) note(format string, args ...any) {
	_, _ = fmt.Fprintf(a.env.err, format+"\n", args...)
}
