package tiles

import (
	"encoding/binary"
	"slices"

	"github.com/quiver-features/quiver/feature/aggregate"
)

// A section is, for each group of the plan:
//
//	base      of all time only: 0; or 1, and the number (varint) of the tile before which
//	          everything is in the base, and the base's states, one of each part, each with
//	          its length before it
//	tiles     how many tiles there are, the number of the newest (varint), and of each other
//	          one how many numbers lie between it and the one before; those without any
//	          value are left out
//	columns   unless there is no tile, for each part: the length, and the states of the
//	          tiles, from the newest on
//
// of the group of lists instead, for each part, the length and the latest values as
// package aggregate encodes them; and, at the end,
//
//	tail      0; reserved for events that are in no tile yet
//
// Numbers are unsigned varints in their shortest form, and those called varint are zigzag.

// kept is one group of a section, as bytes that alias it.
type kept struct {
	hasBase bool
	folded  int64    // tiles of lesser numbers are in the base
	base    [][]byte // of the parts; nil where there is none
	numbers []int64  // of the tiles, descending
	columns [][]byte // of the parts: the states of the tiles, or the list
}

// cut cuts a group off b.
func (k *kept) cut(g *group, b []byte) (rest []byte, err error) {
	k.hasBase, k.base, k.numbers, k.columns = false, k.base[:0], k.numbers[:0], k.columns[:0]
	if !g.lists {
		if g.Reach == 0 {
			if b, err = k.cutBase(g, b); err != nil {
				return nil, err
			}
		}
		if k.numbers, b, err = cutNumbers(k.numbers, b); err != nil {
			return nil, err
		}
		if k.hasBase && len(k.numbers) > 0 && k.numbers[len(k.numbers)-1] < k.folded {
			return nil, damaged("a tile stands beside the base that it is in")
		}
		if len(k.numbers) == 0 {
			return b, nil
		}
	}
	k.columns, b, err = cutAll(k.columns, b, len(g.parts))
	return b, err
}

func (k *kept) cutBase(g *group, b []byte) (rest []byte, err error) {
	flag, b, err := cutUvarint(b)
	switch {
	case err != nil:
		return nil, err
	case flag > 1:
		return nil, damaged("it has %d bases", flag)
	case flag == 0:
		return b, nil
	}
	number, b, err := cutUvarint(b)
	if err != nil {
		return nil, err
	}
	k.hasBase, k.folded = true, int64(number>>1)^-int64(number&1)
	k.base, b, err = cutAll(k.base, b, len(g.parts))
	return b, err
}

// cutAll cuts n lengths with their bytes off b.
func cutAll(into [][]byte, b []byte, n int) (all [][]byte, rest []byte, err error) {
	for range n {
		var v []byte
		if v, b, err = cutSized(b); err != nil {
			return into, nil, err
		}
		into = append(into, v)
	}
	return into, b, nil
}

// readSection cuts a section into its groups.
func (p *Plan) readSection(groups []kept, b []byte) ([]kept, error) {
	groups = grown(groups, len(p.groups))
	var err error
	for i := range p.groups {
		if b, err = groups[i].cut(&p.groups[i], b); err != nil {
			return groups, err
		}
	}
	tail, b, err := cutUvarint(b)
	switch {
	case err != nil:
		return groups, err
	case tail != 0:
		return groups, damaged("it has events behind its tiles, and was written by a later release")
	case len(b) > 0:
		return groups, damaged("%d bytes too many", len(b))
	}
	return groups, nil
}

// patch is what a builder made.
type patch struct {
	whole   bool
	touched [][]int64 // by group, descending
	groups  []kept
}

func (p *Plan) readPatch(into *patch, b []byte) error {
	flag, b, err := cutUvarint(b)
	if err != nil {
		return err
	}
	if flag > 1 {
		return damaged("a patch begins with %d", flag)
	}
	into.whole = flag == 1
	into.groups, into.touched = grown(into.groups, len(p.groups)), grown(into.touched, len(p.groups))
	for i := range p.groups {
		into.touched[i] = into.touched[i][:0]
		if !into.whole {
			if into.touched[i], b, err = cutNumbers(into.touched[i], b); err != nil {
				return err
			}
		}
		g := &into.groups[i]
		if b, err = g.cut(&p.groups[i], b); err != nil {
			return err
		}
		if g.hasBase {
			return damaged("a patch has a base")
		}
		if !into.whole && slices.ContainsFunc(g.numbers, func(n int64) bool { return !holds(into.touched[i], n) }) {
			return damaged("a patch has a tile that it does not name")
		}
	}
	if len(b) > 0 {
		return damaged("%d bytes too many behind a patch", len(b))
	}
	return nil
}

// holds tells whether numbers, which descend, have n.
func holds(numbers []int64, n int64) bool {
	_, found := slices.BinarySearchFunc(numbers, n, func(have, n int64) int {
		switch {
		case have > n:
			return -1
		case have < n:
			return 1
		}
		return 0
	})
	return found
}

// list reads the latest values of a part. Damaged ones are an error.
func (k *kept) list(part int, of part) (aggregate.LastN, error) {
	l, rest, err := aggregate.ReadLastN(k.columns[part], of.n)
	if err == nil && len(rest) > 0 {
		err = damaged("%d bytes too many behind a list", len(rest))
	}
	return l, err
}

// appendBase appends the base of a group of all time.
func appendBase(dst []byte, has bool, folded int64) []byte {
	if !has {
		return append(dst, 0)
	}
	return binary.AppendVarint(append(dst, 1), folded)
}
