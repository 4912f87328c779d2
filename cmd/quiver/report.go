package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/definition"
)

// The exit codes.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitChanges = 3
)

// errChanges is plan --exit-code having found changes, or status --exit-code a view
// that is not fresh: no failure, and nothing to print.
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

// committed is for the error of a commit. One that was interrupted may have taken
// place all the same: nobody waited for the answer.
func committed(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	return interruptedError{"whether the registry was changed is not known: quiver history tells", err}
}

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
	if all := registry.Problems(nil); errors.As(err, &all) {
		a.complainOf(all, err)
		return exitFailed
	}
	a.complain(err.Error())
	return exitFailed
}

// complainOf prints what is wrong with definitions: for people with the lines of
// the files, for programs that read standard error a line each, and for those
// that asked for documents as one on standard output, too.
func (a *app) complainOf(ps registry.Problems, err error) {
	if a.format == "json" || a.format == "yaml" {
		_ = a.print(problemsDocumentOf(ps), nil) // if it can't be written, what follows tells all the same
	}
	before, ok := strings.CutSuffix(err.Error(), ps.Error())
	if !ok || !terminal(a.env.err) {
		a.complain(err.Error())
		return
	}
	folder, _ := definition.FindProject(a.dir) // without it no lines are shown
	c := &carets{folder: folder, colour: a.colours()}
	if f, ok := a.env.err.(*os.File); ok {
		c.width = terminalWidth(f)
	}
	if before != "" {
		before = readable(before) + "\n"
	}
	_, _ = fmt.Fprintln(a.env.err, "quiver: "+before+c.text(ps))
}

// colours tells whether colours are wanted where a terminal is.
func (a *app) colours() bool {
	off, _ := a.env.getenv("NO_COLOR")
	kind, _ := a.env.getenv("TERM")
	return off == "" && kind != "dumb"
}

// problemsDocument is what is wrong with definitions, for machines.
type problemsDocument struct {
	Problems []problemDocument `json:"problems"`
}

type problemDocument struct {
	*place         // nil: of no place in a file
	Message string `json:"message"`
	Hint    string `json:"hint,omitzero"` // what to do
}

func problemsDocumentOf(ps registry.Problems) problemsDocument {
	d := problemsDocument{}
	for _, p := range ps {
		d.Problems = append(d.Problems, problemDocument{placeOf(p.Position), p.Message, p.Hint})
	}
	return d
}

func (a *app) complain(text string) {
	_, _ = fmt.Fprintln(a.env.err, "quiver:", readable(text))
}

// readable makes an error's text fit for people: without the kind that ends it,
// which the text before has said already, and without control characters.
func readable(text string) string {
	kinds := []error{feature.ErrInvalid, feature.ErrNotFound, feature.ErrConflict, feature.ErrUnavailable, feature.ErrTooLarge}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if more := len(lines) - most; more > 0 {
		lines = append(lines[:most], fmt.Sprintf("and %s more lines", count(more)))
	}
	for i, line := range lines {
		for _, kind := range kinds {
			line = strings.TrimSuffix(line, ": "+kind.Error())
		}
		if len(line) > longest {
			line = strings.ToValidUTF8(line[:longest], "") + "…"
		}
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}

// What is shown of a message: names and values of any length may be in a line, and
// a line for each of many definitions.
const (
	longest = 2000 // bytes of a line
	most    = 120  // lines
)

// note tells something beside the output.
func (a *app) note(format string, args ...any) {
	_, _ = fmt.Fprintf(a.env.err, format+"\n", args...)
}
