// Package registry holds what a project has defined: entities, sources, views and
// services, with their versions and history.
//
// The way of a definition: files are parsed into Definitions (package
// registry/definition); NewPlan compares them with a Snapshot of the registry and
// says what would change and what that means for readers; Apply commits the plan
// to a Store as one numbered revision; a Snapshot of the new head answers
// everything that readers ask (Service, Select, View).
//
// Read store.go for what a store keeps, compare.go for what a change means, and
// DESIGN.md for the invariants.
package registry
