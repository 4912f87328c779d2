// Package httpapi is online serving over HTTP and JSON, beside gRPC: the same
// requests, answers and errors from the same Handler, through the same layer.
//
// # How a request is read
//
// The types of key columns are not in a request: they are known once the service
// or the features are, which may stand behind the keys. So a body is read twice,
// without building anything in between: the first pass checks the syntax and all
// that needs no types, and notes where each column lies; the second, which the
// Handler calls when it has found the plan, reads the columns with their declared
// types straight into vectors. Bodies, columns and answers are in buffers that
// are used again.
//
// What JSON leaves open is closed: fields that are not known or come twice,
// text that is not UTF-8, lone surrogates and anything behind the body are errors. No
// number passes through a float on its way to an integer.
//
// # What was decided
//
//   - A scanner of its own: encoding/json boxes every value, takes fields in any
//     case and twice, and mends broken text. This one has no recursion and no
//     generic values, since at most three levels are ever legal. It is held
//     against encoding/json by fuzzing (FuzzRequest).
//   - An int64 is answered as a number: JSON's numbers have any number of digits,
//     and clients that lose some know it of all JSON.
//   - Event timestamps stand beside the values that they belong to, though features
//     of one view share them: a client needs no join for what it asked for.
//   - A call has one name in metrics and logs whatever its transport. What is
//     unknown shares a name, so that no client makes labels.
//   - Paths are compared as they are: nothing is cleaned up or redirected.
package httpapi
