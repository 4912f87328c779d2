package equivalence_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/materialize"
)

// die begins a run and ends it at some operation, in the middle of which it may be.
func (l *life) die(ctx context.Context, change ...func(*materialize.Request)) error {
	f := &fuse{left: l.r.IntN(12), half: l.r.IntN(2) == 0}
	r := l.runner()
	r.Source, r.Sink, r.Ledger = inSmallBatches{r.Source, 1 + l.r.IntN(3)}, mortalSink{r.Sink, f}, mortalLedger{r.Ledger, f}
	if l.r.IntN(2) == 0 {
		change = append(change, func(q *materialize.Request) { q.From = new(feature.MinTime + feature.Time(l.r.IntN(5))) })
	}
	_, err := l.bring(ctx, r, change...)
	if err != nil && !errors.Is(err, errKilled) {
		return err
	}
	l.begun = max(l.begun, l.clock())
	l.note("a run to %s that died: %t", l.clock(), err != nil)
	l.pass()
	return nil
}

// sleeper is a run that stops between computing and writing, until it is awakened.
type sleeper struct {
	wake  chan struct{}
	done  chan struct{} // closed when it is over
	err   error         // then
	steps int           // after which it stopped
	// overtaken has files have changed since, or the storage: a file that the run reads may be
	// gone or another, and it can't switch to a storage of its own any more.
	overtaken bool
}

// sleepySink stops before a write, or before it moves the watermark.
type sleepySink struct {
	materialize.Sink
	once  sync.Once
	left  int
	asks  func() // called when it stops
	awake <-chan struct{}
}

func (s *sleepySink) step() {
	if s.left--; s.left < 0 {
		s.once.Do(func() {
			s.asks()
			<-s.awake
		})
	}
}

func (s *sleepySink) Write(ctx context.Context, storage *feature.Storage, view *feature.ViewVersion, b *feature.Batch, from feature.Origin) (feature.WriteResult, error) {
	s.step()
	return s.Sink.Write(ctx, storage, view, b, from)
}

func (s *sleepySink) Advance(ctx context.Context, storage *feature.Storage, to feature.Time, run, since int64) error {
	if to > feature.MinTime {
		s.step()
	}
	return s.Sink.Advance(ctx, storage, to, run, since)
}

// sleepyLedger stops before a run has its number.
type sleepyLedger struct {
	materialize.Ledger
	sink *sleepySink
}

func (s sleepyLedger) StartRun(ctx context.Context, run feature.Run) (int64, error) {
	s.sink.step()
	return s.Ledger.StartRun(ctx, run)
}

// fallAsleep begins a run that stops before it has its number, or at some write.
func (l *life) fallAsleep(ctx context.Context) error {
	s := &sleeper{wake: make(chan struct{}), done: make(chan struct{}), steps: l.r.IntN(10)}
	stopped := make(chan struct{})
	r := l.runner()
	r.Source = inSmallBatches{r.Source, 1 + l.r.IntN(3)}
	sink := &sleepySink{Sink: r.Sink, left: s.steps, asks: func() { close(stopped) }, awake: s.wake}
	r.Sink, r.Ledger = sink, sleepyLedger{r.Ledger, sink}
	r.Tick = func() (<-chan time.Time, func()) { return nil, func() {} }
	to := l.clock()
	l.begun = max(l.begun, to)
	go func() {
		defer close(s.done)
		_, s.err = l.bring(ctx, r, func(q *materialize.Request) { q.To = to })
	}()
	select {
	case <-stopped:
		l.asleep = s
		if l.r.IntN(2) == 0 {
			l.pass() // it will be taken for dead
		}
	case <-s.done: // it had too little to write
	}
	l.note("a run to %s fell asleep after %d steps: %t", to, s.steps, l.asleep != nil)
	return s.ended()
}

// ended gives the error of a run that is over.
func (s *sleeper) ended() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// awaken lets the run go on that is asleep, if there is one, and waits for its end.
func (l *life) awaken() error {
	s := l.asleep
	if s == nil {
		return nil
	}
	l.asleep = nil
	l.note("awakened at %s", l.clock())
	close(s.wake)
	<-s.done
	if s.overtaken && (errors.Is(s.err, feature.ErrConflict) || errors.Is(s.err, feature.ErrNotFound)) {
		l.note("which failed: %s", s.err)
		return nil
	}
	return s.err
}

// goOn awakens the run that is asleep while there is no other. It may lead views further that it
// had not begun with. What is served is compared.
func (l *life) goOn(ctx context.Context) error {
	if l.asleep == nil {
		return nil
	}
	if err := l.awaken(); err != nil {
		return err
	}
	if err := l.handler.Refresh(ctx); err != nil {
		return err
	}
	if err := l.look(ctx, feature.MinTime); err != nil {
		return err
	}
	return l.compare(ctx)
}

// wakingSink awakens a run before a write of another.
type wakingSink struct {
	materialize.Sink
	left int
	wake func() error
}

func (s *wakingSink) Write(ctx context.Context, storage *feature.Storage, view *feature.ViewVersion, b *feature.Batch, from feature.Origin) (feature.WriteResult, error) {
	if s.left--; s.left == -1 {
		if err := s.wake(); err != nil {
			return feature.WriteResult{}, err
		}
	}
	return s.Sink.Write(ctx, storage, view, b, from)
}
