// Package feature is the vocabulary of Quiver: entities, sources, views,
// services, types, keys, values and, above all, the time rule.
//
// Every side of the store (training sets, materialization, serving) takes
// these definitions from here and from nowhere else, because training/serving
// skew starts with a rule that is written twice. The package is a leaf: it
// imports only the standard library.
//
// Read time.go and rule.go first. They say what a time is, when a row is
// visible, and which of the visible rows wins. Column is the unit in which
// values move between packages; Batch is a set of columns with the times of its
// rows. View, Service and their like are definitions as a user writes them;
// ViewVersion, Storage and Selection are what the registry makes of them.
//
// What must always hold:
//
//  1. A result depends on the rows, never on where they stand: every order
//     defined here is total.
//  2. A time is a UTC instant in microseconds; sums and differences saturate.
//  3. Nothing in this package reads a clock, a file or the environment.
package feature
