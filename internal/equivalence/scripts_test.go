package equivalence_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

// point answers a case by requests: for every time of the spine the store is
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
	scripts, err := offlinetest.Scripts()
	if err != nil {
		t.Fatal(err)
	}
	windows, err := offlinetest.WindowScripts()
	if err != nil {
		t.Fatal(err)
	}
	expressions, err := offlinetest.ExpressionScripts()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range append(windows, expressions...) {
		scripts = append(scripts, servable(c))
	}
	for _, k := range kinds(t) {
		engine := offlinetest.ByPoint(openPoint(k, t.TempDir()))
		for _, c := range scripts {
			t.Run(k.name+"/"+c.Name, func(t *testing.T) {
				t.Parallel() // most of the time goes to waiting for the disk
				got, err := engine.Join(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				if d := offlinetest.Diff(c, got, c.Want); d != "" {
					t.Errorf("scripts/%s.script\nrule: %s\n%s", c.Name, strings.Join(c.Rule, "\n      "), d)
				}
			})
		}
	}
}
