// Package materialize brings the online store up to a time. A run reads the rows
// of a view's source that became visible since the last one, takes the latest
// row of each key, writes it and then moves the watermark.
//
// What must always hold:
//
//  1. The watermark moves only after every row up to it is in the store.
//  2. A run that was killed anywhere, repeated, or overtaken by another one ends
//     in the state that one undisturbed run leads to. Nothing here locks: the
//     store keeps the later of two rows, whoever writes when.
//  3. No row is missed, however late its file lands: files that are new or have
//     changed since the run that set the watermark are read whole.
//
// DESIGN.md tells the flows, the failure cases and what was rejected.
package materialize
