// Package offline builds training sets: for each row of a spine (join keys and a
// time) the features that were visible at that time, by the time rule of package
// feature. It also finds the latest row of each key, which is what the online
// store is filled with.
//
// Engine.Train and Engine.Latest are the two entries. Both read a view's source
// in one pass over keys and times, in whatever order its rows stand, and only
// then the features of the rows that won. Where the rows come from and where a
// training set goes is behind Files, Spine and Output, which the packages below
// implement. DESIGN.md tells how it works, and why the result depends on the rows
// and never on where they stand.
package offline
