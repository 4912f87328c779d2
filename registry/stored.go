package registry

import (
	"fmt"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
)

// What a key of a view with aggregates may take online, where all of its tiles hold
// something. Each read fetches all of it.
const (
	manyBytes = 64 << 10
	maxBytes  = 1 << 20
)

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
	const remedy = "take a coarser granularity or a shorter window; windows that share a granularity share tiles; count_distinct, quantile and top_k take the most"
	switch usual, _ := plan.Bytes(); {
	case usual > maxBytes:
		r.problem(at, remedy, "view %s: a key with events in all of its tiles takes about %s online, and at most 1 MiB is allowed", v.Name, kibibytes(usual))
	case usual > manyBytes:
		r.warn(at, remedy, "view %s: a key with events in all of its tiles takes about %s online, and each request reads all of it", v.Name, kibibytes(usual))
	}
}

func kibibytes(n int) string { return fmt.Sprintf("%d KiB", n>>10) }
