package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/quiver-features/quiver/offline/profile"
)

// course draws numbers and bools, a gap for what is null or no number, with the least
// and the greatest of them.
func course(series []any, draw bars) (line, least, greatest string) {
	numbers := make([]float64, len(series))
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, v := range series {
		numbers[i] = drawn(v)
		if n := numbers[i]; !math.IsNaN(n) && !math.IsInf(n, 0) {
			lo, hi = min(lo, n), max(hi, n)
		}
	}
	if lo > hi {
		return "", "", ""
	}
	levels := draw.levels
	var b strings.Builder
	for _, n := range numbers {
		switch {
		case math.IsNaN(n):
			b.WriteByte(' ')
		case hi == lo:
			b.WriteRune(levels[0])
		default:
			share := profile.Within(n, lo, hi)
			b.WriteRune(levels[min(int(share*float64(len(levels))), len(levels)-1)])
		}
	}
	return b.String(), shortNumber(lo), shortNumber(hi)
}

func shortNumber(v float64) string { return fmt.Sprintf("%.4g", v) }

// drawn gives what a course draws of a value, NaN for a gap.
func drawn(v any) float64 {
	switch v := v.(type) {
	case bool:
		if v {
			return 1
		}
		return 0
	case int32:
		return float64(v)
	case int64:
		return float64(v)
	case float32:
		return float64(v)
	case float64:
		return v
	default:
		return math.NaN()
	}
}
