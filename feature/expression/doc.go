// Package expression compiles and evaluates expressions over features: the Common
// Expression Language with strict types, computed by columns.
package expression
