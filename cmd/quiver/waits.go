package main

import (
	"sync"
	"time"
)

const (
	waitTold  = 2 * time.Second  // how long a command waits in silence
	waitAgain = 10 * time.Second // the least time between two lines about one thing
)

// waits tells somebody who waits for a store or a server what for: one that is gone is
// asked again and again for a while, one that hangs has its time to answer. It is safe
// for concurrent use.
type waits struct {
	what string       // is waited for
	note func(string) // writes a line

	mu   sync.Mutex
	last time.Time // that a line was written
}

// begin is called before something that may take long, and end after it. When end
// returns nothing is written any more.
func (w *waits) begin() (end func()) {
	over := make(chan struct{})
	var teller sync.WaitGroup
	teller.Go(func() {
		timer := time.NewTimer(waitTold)
		defer timer.Stop()
		for {
			select {
			case now := <-timer.C:
				timer.Reset(w.tell(now))
			case <-over:
				return
			}
		}
	})
	return func() {
		close(over)
		teller.Wait()
	}
}

// tell writes a line where it is time for one, and says how long it is to the next.
func (w *waits) tell(now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if since := now.Sub(w.last); !w.last.IsZero() && since < waitAgain {
		return waitAgain - since
	}
	w.last = now
	w.note("waiting for " + w.what)
	return waitAgain
}

// waited calls f, and tells where it takes long.
func waited[T any](w *waits, f func() (T, error)) (T, error) {
	defer w.begin()()
	return f()
}

// waits makes the waits for one thing. While a meter is shown, lines go above it.
func (a *app) waits(what string) *waits {
	return &waits{what: what, note: func(line string) {
		if a.meter != nil {
			a.meter.note(line)
			return
		}
		a.note("%s", line)
	}}
}
