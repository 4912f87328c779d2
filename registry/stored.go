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
	// MaxKeyBytes is refused, where it can come to it.
	MaxKeyBytes = 1 << 20
)

// Stored is what the online store keeps of the aggregates of a view for a key with events
// in all tiles, in bytes.
type Stored struct {
	View  string `json:"view"`
	Usual int    `json:"usual"`
	Worst int    `json:"worst"` // warned of above 64 KiB, refused above 1 MiB
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
	r.stored = append(r.stored, Stored{View: v.Name, Usual: size.Usual, Worst: size.Worst})
	switch {
	case size.Worst > MaxKeyBytes:
		r.problem(at, lighten(plan, MaxKeyBytes), "view %s: the aggregates of a key with events in all tiles take up to %s online, usually %s, and at most 1 MiB is allowed",
			v.Name, kibibytes(size.Worst), kibibytes(size.Usual))
	case size.Worst > manyBytes:
		r.warn(at, lighten(plan, manyBytes), "view %s: the aggregates of a key take up to %s online, usually %s, and each request reads all of it", v.Name, kibibytes(size.Worst), kibibytes(size.Usual))
	}
}

// lighten says what takes the most, and what to do to come down to some bytes.
func lighten(p *tiles.Plan, bytes int) string {
	sizes := p.Sizes()
	most := slices.MaxFunc(sizes, func(a, b tiles.GroupSize) int { return cmp.Compare(a.Worst, b.Worst) })
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
	coarser := "a coarser granularity"
	if g := enough(&most, bytes-(p.Size().Worst-most.Worst)); g != 0 {
		coarser += fmt.Sprintf(", of which %s is enough,", g)
	}
	if most.Sketch {
		return what + ": take " + coarser + " or a shorter window; count_distinct, quantile and top_k take the most"
	}
	return what + ": take " + coarser + " or a shorter window; windows that share a granularity share tiles"
}

// enough gives the finest of some usual granularities at which a group takes no more than
// some bytes; 0: none.
func enough(g *tiles.GroupSize, bytes int) feature.Duration {
	for _, step := range []feature.Duration{
		feature.Second, 5 * feature.Second, 10 * feature.Second, 30 * feature.Second, feature.Minute, 5 * feature.Minute, 10 * feature.Minute,
		15 * feature.Minute, 30 * feature.Minute, feature.Hour, 2 * feature.Hour, 6 * feature.Hour, 12 * feature.Hour, feature.Day,
	} {
		if step <= g.Granularity || step > g.Reach || g.Reach%step != 0 {
			continue
		}
		if tiles := int64(g.Reach/step) + 2; int64(g.Worst)/g.Tiles*tiles < int64(bytes) {
			return step
		}
	}
	return 0
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
		return "1 GiB or more"
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	default:
		return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
	}
}
