package serving

// nearest gives the known name that a misspelt one most likely means, or "":
// the one with the least edits, at most a third of its length.
func nearest(name string, known []string) string {
	best, least := "", 0
	if len(name) > maxNameBytes {
		return ""
	}
	for _, k := range known {
		if d := edits(name, k); d <= max(1, len(k)/3) && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance by bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
