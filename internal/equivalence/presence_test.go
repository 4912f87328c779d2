package equivalence_test

import (
	"math"
	"math/big"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

// presence is what the rows that were known at a watermark say of one key as of a time.
type presence struct {
	rows    bool // there is one
	may     bool // the store may have forgotten what it had
	outlive bool // the latest row is older than the TTL
}

// presenceOf looks at all rows of a view. What has not more than soon to live may be gone.
func presenceOf(v *feature.ViewVersion, facts []fact, key string, watermark, t feature.Time, soon feature.Duration) presence {
	var latest *big.Int
	known := big.NewInt(int64(watermark))
	shows := big.NewInt(math.MinInt64) // until when any of what a run keeps can be shown; nil: always
	for i := range facts {
		f := &facts[i]
		if !f.complete || f.key != key || f.visible.Cmp(known) > 0 {
			continue
		}
		if latest == nil || f.event.Cmp(latest) > 0 {
			latest = f.event
		}
		for n := range v.Features {
			switch a := v.Features[n].Aggregate; {
			case !f.counts[n] || shows == nil:
			case a.Window.Length == 0:
				shows = nil
			default:
				if ends := leaves(a.Window, f.event); ends.Cmp(known) > 0 { // else a run may have left it out
					shows = greater(shows, ends)
				}
			}
		}
	}
	if latest == nil {
		return presence{}
	}
	limited := v.Rule.TTL != 0 && v.Rule.TTL != math.MaxInt64
	ends := new(big.Int).Add(latest, big.NewInt(int64(v.Rule.TTL)))
	switch {
	case !hasColumns(v):
	case !limited:
		shows = nil
	case shows != nil:
		shows = greater(shows, ends)
	}
	now := big.NewInt(int64(t))
	p := presence{rows: true, outlive: limited && ends.Cmp(now) < 0}
	if shows != nil {
		p.may = now.Cmp(new(big.Int).Add(shows, big.NewInt(int64(online.Grace-soon)))) >= 0
	}
	return p
}

// leaves gives the time from which on an event is in no window: the next step of the
// window's tail after its length, or the event's own end.
func leaves(w feature.Window, event *big.Int) *big.Int {
	g := big.NewInt(int64(w.Granularity))
	n := new(big.Int).Add(event, new(big.Int).Sub(g, big.NewInt(1)))
	n.Div(n, g).Mul(n, g) // Euclidean: up to a multiple
	return n.Add(n, big.NewInt(int64(w.Length)))
}

func greater(a, b *big.Int) *big.Int {
	if a.Cmp(b) > 0 {
		return a
	}
	return b
}

// hasColumns tells whether a view keeps a row.
func hasColumns(v *feature.ViewVersion) bool {
	for i := range v.Features {
		if v.Features[i].Column != "" && v.Features[i].Aggregate == nil {
			return true
		}
	}
	return false
}
