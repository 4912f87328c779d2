package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/quiver-features/quiver/bench/compare"
)

// compare says of each entrant's output what it has in common with the first's; a difference is an error that shows
// the first row of it.
func (c contest) compare(ctx context.Context) ([]string, error) {
	told := make([]string, len(c.entrants))
	first := c.entrants[0]
	want, err := compare.Read(ctx, first.out, c.spec)
	if err != nil {
		return told, fmt.Errorf("%s: %w", c.name, err)
	}
	told[0] = fmt.Sprintf("values %016x", want.Sum())
	var errs []error
	if want.Missing > 0 || !want.InOrder {
		errs = append(errs, fmt.Errorf("%s, %s: %d rows are missing, in the spine's order: %v", c.name, first.name, want.Missing, want.InOrder))
	}
	for i, e := range c.entrants[1:] {
		var err error
		switch {
		case e.out == "":
			told[i+1] = "not compared"
		case e.same == bytes:
			told[i+1], err = sameBytes(first.out, e.out)
		default:
			told[i+1], err = c.sameValues(ctx, want, e)
		}
		if err != nil {
			told[i+1] = "DIFFERENT"
			errs = append(errs, fmt.Errorf("%s, %s: %w", c.name, e.name, err))
		}
	}
	return told, errors.Join(errs...)
}

func sameBytes(a, b string) (string, error) {
	one, err := digest(a)
	if err != nil {
		return "", err
	}
	two, err := digest(b)
	if err != nil {
		return "", err
	}
	if one != two {
		return "", fmt.Errorf("the files' bytes differ: %x and %x", one, two)
	}
	return "same bytes", nil
}

func digest(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path) //nolint:gosec // an output of this benchmark
	if err != nil {
		return sum, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	_, err = io.Copy(h, f)
	h.Sum(sum[:0])
	return sum, err
}

func (c contest) sameValues(ctx context.Context, want *compare.Values, e entrant) (string, error) {
	got, err := compare.Read(ctx, e.out, c.spec)
	if err != nil {
		return "", err
	}
	if row := compare.FirstDifference(want, got); row >= 0 {
		return "", c.difference(row, e)
	}
	if e.same == sampled {
		return c.sample(got, e)
	}
	if got.Missing > 0 && e.same != some {
		return "", fmt.Errorf("%d of %d rows are missing", got.Missing, c.spec.Rows)
	}
	told := "same"
	if got.Open > 0 {
		told += fmt.Sprintf(" but for %.1f %% rows with ties", share(got.Open, c.spec.Rows))
	}
	if got.Missing > 0 {
		told += fmt.Sprintf(" in the rows it has; LOST %.1f %%", share(got.Missing, c.spec.Rows))
	}
	return told, nil
}

// sample is what is told of an entrant that was given one spine row in some, which it all must have.
func (c contest) sample(got *compare.Values, e entrant) (string, error) {
	given := (c.spec.Rows + e.every - 1) / e.every
	if has := c.spec.Rows - got.Missing; has != given {
		return "", fmt.Errorf("it has %d rows and was given %d", has, given)
	}
	return fmt.Sprintf("same in the %s rows it was given", number(given)), nil
}

func share(n, of int) float64 { return 100 * float64(n) / float64(of) }

// difference shows what both have in a row, where it differs.
func (c contest) difference(row int, e entrant) error {
	want, err := compare.Row(c.entrants[0].out, c.spec, row)
	if err != nil {
		return err
	}
	got, err := compare.Row(e.out, c.spec, row)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for i := range want {
		if want[i] != got[i] {
			fmt.Fprintf(&lines, "\n  %s: %s\n  %s: %s", c.entrants[0].name, want[i], e.name, got[i])
		}
	}
	return fmt.Errorf("the first row that differs has %s %d%s", c.spec.RowID, row, lines.String())
}
