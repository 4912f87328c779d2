// Package derived makes executable plans of the expressions that the registry has
// resolved: columns of a source's rows (Table), features of a view (View) and features
// of a service (Service). Training and serving compute by the same plans, so that
// what a model is trained on is what it is served.
//
// A plan is made for what is asked for, and names what has to be at hand for it:
// columns of files, stored features, inputs. It compiles only the expressions that this
// needs, in the order of their dependencies. Plans are immutable and safe for
// concurrent use; each goroutine takes a machine of its own, which keeps its memory from
// one computation to the next.
//
// A value that can't be computed is null, and is told as failed. To what reads it, it
// is a null like any other.
package derived
