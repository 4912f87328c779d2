// Package faults holds no code, but the table of everything that can go wrong: every command of the real
// binary and every route of its servers, with input that is missing, empty, cut short, huge, binary or hostile,
// with files that can't be read or written, with stores that are slow, silent or gone, and interrupted.
//
// A case states what it does, its exit or status code, and what the message has to say: the place and the
// remedy. What holds for all of them is checked for each, and not stated again: no panic, no secret on any
// stream, no control characters, bounded memory, an end, and a project in which nothing has changed but what
// the case names.
//
// A new command without a row in the table of commands fails the test.
package faults
