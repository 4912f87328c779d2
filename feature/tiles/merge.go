package tiles

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// Merge appends the section that follows old under a patch. old is nil where nothing is
// kept. to is the time that the patch was computed for, and known the one that the storage
// was filled up to when its run began: feature.MinTime where nothing was known and
// patches are whole.
//
// Tiles of the patch stand in the place of those of the same number; others stay;
// what no window reaches at to or later is dropped, but for one tile to spare; of all
// time, what ends well before known is folded into one state. An error that wraps
// feature.ErrConflict tells that the patch has a tile that was folded since its run
// began, one that wraps feature.ErrInvalid that old or patch is damaged.
func (p *Plan) Merge(dst, old, patch []byte, to, known feature.Time) ([]byte, error) {
	m, ok := p.merges.Get().(*merging)
	if !ok {
		m = &merging{plan: p}
	}
	defer p.merges.Put(m)
	m.to, m.known = to, known
	merged, err := m.merge(dst, old, patch)
	if err != nil {
		return dst, err
	}
	return merged, nil
}

// merging is the memory of Merge.
type merging struct {
	plan      *Plan
	to, known feature.Time
	old       []kept
	patch     patch
	tiles     []source // of the group at hand, from the newest on
	fold      []source // of the group at hand: tiles that go to the base
	ends      [2][]int // of the column at hand, in old and patch: where each state ends
}

// source is where a tile's states stand.
type source struct {
	number int64
	from   int // index into merging.ends: 0 old, 1 patch
	at     int // index into the tiles there
}

const (
	fromOld = iota
	fromPatch
)

func (m *merging) merge(dst, old, patch []byte) ([]byte, error) {
	p := m.plan
	if err := p.readPatch(&m.patch, patch); err != nil {
		return nil, err
	}
	m.old = grown(m.old, len(p.groups))
	if old == nil || m.patch.whole {
		for i := range m.old {
			m.old[i] = kept{numbers: m.old[i].numbers[:0]}
		}
	} else {
		var err error
		if m.old, err = p.readSection(m.old, old); err != nil {
			return nil, err
		}
	}
	for i := range p.groups {
		var err error
		if p.groups[i].lists {
			dst, err = m.mergeLists(dst, i)
		} else {
			dst, err = m.mergeTiles(dst, i)
		}
		if err != nil {
			return nil, err
		}
	}
	return append(dst, 0), nil // no tail
}

// mergeTiles merges a group of tiles.
func (m *merging) mergeTiles(dst []byte, group int) ([]byte, error) {
	g, old, fresh := &m.plan.groups[group], &m.old[group], &m.patch.groups[group]
	if touched := m.patch.touched[group]; old.hasBase && len(touched) > 0 && touched[len(touched)-1] < old.folded {
		return nil, fmt.Errorf("tiles: another run has got further meanwhile, and folded a tile that this one computed: run it again: %w", feature.ErrConflict)
	}
	m.choose(group)
	if g.Reach == 0 {
		has, folded := old.hasBase, old.folded
		if len(m.fold) > 0 {
			has, folded = true, m.fold[0].number+1
		}
		dst = appendBase(dst, has, folded)
		for i := 0; has && i < len(g.parts); i++ {
			var err error
			if dst, err = m.appendFolded(dst, g, old, fresh, i); err != nil {
				return nil, err
			}
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(m.tiles)))
	for i, t := range m.tiles {
		dst = appendNumber(dst, i == 0, m.tiles[max(i-1, 0)].number, t.number)
	}
	for i := range g.parts {
		if len(m.tiles) == 0 {
			break
		}
		if err := m.findEnds(g, old, fresh, i); err != nil {
			return nil, err
		}
		start := len(dst)
		for _, t := range m.tiles {
			dst = append(dst, m.state(t, old, fresh, i)...)
		}
		dst = sized(dst, start)
	}
	return dst, nil
}

