package feature

// Batch is rows of one view, column by column: what moves from the offline
// store to the online store. The receiver of a batch may read it until it
// returns, and copies what it keeps.
type Batch struct {
	Rows      int
	Keys      []*Column // of ViewVersion.Keys, in their order and types; never null
	Event     []Time    // never null (T3)
	Created   *Column   // Timestamp, with nulls; nil where the source names none
	Available []Time    // nil where the source names none; never null (T3)
	Features  []*Column // of ViewVersion.Features, in their order and types; nil for one that is no column
	// Tiles are what a run computed of each key's windowed aggregates, as bytes that package
	// tiles makes and merges; nil where the view has none.
	Tiles *Column
}

// Stamp gives the place of row i in the order of rows.
func (b *Batch) Stamp(i int) Stamp {
	s := Stamp{Event: b.Event[i]}
	if b.Created != nil && !b.Created.IsNull(i) {
		s.Created, s.HasCreated = Time(b.Created.Int64s[i]), true
	}
	if b.Available != nil {
		s.Available = b.Available[i]
	}
	return s
}
