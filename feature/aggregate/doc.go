// Package aggregate holds the states of windowed aggregates: what is kept of the
// values of a window, or of a tile of one, and how an answer is made of it.
//
// The offline engine feeds states with rows and the online store merges states of
// tiles. Both get the same answer, to the bit, because of one law: every state is a
// function of the multiset of the values that were added. The order of adding,
// the parts in which it was done and the shape in which parts were merged change
// neither the answer nor one byte of the encoding. TopK is the one exception, and
// says how: it is defined over tiles.
//
// What a state lacks is on purpose: windows, tiles, definitions and nulls are
// the callers' matter. A null is not added.
//
// Sum, IntSum, Moments and IntMoments are exact and have inverses (Sub, Unmerge).
// On the way a state may have lost more than it was given (running differences do that);
// it has an answer and an encoding again when it is that of some values.
//
// Min, MinText and MaxText keep an extreme, LastN the latest values, Distinct
// and Quantile are sketches, TopK counts values. DESIGN.md has the reasons, the
// proofs, the error bounds and the bytes.
//
// Every state has Append, which appends its encoding, and a Read function, which
// cuts one from the front of b and gives the rest; extreme texts have AppendText and
// CutText. Equal states have equal bytes,
// and Read accepts no other bytes: whatever it accepts, Append writes again.
// Damaged bytes give an error that wraps feature.ErrInvalid. The encodings have no
// version of their own: that of the row that holds them is theirs.
//
// States are not safe for concurrent use.
package aggregate
