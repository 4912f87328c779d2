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
// Run and File are the record of a materialization, Scan and ScanResult how it
// asks for rows, Watermark what an online store knows of a storage, and Status
// how a served value came about. They stand in the leaf because they cross the
// borders between packages that do not know one another: materialize writes runs
// that the registry keeps, offline answers its scans, online keeps its
// watermarks, and the server reads these and sends statuses that clients know by
// number. errors.go has the few kinds of errors that all of them wrap.
//
// What must always hold:
//
//  1. A result depends on the rows, never on where they stand: every order
//     defined here is total.
//  2. A time is a UTC instant in microseconds; sums and differences saturate.
//  3. Nothing in this package reads a clock, a file or the environment.
package feature
