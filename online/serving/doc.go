// Package serving answers requests for the latest feature values: the hot path.
//
// Handler is independent of the transport: it takes key columns and gives
// feature columns. The gRPC service is a thin adapter of it (Register), and HTTP
// is another.
//
// # How a request is answered
//
// A service, or a list of references, is compiled to a plan once per registry
// revision: which key columns it takes, which storages it reads, which stored
// value goes to which output. A request finds its plan by a map lookup, builds
// the keys of all its views and rows in one buffer, reads the distinct ones in
// one call of the store and decodes the answers straight into the output
// columns. Nothing on that path grows with the registry.
//
// Beside the requests, Run watches the registry, whose changes swap all plans at
// once, and reads the watermarks of the storages in use. Where the registry does
// not answer, the last snapshot goes on being served.
//
// What texts and lists take is bounded by request (Options.MaxBytes) and over all of them:
// a request that needs more than 4 MiB takes one of a few places (Options.MaxLarge), or
// waits for it, and does again what did not fit. So others never ask for one. The place is
// held until the answer is encoded and not until it is sent, so that slow clients keep
// nobody from being answered.
//
// # The time, and what a value is
//
// Every request has one time t: now, but not before the watermarks known of the
// views that it reads, so that a slow clock hides nothing. A value is the one
// that a training set shows for t, and null where it shows none. Only visible
// rows are ever written to the store, so visible_from <= t (T1) is not asked
// again; the TTL (T2) is, of the view version as it stands now, for columns. Windowed
// aggregates are merged from the tiles of a stored value as of t, so that they decay
// without a run. Expressions are computed last, by columns, of what was read, of other
// expressions and of the request's inputs. Rows of a request with the same key share what
// is merged and what a view derives; only what the service derives is computed row by row.
//
// # Statuses
//
// The status of a cell is the first of these that holds:
//
//  1. UNAVAILABLE, where the active storage does not hold the feature: it was
//     added to the view, and the storage that holds it is still being filled.
//  2. NOT_FOUND, where a key is null: no row has such a key.
//  3. UNAVAILABLE, where the store did not answer in time. The request as a whole
//     succeeds, even if no cell has a value: a model can go on with defaults,
//     and what has failed is told cell by cell.
//  4. UNAVAILABLE, where there is no row but that proves nothing: the storage was
//     never materialized or its first run is not over, its watermark could not be
//     read lately, the store may have lost values, or the storage was filled under
//     a shorter TTL. Without doubt, NOT_FOUND.
//  5. ERROR, where the row is damaged.
//  6. OUTSIDE_MAX_AGE, where the row has outlived the TTL.
//  7. ERROR, where the value can't be delivered: text that is not UTF-8.
//  8. NULL, where the value is null. This goes before STALE, so that PRESENT and
//     STALE always have a value. With NOT_FOUND there is one where an empty window has
//     one, a count of 0 or a default; every other status has none.
//  9. STALE, where the watermark is older than the view's max_staleness, is not
//     known, is that of a first run that is not over, or the store may have lost
//     values: a later row may have been lost, or not be there yet.
//  10. PRESENT.
//
// 6 does not hold for aggregates, which the TTL does not limit. A computed value is
// UNAVAILABLE or ERROR where one that it is made of is (the expression may do without
// it, but a training set would not have shown that); ERROR where it can't be computed;
// where it is null, it has the status that tells most of what it is made of; else STALE
// where one of these is, and PRESENT. What could not be computed is to other expressions
// a null like any other.
//
// The status of a view's row (Response.Views) is found the same way without 1, 7
// and 8.
//
// Watermarks, and with them what tells of losses, are read once per
// Options.RefreshInterval; within that time a loss goes unnoticed. Then it is in the
// log, once, and in a metric, until a run has filled the storage again. A store that
// forgot the watermark too has lost values where a run has filled the storage: what
// this handler saw before tells that, or the registry's records of runs.
package serving
