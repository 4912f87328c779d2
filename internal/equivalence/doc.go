// Package equivalence is the proof that the two sides of the store agree: the
// value served online at a time t is the one that a training set shows for t.
//
// It holds tests only. They put the real parts together (definitions planned and
// applied to a registry in SQLite, the native engine over Parquet files, the
// materializer, the stores on SQLite and on a real Redis, the serving handler)
// and compare what is served with what the native engine trains and with the naive
// oracle of package offlinetest, which looks at every row:
//
//   - scripts: every script of the time rule, answered online;
//   - random: random definitions, rows and files that land, grow, are put together,
//     shrink and vanish between runs, which die at some write or sleep through others;
//     at the watermark and later, with the status of every cell, computed ones too,
//     derived a second time;
//   - crashes: a failure at every single operation of a run, and processes that
//     are killed, stopped and awakened, or run at once;
//   - late rows of windows of all time, whose old tiles are folded;
//   - changes: features that are added, rebuilds, and two versions side by side;
//   - losses: a Redis that restarts, is flushed, or evicts.
//
// A random case is told by its seed:
//
//	go test ./internal/equivalence -run Random -equivalence.first=17 -equivalence.cases=1
//
// and a soak is a greater number of cases.
package equivalence
