package tiles

import (
	"cmp"
	"slices"
	"sort"

	"github.com/quiver-features/quiver/feature"
)

// Reader answers from sections. It owns memory that it uses again, and is not safe for
// concurrent use.
type Reader struct {
	plan    *Plan
	groups  []kept
	states  [][]states // by group and part; of lists nil
	order   [][][]int  // by group and part: the features that it answers, those of shorter windows first
	answers []answer   // of the features
}

// NewReader makes a reader.
func (p *Plan) NewReader() *Reader {
	r := &Reader{
		plan: p, states: make([][]states, len(p.groups)), order: make([][][]int, len(p.groups)),
		answers: make([]answer, len(p.asks)),
	}
	for i, g := range p.groups {
		r.order[i] = make([][]int, len(g.parts))
		for _, of := range g.parts {
			if !g.lists {
				r.states[i] = append(r.states[i], p.newStates(of))
			}
		}
	}
	for i := range p.asks {
		a := &p.asks[i]
		r.order[a.group][a.part] = append(r.order[a.group][a.part], i)
		switch a.function {
		case feature.First, feature.Last, feature.LastN, feature.TopK:
			r.answers[i].list = feature.NewColumn(a.result, 1)
		}
	}
	for _, parts := range r.order {
		for _, asks := range parts {
			slices.SortFunc(asks, func(x, y int) int { return cmp.Compare(p.asks[x].window.Length, p.asks[y].window.Length) })
		}
	}
	return r
}

// Answer appends the values at t to the columns of into: one for each of Plan.Features,
// of its type; nil where it is not wanted. t is not before the time that the section was
// computed for. Nothing of section is kept. An error wraps feature.ErrInvalid: section is
// damaged, and nothing is appended. States of features that are not wanted are not looked
// at.
func (r *Reader) Answer(section []byte, t feature.Time, into []*feature.Column) error {
	var err error
	if r.groups, err = r.plan.readSection(r.groups, section); err != nil {
		return err
	}
	for i := range r.plan.groups {
		if r.plan.groups[i].lists {
			err = r.answerLists(i, t, into)
		} else {
			err = r.answerTiles(i, t, into)
		}
		if err != nil {
			return err
		}
	}
	for i, c := range into {
		if c != nil {
			r.answers[i].appendTo(c, &r.plan.asks[i])
		}
	}
	return nil
}

// answerTiles answers what is asked of a group of tiles. The windows of a part are
// answered one after the other, each by the tiles that the one before it has not.
func (r *Reader) answerTiles(group int, t feature.Time, into []*feature.Column) error {
	k := &r.groups[group]
	for part, asks := range r.order[group] {
		if !wanted(asks, into) {
			continue
		}
		st, done, based := r.states[group][part], 0, !k.hasBase
		st.reset()
		st.grow(1)
		var rest []byte
		if len(k.numbers) > 0 {
			rest = k.columns[part]
		}
		for _, i := range asks {
			if into[i] == nil {
				continue
			}
			a := &r.plan.asks[i]
			n := len(k.numbers)
			if a.window.Length > 0 {
				least := a.window.FirstTile(t)
				n = sort.Search(n, func(i int) bool { return k.numbers[i] < least })
			}
			var err error
			if rest, err = st.merge(rest, n-done); err != nil {
				return err
			}
			if done = n; !based {
				if err := mergeBase(st, k.base[part]); err != nil {
					return err
				}
				based = true // for all features of the part
			}
			r.answers[i].reset()
			if err := st.answer(a, &r.answers[i]); err != nil {
				return err
			}
		}
		if done == len(k.numbers) && len(rest) > 0 {
			return damaged("%d bytes too many behind the states of tiles", len(rest))
		}
	}
	return nil
}

func wanted(asks []int, into []*feature.Column) bool {
	return slices.ContainsFunc(asks, func(i int) bool { return into[i] != nil })
}

func mergeBase(st states, base []byte) error {
	rest, err := st.merge(base, 1)
	if err == nil && len(rest) > 0 {
		err = damaged("%d bytes too many behind a state", len(rest))
	}
	return err
}

// answerLists answers what is asked of the group of lists.
func (r *Reader) answerLists(group int, t feature.Time, into []*feature.Column) error {
	for part, asks := range r.order[group] {
		if !wanted(asks, into) {
			continue
		}
		l, err := r.groups[group].list(part, r.plan.groups[group].parts[part])
		if err != nil {
			return err
		}
		for _, i := range asks {
			if into[i] == nil {
				continue
			}
			r.answers[i].reset()
			if err := latest(&l, &r.plan.asks[i], t, &r.answers[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Empty appends the values of empty windows: 0 of counts, else the default or null.
func (r *Reader) Empty(into []*feature.Column) {
	for i, c := range into {
		if c != nil {
			r.plan.asks[i].appendNone(c)
		}
	}
}

// appendNone appends the value of an empty window.
func (a *ask) appendNone(dst *feature.Column) {
	if a.function == feature.Count || a.function == feature.CountDistinct {
		dst.AppendInt64(0)
		return
	}
	a.appendNull(dst)
}

// appendNull appends what stands in place of null.
func (a *ask) appendNull(dst *feature.Column) {
	if a.otherwise != nil {
		dst.AppendFrom(a.otherwise, 0)
	} else {
		dst.AppendNull()
	}
}
