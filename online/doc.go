// Package online keeps the latest row of every entity, and says how it is kept:
// the contract of a store, the bytes of keys and values, and the sink through
// which materialization fills a store.
//
// A Layout is the codec of one storage. It turns join keys into the bytes of a
// key, and a row of feature values into the bytes of a value, so that stores move
// bytes and know nothing of types. Two values of one storage can be ordered by
// comparing a few of their bytes (see Layout.StampLen), which is all that a store
// has to understand of them.
//
// What must always hold:
//
//  1. Equal join keys have equal bytes, different ones different bytes.
//  2. Of two rows of a key the later one stays, in whatever order and however often
//     they arrive.
//  3. A watermark is believed only while nothing says that values were lost since
//     the run that set it began.
//
// Technologies are child packages: online/sqlite, online/redis. They share one
// conformance suite, online/onlinetest.
package online
