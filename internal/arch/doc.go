// Package arch holds the dependencies of Quiver's packages where they are meant to be: a table says which
// package may import what, and a test reads every import in the module against it.
//
// The table is in rules_test.go. The first row whose pattern matches a package is its rule, and a package
// without a row fails: whoever adds one says there what it may know.
package arch
