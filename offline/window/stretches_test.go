package window

import (
	"math/rand/v2"
	"testing"
)

// What is held for stretches of any length is told of the requests in them, and of no others.
func TestStretches(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	for _, requests := range []int{1, 2, blockSize - 1, blockSize, blockSize + 1, 7 * blockSize, 1000, blockSize * blockSize, 4097} {
		for _, held := range []int{0, 1, 10, 200} {
			s := newStretches(requests)
			want := make([]extremes, requests)
			var all []holding
			for range held {
				from := r.IntN(requests)
				to := from + 1 + r.IntN(min(requests-from, 1+r.IntN(requests)))
				rank := r.Uint64()
				all = append(all, holding{uint32(from), uint32(to), extremesOf(rank)})
				if r.IntN(8) == 0 {
					s.hold(all)
					all = all[:0]
				}
				for i := from; i < to; i++ {
					want[i].low, want[i].high = max(want[i].low, ^rank), max(want[i].high, rank)
				}
			}
			s.hold(all)
			s.settle()
			for i := range want {
				if got := s[0].own[i]; got != want[i] {
					t.Fatalf("%d stretches of %d requests: request %d has %x, want %x", held, requests, i, got, want[i])
				}
			}
		}
	}
}
