package tiles

import "github.com/quiver-features/quiver/feature"

// Reader answers from sections. It owns memory that it uses again, and is not safe for
// concurrent use.
type Reader struct {
	plan *Plan
}

// NewReader makes a reader.
func (p *Plan) NewReader() *Reader { return &Reader{plan: p} }

// Answer appends the values at t to the columns of into: one for each of Plan.Features,
// of its type; nil where it is not wanted. t is not before the time that the section was
// computed for. Nothing of section is kept. An error wraps feature.ErrInvalid: section is
// damaged, and nothing is appended.
func (r *Reader) Answer(section []byte, t feature.Time, into []*feature.Column) error {
	r.Empty(into)
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
