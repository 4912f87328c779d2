// Package window computes windowed aggregates for requests: for each of them the
// aggregates over the events of its key that its windows cover. It reads no files:
// the engine looks keys up and hands events over by partition of their keys.
//
// The times at which windows of a key's requests begin and end cut the past into
// cells. An event is added to the one cell that it is in, in any order, and a
// request's window is a run of cells; as both ends of a window only move forward
// from one request to the next, all of a key's requests take one pass over its
// cells. So the work is in proportion to events and requests, whatever the length of
// the windows, and the memory to requests and, of states that are no single numbers, to
// what these keep of the events.
//
// An event that becomes visible later than its view's delay, by an available timestamp, is
// in no run of cells: it counts for the requests from one on, up to the one whose
// window has left it behind. What has an inverse is then added at the first and
// taken away at the last; of what has none a tree over the key's requests holds it at
// the few nodes that make up the range.
//
// Four kinds of states stand behind this (see kernel): numbers (column), states without an
// inverse that are merged (merged), the latest values (latest), and counts by tiles
// (frequent).
package window
