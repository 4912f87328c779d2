package feature

import (
	"iter"
	"strings"
)

// Nearest gives the known name that a misspelled one most probably means: the
// one with the fewest insertions, deletions, replacements and swaps of
// neighbours, if these are at most a third of its length. Case and the difference
// between "-", " " and "_" do not count. Of equally near names the first in the
// order of strings is given; "" where none is near.
func Nearest(name string, known iter.Seq[string]) string {
	if name == "" || len(name) > 128 {
		return ""
	}
	fold := strings.NewReplacer("-", "_", " ", "_")
	a := fold.Replace(strings.ToLower(name))
	best, limit := "", max(1, len(a)/3)+1
	var rows [3][]int
	for k := range known {
		b := fold.Replace(strings.ToLower(k))
		if d := len(b) - len(a); d > limit || -d > limit {
			continue
		}
		if d := edits(a, b, &rows); d < limit || d == limit && best != "" && k < best {
			best, limit = k, d
		}
	}
	return best
}

// edits is the restricted Damerau-Levenshtein distance by bytes. The rows are
// scratch space.
func edits(a, b string, rows *[3][]int) int {
	for i := range rows {
		if len(rows[i]) <= len(b) {
			rows[i] = make([]int, 2*len(b)+1)
		}
	}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
