package definition

import "strings"

// nearest gives the known name that a misspelled one most probably stands for:
// the one with the fewest insertions, deletions, replacements and swaps of
// neighbors, if these are at most a third of the name's length. Case and the
// difference between - and _ don't count. Of equally near ones the first wins.
func nearest(name string, known []string) (string, bool) {
	if name == "" || len(name) > 128 {
		return "", false
	}
	fold := strings.NewReplacer("-", "_", " ", "_")
	a := []byte(fold.Replace(strings.ToLower(name)))
	best, found := max(1, len(a)/3)+1, ""
	var rows [3][]int
	for _, k := range known {
		if d := len(k) - len(a); d >= best || -d >= best {
			continue
		}
		if d := distance(a, []byte(fold.Replace(strings.ToLower(k))), best, &rows); d < best {
			best, found = d, k
		}
	}
	return found, found != ""
}

// distance is the restricted Damerau-Levenshtein distance of a and b, or limit
// where it is not less than that. The rows are scratch space.
func distance(a, b []byte, limit int, rows *[3][]int) int {
	for i := range rows {
		if cap(rows[i]) <= len(b) {
			rows[i] = make([]int, 2*len(b)+1)
		}
		rows[i] = rows[i][:len(b)+1]
	}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		// A swap reaches back one row more, so its price is allowed for.
		if least > limit {
			return limit
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
