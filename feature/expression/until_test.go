package expression_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

// How often Until is asked grows with the bytes; numbers and little texts don't ask at all.
func TestUntilIsAskedAmidLargeTexts(t *testing.T) {
	long := make([]string, 100)
	for i := range long {
		long[i] = strings.Repeat("x", 100_000+i)
	}
	columns := map[string]*feature.Column{"s": textsOf(long...)}
	p, args := compiled(t, "size(s + 'a') + size(s + s)", columns)
	asked := 0
	m, dst := p.NewMachine(), feature.NewColumn(p.Type(), 0)
	m.Until(func() error { asked++; return nil })
	if _, err := m.Eval(len(long), args, dst); err != nil {
		t.Fatal(err)
	}
	for i, size := range dst.Int64s {
		if want := int64(3*(100_000+i) + 1); size != want {
			t.Fatalf("row %d: %d, want %d", i, size, want)
		}
	}
	if asked < 10 { // 10 MB are read, a megabyte at a time
		t.Errorf("asked %d times", asked)
	}
	m.Until(func() error {
		if asked--; asked < 5 {
			return context.Canceled
		}
		return nil
	})
	if _, err := m.Eval(len(long), args, dst); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Until's error", err)
	}
	p, args = compiled(t, "size(s) + 1", map[string]*feature.Column{"s": textsOf("a", "b")})
	m = p.NewMachine()
	m.Until(func() error { t.Error("asked for little texts"); return nil })
	if _, err := m.Eval(2, args, feature.NewColumn(p.Type(), 0)); err != nil {
		t.Error(err)
	}
}

// A pattern with much to do in a text that takes little memory asks too.
func TestUntilIsAskedAmidMatches(t *testing.T) {
	gone := errors.New("the caller has gone")
	columns := map[string]*feature.Column{"s": textsOf(strings.Repeat("a", 40_000))}
	p, args := compiled(t, `matches(s, "(a?){490}c") || size(s) == 0`, columns)
	m, dst := p.NewMachine(), feature.NewColumn(p.Type(), 0)
	m.Until(func() error { return gone })
	if _, err := m.Eval(1, args, dst); !errors.Is(err, gone) || dst.Len() != 0 {
		t.Errorf("got %v and %d values", err, dst.Len())
	}
	columns["s"].Reset()
	columns["s"].AppendString("")
	if _, err := m.Eval(1, args, dst); err != nil || !dst.Bools[0] {
		t.Errorf("then got %v, %v", dst.Bools, err)
	}
}
