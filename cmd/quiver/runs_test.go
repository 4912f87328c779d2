package main

import (
	"context"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// ledger is a registry of nothing but runs, oldest first.
type ledger struct {
	registry.Store
	runs []feature.Run
	read int // the most records that were read at once
}

func (l *ledger) Runs(_ context.Context, _ uint64, limit int) ([]feature.Run, error) {
	runs := slices.Clone(l.runs)
	slices.Reverse(runs)
	if limit > 0 && len(runs) > limit {
		runs = runs[:limit]
	}
	l.read = max(l.read, len(runs))
	return runs, nil
}

func TestRunsAreReadNoFurtherThanTheyAreShown(t *testing.T) {
	all := make([]feature.Run, 0, 10_000)
	for number := range int64(10_000) {
		r := feature.Run{Number: number + 1, View: "often", Version: 1}
		switch {
		case number == 0:
			r.View = "once"
		case number%10 == 0:
			r.View, r.Version = "seldom", int(1+number/10%2)
		}
		all = append(all, r)
	}
	for name, test := range map[string]struct {
		wanted []viewRef
		limit  int
		first  int64 // the newest
		shown  int
		read   int // at the most
	}{
		"all views":          {nil, 20, 10_000, 20, 20},
		"all records":        {nil, 0, 10_000, 10_000, 10_000},
		"a view":             {[]viewRef{{"often", 0}}, 20, 10_000, 20, 160},
		"one of few runs":    {[]viewRef{{"seldom", 0}}, 20, 9_991, 20, 1_280},
		"a version":          {[]viewRef{{"seldom", 2}}, 2, 9_991, 2, 128},
		"one that ran once":  {[]viewRef{{"once", 0}}, 20, 1, 1, 10_000},
		"one that never ran": {[]viewRef{{"never", 0}}, 20, 0, 0, 10_000},
		"all of a view":      {[]viewRef{{"seldom", 0}}, 0, 9_991, 999, 10_000},
	} {
		store := &ledger{runs: all}
		got, err := newestRuns(t.Context(), store, test.wanted, test.limit)
		if err != nil || got == nil {
			t.Fatalf("%s: got %v, %v", name, got, err)
		}
		first := int64(0)
		if len(got) > 0 {
			first = got[0].Number
		}
		if first != test.first || len(got) != test.shown || store.read > test.read {
			t.Errorf("%s: %d runs from %d on, of %d that were read; want %d from %d on, of %d at the most",
				name, len(got), first, store.read, test.shown, test.first, test.read)
		}
	}
}

func TestARunThatWasCutShortDoesNotKnowItsRows(t *testing.T) {
	for want, r := range map[string]feature.Run{
		"-": {State: feature.RunFailed, Keys: 314_816}, "0": {State: feature.RunDone}, "1,200": {State: feature.RunDone, Rows: 1200, Keys: 3},
	} {
		if got := rowsText(r); got != want {
			t.Errorf("%+v: %s, want %s", r, got, want)
		}
	}
}

// A run that gave no sign of life for long is told alike to people and machines.
func TestARunThatDiedIsShownAsInterrupted(t *testing.T) {
	now := wall()
	for want, r := range map[string]feature.Run{
		"running":     {State: feature.RunRunning, Beat: now},
		"interrupted": {State: feature.RunRunning, Beat: now.Add(-feature.Minute)},
		"done":        {State: feature.RunDone, Beat: now.Add(-feature.Minute)},
	} {
		if table, document := shownState(r), runDocumentOf(r).State; table != want || string(document) != want {
			t.Errorf("the table says %s and the document %s, want %s", table, document, want)
		}
	}
}
