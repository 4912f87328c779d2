// Package tiles keeps windowed aggregates so that they can be answered at any later
// time: of each key the events of the past, cut into tiles, and of each tile the
// states of package aggregate that its windows use. A window's tail is always an edge of
// tiles, so that the states of the tiles behind it give what a training set shows.
//
// A Plan says what is kept for the aggregates of a view. A Builder makes a patch of a
// key's events: the complete content of every tile that a run touched. Plan.Merge puts it
// in the place of what was kept of these tiles, in a section of the key's stored value.
// A Reader answers at a time t from a section. DESIGN.md has the format and the reasons.
package tiles
