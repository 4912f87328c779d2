package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// report prints an error and gives the exit code that it means.
func (a *app) report(ctx context.Context, err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errChanges):
		return exitChanges
	case errors.As(err, &usage), strings.HasPrefix(err.Error(), "unknown command"):
		a.complain(err)
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		_, _ = fmt.Fprintln(a.env.err, "quiver: interrupted; nothing was left half-done")
		return exitFailed
	}
	a.complain(err)
	return exitFailed
}

func (a *app) complain(err error) {
	_, _ = fmt.Fprintln(a.env.err, "quiver:", strings.TrimRight(err.Error(), "\n"))
}

// note tells something beside the output.
func (a *app) note(format string, args ...any) {
	_, _ = fmt.Fprintf(a.env.err, format+"\n", args...)
}
