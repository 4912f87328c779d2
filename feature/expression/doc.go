// Package expression compiles and evaluates expressions over features: the Common
// Expression Language (CEL) with strict types and without loops, computed by columns.
//
// A Scope says which variables there are, Compile makes a Program of a text, and a
// Machine evaluates it for rows of columns, be they a batch of a training set or the
// one row of a request. One implementation serves both, so both get the same values.
// docs/expressions.md is the reference for those who write expressions; this comment
// is the short form.
//
// # Types
//
// Variables and results have the types of feature.Type, lists one level deep.
// Integers and dates, timestamps and durations are computed as int64, floats as
// float64. Arithmetic of int32 gives int64 and of float32 float64; a value that is
// handed on (by ?:, coalesce, an index) keeps its type. Integers and floats do not
// mix, but an integer literal stands for a float where one is needed. A list literal
// has no fixed length, even where it could; one_hot has. Durations are intermediate:
// a result of that type does not compile.
//
// # Null
//
// Every operator and function of a null is null, except &&, || (three-valued),
// ?: (only the branch that is taken counts; a null condition gives null), coalesce,
// == null and != null, list literals (items may be null), and in, which is null only
// where an item that is null could be what is looked for.
//
// # Errors
//
// A value that can't be computed is null, and its row is marked as failed: integer
// overflow, an integer divided by zero, a conversion of what does not fit, an index
// outside of a list, a text or list that would be beyond 1 MiB, and what Function.Fails says. A failed
// operand makes the result fail, before a null makes it null; &&, || and ?: let no
// failure through that does not matter, and coalesce hides none. An expression of
// constants that always fails does not compile.
//
// Floats never fail: they follow IEEE 754, where NaN is not equal to itself.
// Timestamps and durations saturate, as feature.Time does.
//
// # Sameness
//
// No product is fused into a sum. Arithmetic, comparisons and lists' sums give the
// same bits on every CPU. exp, log, pow, sin and cos are those of package math, which
// has assembly for some CPUs: there the last bit may differ.
package expression
