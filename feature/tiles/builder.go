package tiles

import "github.com/quiver-features/quiver/feature"

// Builder gathers the events of one key and makes the patch of its tiles. Until it has
// many events it holds little more than their values, so that there may be a builder
// for each of many keys. It is not safe for concurrent use.
type Builder struct {
	plan *Plan
}

type building struct{}

// NewBuilder makes a builder. Reset comes first.
func (p *Plan) NewBuilder() *Builder { return &Builder{plan: p} }

// Reset makes it a builder of no events of a key. whole: every tile is taken, and the
// patch replaces all that was kept. Else only touched tiles are.
func (b *Builder) Reset(whole bool) {}

// Touch says which tiles of a group are brought, even if they turn out empty. It is
// called before the first Add, and not for what is whole. The numbers are ascending, each
// once, and are not kept.
func (b *Builder) Touch(group int, tiles []int64) {}

// Add takes an event: a row that is visible at the time of the run, with its stamp. The
// columns are those of Plan.Columns, in their order and types, and nothing of them is
// kept. An event that is in no tile that is brought is left out. Every call is an event
// of its own; the order of events changes nothing.
func (b *Builder) Add(s feature.Stamp, columns []*feature.Column, row int) {}

// Append appends the patch.
func (b *Builder) Append(dst []byte) []byte { return dst }

// Bytes is how much memory the builder holds, about.
func (b *Builder) Bytes() int { return 0 }
