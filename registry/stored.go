package registry

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
)

// What the aggregates of a key may take online. Each read fetches all of it.
const (
	manyBytes = 64 << 10 // told, where it can come to it
	maxBytes  = 1 << 20  // refused, where it is to be reckoned with
)

// Stored is what the online store keeps of the aggregates of a view for a key with events
// in all tiles, in bytes.
type Stored struct {
	View  string `json:"view"`
	Usual int    `json:"usual"`
	Worst int    `json:"worst"` // warned of from 64 KiB on
	// Reckoned is Worst, but with sketches as they usually are: refused from 1 MiB on.
	Reckoned int `json:"reckoned"`
}

// checkStored looks at what the online store would keep of a view's aggregates.
func (r *resolver) checkStored(v *feature.ViewVersion) {
	layout := storageLayout(v)
	some := false
	for i := range layout.Features {
		f := &layout.Features[i]
		if f.Aggregate != nil && f.Type.IsZero() {
			return // it has a problem of its own
		}
		some = some || f.Aggregate != nil
	}
	if !v.Online || !some {
		return
	}
	at := r.defs.At(KindView, v.Name, "online")
	plan, err := tiles.NewPlan(layout.Features, v.Rule)
	if err != nil {
		r.problem(at, "or leave online out", "view %s: %s", v.Name, plain(err))
		return
	}
	size := plan.Size()
	r.stored = append(r.stored, Stored{View: v.Name, Usual: size.Usual, Worst: size.Worst, Reckoned: size.Sure})
	switch {
	case size.Sure > maxBytes:
		most := heaviest(plan, func(g *tiles.GroupSize) int { return g.Sure })
		r.problem(at, most, "view %s: the aggregates of a key with events in all tiles take %s online, and at most 1 MiB is allowed", v.Name, kibibytes(size.Sure))
	case size.Worst > manyBytes:
		most := heaviest(plan, func(g *tiles.GroupSize) int { return g.Worst })
		r.warn(at, most, "view %s: the aggregates of a key take up to %s online, usually %s, and each request reads all of it", v.Name, kibibytes(size.Worst), kibibytes(size.Usual))
	}
}

// heaviest says what takes the most, and what to do about it.
func heaviest(p *tiles.Plan, by func(*tiles.GroupSize) int) string {
	sizes := p.Sizes()
	most := slices.MaxFunc(sizes, func(a, b tiles.GroupSize) int { return cmp.Compare(by(&a), by(&b)) })
	switch {
	case most.Tiles == 0:
		return "most of it is for the lists of last_n: take a smaller n"
	case most.Reach == 0:
		return "most of it is for windows of all time, which keep days until runs fold them: give them a length, or compute less of them"
	}
	what := fmt.Sprintf("most of it is for windows of up to %s in steps of %s, %s tiles", most.Reach, most.Granularity, tilesText(most.Tiles))
	w, err := feature.NewWindow(most.Reach, 0, most.Sketch)
	if err == nil && w.Granularity > most.Granularity {
		return fmt.Sprintf("%s: leave the granularity out, which is %s then, or take a shorter window", what, w.Granularity)
	}
	if most.Sketch {
		return what + ": take a coarser granularity or a shorter window; count_distinct, quantile and top_k take the most"
	}
	return what + ": take a coarser granularity or a shorter window; windows that share a granularity share tiles"
}

func tilesText(n int64) string {
	if n >= tiles.ManyTiles {
		return "more than 4 billion"
	}
	return fmt.Sprint(n)
}

func kibibytes(n int) string {
	switch {
	case n >= 1<<30:
		return "more than 1 GiB"
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	default:
		return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
	}
}