// choose says which tiles follow, and which are folded.
func (m *merging) choose(group int) {
	g, touched := &m.plan.groups[group], m.patch.touched[group]
	old, fresh := m.old[group].numbers, m.patch.groups[group].numbers
	least, fold := m.bounds(g)
	m.tiles, m.fold = m.tiles[:0], m.fold[:0]
	for i, j := 0, 0; i < len(old) || j < len(fresh); {
		var t source
		switch {
		case j == len(fresh) || i < len(old) && old[i] > fresh[j]:
			t = source{old[i], fromOld, i}
			if i++; holds(touched, t.number) {
				continue
			}
		default:
			t = source{fresh[j], fromPatch, j}
			if j++; i < len(old) && old[i] == t.number {
				i++
			}
		}
		switch {
		case t.number < fold:
			m.fold = append(m.fold, t)
		case t.number >= least:
			m.tiles = append(m.tiles, t)
		}
	}
}

// bounds gives the least number of a tile that stays, and the one that all that are folded
// are less than.
func (m *merging) bounds(g *group) (least, fold int64) {
	if g.Reach > 0 {
		return g.oldest(m.to), math.MinInt64
	}
	known := m.known
	if known == feature.MinTime && m.patch.whole {
		known = m.to // nothing was there that an earlier run could bring a tile of
	}
	return math.MinInt64, g.folded(m.plan.rule, known)
}

// findEnds finds the ends of the states of a part in old and patch.
func (m *merging) findEnds(g *group, old, fresh *kept, part int) error {
	st := m.plan.newStates(g.parts[part])
	for from, k := range [...]*kept{old, fresh} {
		m.ends[from] = m.ends[from][:0]
		if len(k.numbers) == 0 {
			continue
		}
		rest := k.columns[part]
		for range k.numbers {
			var err error
			if rest, err = st.skip(rest); err != nil {
				return err
			}
			m.ends[from] = append(m.ends[from], len(k.columns[part])-len(rest))
		}
		if len(rest) > 0 {
			return damaged("%d bytes too many behind the states of tiles", len(rest))
		}
	}
	return nil
}

// state gives the bytes of a tile's state of the part that findEnds was called for.
func (m *merging) state(t source, old, fresh *kept, part int) []byte {
	k, start := old, 0
	if t.from == fromPatch {
		k = fresh
	}
	if t.at > 0 {
		start = m.ends[t.from][t.at-1]
	}
	return k.columns[part][start:m.ends[t.from][t.at]]
}

// appendFolded appends a part of the base, with what is folded into it now.
func (m *merging) appendFolded(dst []byte, g *group, old, fresh *kept, part int) ([]byte, error) {
	if len(m.fold) == 0 {
		dst = binary.AppendUvarint(dst, uint64(len(old.base[part])))
		return append(dst, old.base[part]...), nil
	}
	if err := m.findEnds(g, old, fresh, part); err != nil {
		return nil, err
	}
	st := m.plan.newStates(g.parts[part])
	st.grow(1)
	add := func(b []byte) error {
		rest, err := st.merge(b, 1)
		if err == nil && len(rest) > 0 {
			err = damaged("%d bytes too many behind a state", len(rest))
		}
		return err
	}
	for _, t := range m.fold {
		if err := add(m.state(t, old, fresh, part)); err != nil {
			return nil, err
		}
	}
	if old.hasBase {
		if err := add(old.base[part]); err != nil {
			return nil, err
		}
	}
	start := len(dst)
	return sized(st.append(dst, 0), start), nil
}

// mergeLists merges the group of lists: of what was kept those of no touched tile stay.
func (m *merging) mergeLists(dst []byte, group int) ([]byte, error) {
	g, touched := &m.plan.groups[group], m.patch.touched[group]
	w := g.window()
	for i, of := range g.parts {
		merged := aggregate.NewLastN(of.n)
		for _, k := range [...]*kept{&m.old[group], &m.patch.groups[group]} {
			if len(k.columns) == 0 {
				continue
			}
			l, err := k.list(i, of)
			if err != nil {
				return nil, err
			}
			isOld := k == &m.old[group]
			for n := l.Len() - 1; n >= 0; n-- { // in the order that is the least work
				e := l.At(n)
				if isOld && holds(touched, w.Tile(e.Stamp.Event)) || !m.plan.shows(group, i, m.to, e.Stamp.Event) {
					continue
				}
				merged.Add(e.Stamp, e.Value)
			}
		}
		start := len(dst)
		dst = sized(merged.Append(dst), start)
	}
	return dst, nil
}
