package tiles

import (
	"math"

	"github.com/quiver-features/quiver/feature"
)

// Bounds tells what a run to a time brings of each group: tiles of lesser numbers than
// oldest are of no use, and those less than folded may be in one state already, if the
// storage was filled up to known. Of a key with events in such a tile everything is
// brought.
func (p *Plan) Bounds(to, known feature.Time) (oldest, folded []int64) {
	for i := range p.groups {
		oldest = append(oldest, p.groups[i].oldest(to))
		if p.groups[i].lists { // which have no base
			folded = append(folded, math.MinInt64)
		} else {
			folded = append(folded, p.groups[i].folded(p.rule, known))
		}
	}
	return oldest, folded
}

// folded gives the number before which tiles of all time may be folded where everything
// visible at known is there: events that come by the delay of the rule are not before it,
// and neither are those of a tile more.
func (g *Group) folded(rule feature.Rule, known feature.Time) int64 {
	if g.Reach > 0 {
		return math.MinInt64
	}
	return before(g.window().Tile(known.Add(-rule.Delay)))
}

// oldest gives the least number of a tile that is of use at t or later: the last that a
// window reaches, and one to spare.
func (g *Group) oldest(t feature.Time) int64 {
	if g.Reach == 0 {
		return math.MinInt64
	}
	return before(g.window().FirstTile(t))
}

// before gives the number of the tile before a tile.
func before(number int64) int64 {
	if number == math.MinInt64 {
		return number
	}
	return number - 1
}

// shows tells whether a window that a part of a group answers covers e at t.
func (p *Plan) shows(group, part int, t, e feature.Time) bool {
	for i := range p.asks {
		if a := &p.asks[i]; a.group == group && a.part == part && a.window.Covers(t, e) {
			return true
		}
	}
	return false
}

// Expires says from when on a section shows nothing any more: when the newest of its
// tiles has left the longest window. feature.MaxTime is never, and feature.MinTime
// that there is nothing in it.
func (p *Plan) Expires(section []byte) (feature.Time, error) {
	groups, err := p.readSection(nil, section)
	if err != nil {
		return 0, err
	}
	last := feature.MinTime
	for i := range p.groups {
		g, k := &p.groups[i], &groups[i]
		if !g.lists {
			if k.hasBase || len(k.numbers) > 0 && g.Reach == 0 {
				return feature.MaxTime, nil
			}
			if len(k.numbers) > 0 {
				last = max(last, leaves(g.window(), k.numbers[0]))
			}
			continue
		}
		for a := range p.asks {
			if p.asks[a].group != i {
				continue
			}
			l, err := k.list(p.asks[a].part, g.parts[p.asks[a].part])
			if err != nil {
				return 0, err
			}
			if l.Len() > 0 {
				w := p.asks[a].window
				last = max(last, leaves(w, w.Tile(l.At(0).Stamp.Event)))
			}
		}
	}
	return last, nil
}

// leaves gives the time from which on a window does not cover a tile.
func leaves(w feature.Window, tile int64) feature.Time {
	g := int64(w.Granularity)
	if w.Length == 0 || tile >= math.MaxInt64/g {
		return feature.MaxTime
	}
	if tile < math.MinInt64/g {
		return feature.MinTime.Add(w.Length)
	}
	return feature.Time((tile + 1) * g).Add(w.Length)
}
