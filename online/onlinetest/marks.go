package onlinetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

// ExpectMark checks the watermark of one storage.
func ExpectMark(t *testing.T, s online.Store, storage uint64, want feature.Watermark) {
	t.Helper()
	marks, err := s.Watermarks(t.Context(), []uint64{storage})
	if err != nil {
		t.Fatalf("watermarks: %v", err)
	}
	if len(marks) != 1 || marks[0] != want {
		t.Errorf("watermark of storage %d: got %+v, want %+v", storage, marks, want)
	}
}

// Advance moves a watermark as a run does: where none is known, it first marks that
// the run has begun.
func Advance(t *testing.T, s online.Store, storage uint64, to feature.Time, run int64) {
	t.Helper()
	marks, err := s.Watermarks(t.Context(), []uint64{storage})
	if err != nil {
		t.Fatalf("watermarks: %v", err)
	}
	since := marks[0].Since
	if !marks[0].Known {
		if err := s.Advance(t.Context(), storage, feature.MinTime, run, 0); err != nil {
			t.Fatalf("mark the beginning of a run: %v", err)
		}
		since = run
	}
	if err := s.Advance(t.Context(), storage, to, run, since); err != nil {
		t.Fatalf("advance storage %d to %s: %v", storage, to, err)
	}
}

func watermarks(t *testing.T, open Open) {
	s := MustOpen(t, open)
	known := func(to feature.Time, run, since int64) feature.Watermark {
		return feature.Watermark{Known: true, Time: to, Run: run, Since: since}
	}
	ExpectMark(t, s, 1, feature.Watermark{})
	if err := s.Advance(t.Context(), 1, 5, 2, 2); !errors.Is(err, feature.ErrUnavailable) {
		t.Errorf("a watermark where no run has begun: got error %v, want unavailable", err)
	}
	ExpectMark(t, s, 1, feature.Watermark{})
	steps := []struct {
		to       feature.Time
		run      int64
		wantTo   feature.Time
		wantRun  int64
		sentence string
	}{
		{feature.MinTime, 3, feature.MinTime, 3, "a first run has begun"},
		{-5, 3, -5, 3, "before 1970"},
		{100, 4, 100, 4, "forward"},
		{99, 5, 100, 4, "an earlier time changes nothing"},
		{100, 4, 100, 4, "the same again"},
		{100, 3, 100, 4, "the same time by an earlier run"},
		{100, 6, 100, 6, "the same time by a later run, which has read more files"},
		{feature.MinTime, 7, 100, 6, "the mark of a beginning does not undo what is known"},
		{1<<53 + 1, 8, 1<<53 + 1, 8, "a number that a double can't hold"},
		{1 << 53, 9, 1<<53 + 1, 8, "one less"},
		{feature.MaxTime, 10, feature.MaxTime, 10, "the end of time"},
	}
	for _, step := range steps {
		Advance(t, s, 1, step.to, step.run)
		t.Log(step.sentence)
		ExpectMark(t, s, 1, known(step.wantTo, step.wantRun, 3))
	}
	for _, other := range []int64{0, 2, 4} {
		if err := s.Advance(t.Context(), 1, feature.MaxTime, 12, other); !errors.Is(err, feature.ErrUnavailable) {
			t.Errorf("a run that began since %d, where everything is there since 3: got error %v, want unavailable", other, err)
		}
	}
	ExpectMark(t, s, 1, known(feature.MaxTime, 10, 3))
	Advance(t, s, 1<<63+1, 7, 11)
	ExpectMark(t, s, 2, feature.Watermark{})
	marks, err := s.Watermarks(t.Context(), []uint64{1<<63 + 1, 2, 1})
	if err != nil || len(marks) != 3 || marks[0] != known(7, 11, 11) || marks[1].Known || marks[2] != known(feature.MaxTime, 10, 3) {
		t.Errorf("three storages: got %+v, %v", marks, err)
	}
	if marks, err := s.Watermarks(t.Context(), nil); err != nil || len(marks) != 0 {
		t.Errorf("no storage: got %+v, %v", marks, err)
	}
}

func watermarksShared(t *testing.T, open Open) {
	a, b := MustOpen(t, open), MustOpen(t, open)
	Advance(t, a, 1, feature.MinTime, 1)
	var running sync.WaitGroup
	for i := range 40 {
		s := a
		if i%2 == 1 {
			s = b
		}
		running.Go(func() {
			if err := s.Advance(t.Context(), 1, feature.Time(1+i*7%40), int64(1+i*7%40), 1); err != nil {
				t.Errorf("advance: %v", err)
			}
		})
	}
	running.Wait()
	want := feature.Watermark{Known: true, Time: 40, Run: 40, Since: 1}
	ExpectMark(t, a, 1, want)
	ExpectMark(t, b, 1, want)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	ExpectMark(t, MustOpen(t, open), 1, want)
}
