package equivalence_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

// online answers a case by requests: for every time of the spine the store is
// brought up to it, and then asked.
type point struct {
	*world
	c *offlinetest.Case
}

func openPoint(k kind, temp string) func(context.Context, *offlinetest.Case) (offlinetest.Point, error) {
	return func(ctx context.Context, c *offlinetest.Case) (offlinetest.Point, error) {
		dir, err := os.MkdirTemp(temp, "case")
		if err != nil {
			return nil, err
		}
		w, err := newWorld(ctx, dir, k)
		if err != nil {
			return nil, err
		}
		if err := offlinetest.WriteSources(w.data(), c); err != nil {
			return nil, errors.Join(err, w.close())
		}
		if err := w.applyCase(ctx, c, nil); err != nil {
			return nil, errors.Join(err, w.close())
		}
		return &point{w, c}, nil
	}
}

func (p *point) Get(ctx context.Context, t feature.Time, rows []int) ([]*feature.Column, error) {
	p.set(t)
	if _, err := p.materialize(ctx, p.runner()); err != nil {
		return nil, err
	}
	values, _, err := p.answers(ctx, p.c, rows)
	return values, err
}

func (p *point) Close() error { return errors.Join(p.close(), os.RemoveAll(p.dir)) }

// TestTheOnlinePathAnswersEveryScript runs all scripts of the time rule. What
// can't be asked online is a null time, which a spine row may have; ByPoint makes
// no request for it. Null keys are asked.
func TestTheOnlinePathAnswersEveryScript(t *testing.T) {
	for _, k := range kinds(t) {
		t.Run(k.name, func(t *testing.T) {
			offlinetest.Run(t, offlinetest.ByPoint(openPoint(k, t.TempDir())), someVariants()...)
		})
	}
}

// someVariants are the changes of where rows stand that a store could see.
func someVariants() []offlinetest.Variant {
	return slices.DeleteFunc(offlinetest.Variants(), func(v offlinetest.Variant) bool {
		return v.Name != "one file per row, reversed"
	})
}
