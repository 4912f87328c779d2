package window

import (
	"math"

	"github.com/quiver-features/quiver/feature/aggregate"
)

// slider merges a run of states whose ends only move forward, with some three merges
// for each state, whatever the run's length. It is a queue of two stacks: what comes in is
// merged into the back; when the front is used up, the run becomes the front, of which
// the states of all its ends are made, from the last one on. As these may be large, only
// those of one block of the front are there, and one for each block behind it: of n
// states some 2√n.
type slider struct {
	fresh    func() aggregate.State
	states   []aggregate.State
	from, to int
	mid      int // the front is the states from from to mid, the back from mid to to
	back     aggregate.State
	block    int               // states in a block of the front
	start    int               // of the front's first block
	behind   []aggregate.State // per block of the front, of all from its first state on; of the first none
	inner    []aggregate.State // of all from a state of the present block on
	innerTo  int               // the present block's end
	free     []aggregate.State
}

func (s *slider) reset(states []aggregate.State) {
	s.states, s.from, s.to, s.mid = states, 0, 0, 0
	s.drop()
	if s.back == nil {
		s.back = s.fresh()
	}
	s.back.Reset()
}

// drop forgets the front.
func (s *slider) drop() {
	s.free = append(append(s.free, s.behind...), s.inner...)
	s.behind, s.inner, s.innerTo = s.behind[:0], s.inner[:0], 0
}

// move moves the run on.
func (s *slider) move(from, to int) {
	if from >= s.to { // nothing stays
		s.drop()
		s.back.Reset()
		s.mid, s.to = from, from
	}
	for ; s.to < to; s.to++ {
		s.back.Merge(s.states[s.to])
	}
	s.from = from
	switch {
	case from > s.mid:
		s.turn()
	case from < s.mid && from >= s.innerTo:
		s.enter(from)
	}
}

// parts appends what makes up the run.
func (s *slider) parts(dst []aggregate.State) []aggregate.State {
	if s.from < s.mid {
		dst = append(dst, s.inner[s.innerTo-1-s.from])
	}
	if s.mid < s.to {
		dst = append(dst, s.back)
	}
	return dst
}

// turn makes the run the front.
func (s *slider) turn() {
	s.drop()
	s.back.Reset()
	s.start, s.mid = s.from, s.to
	s.block = max(int(math.Sqrt(float64(s.mid-s.start))), 1)
	blocks := (s.mid - s.start + s.block - 1) / s.block
	var behind aggregate.State
	for b := blocks - 1; b > 0; b-- {
		next := s.copyOf(behind)
		for i := s.start + b*s.block; i < min(s.start+(b+1)*s.block, s.mid); i++ {
			next.Merge(s.states[i])
		}
		s.behind = append(s.behind, next) // the last block first, so that they are used from the end
		behind = next
	}
	s.enter(s.from)
}

// enter makes the states of the block that the front begins in.
func (s *slider) enter(from int) {
	s.free = append(s.free, s.inner...)
	s.inner = s.inner[:0]
	at := (from - s.start) / s.block
	s.innerTo = min(s.start+(at+1)*s.block, s.mid)
	left := (s.mid-s.start+s.block-1)/s.block - 1 - at // blocks behind it
	s.free = append(s.free, s.behind[left:]...)
	s.behind = s.behind[:left]
	var next aggregate.State
	if left > 0 {
		next = s.behind[left-1]
	}
	for i := s.innerTo - 1; i >= from; i-- {
		next = s.copyOf(next)
		next.Merge(s.states[i])
		s.inner = append(s.inner, next)
	}
}

// copyOf gives a copy of a state, or an empty one for nil.
func (s *slider) copyOf(o aggregate.State) aggregate.State {
	var c aggregate.State
	if n := len(s.free); n > 0 {
		c, s.free = s.free[n-1], s.free[:n-1]
		c.Reset()
	} else {
		c = s.fresh()
	}
	if o != nil {
		c.Merge(o)
	}
	return c
}
