// Package featuretest runs small example tables that stand beside definitions: some rows
// of a source, and what features are expected of them at some time. So features have unit
// tests in their users' repositories. What is computed comes from the engine that makes
// training sets, over rows in memory.
//
// A test file, NAME.test.yaml, holds one document per test:
//
//	name: refunds do not count
//	view: spend                     # or service: risk
//	rows:                           # of the view's source; of a service: by source
//	  - {customer: 1, ordered_at: 2026-01-02T09:15:00Z, amount: 19.9}
//	expect:
//	  - {at: 2026-01-03T00:00:00Z, keys: {customer: 1}, features: {orders_30d: 1, paid_30d: 19.9}}
//
// Columns that a row leaves out are null. inputs of a service stand beside keys. Floats are
// compared exactly, unless tolerance says how far from what is expected they may be.
package featuretest
