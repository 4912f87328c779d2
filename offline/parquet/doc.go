// Package parquet reads and writes Parquet files for the offline store: it finds
// the files of a source (Files), reads their columns without loss into
// feature.Column (the tables of views) or into Arrow (spines), and writes
// training sets (Create).
//
// Reading works on pages: the values of a page are one typed slice, its nulls are
// definition levels, its lists repetition levels, and a dictionary is converted
// once per row group and looked up by index. Writing goes the same way back: from
// Arrow's buffers into typed pages, columns on all cores (DESIGN.md). No value is
// ever boxed.
//
// What must always hold:
//
//  1. A value is read exactly or not at all: what does not fit the wanted type is
//     an error that names file, row group, row and column.
//  2. A broken file is an error that names the file, never a panic: every entry
//     into the Parquet library recovers. Nor does it cost more than a sound one:
//     what a page claims (sizes, counts, runs) is held against what its chunk has
//     before memory is taken for it.
//  3. A file is what it was when it was listed (size, modification time, digest of
//     the footer), or opening it is a conflict.
//  4. An output appears under its name whole or not at all.
package parquet
