package csv

import (
	"strconv"

	"github.com/quiver-features/quiver/feature"
)

// guess is what the values of a column seen so far can be.
type guess struct {
	seen                       bool
	notInt, notFloat, notTruth bool
}

func (g *guess) see(s string) {
	if s == "" {
		return
	}
	g.seen = true
	if !g.notInt && !canonicalInt(s) {
		g.notInt = true
	}
	if !g.notFloat && !canonicalFloat(s) {
		g.notFloat = true
	}
	if !g.notTruth && s != "true" && s != "false" {
		g.notTruth = true
	}
}

func (g *guess) kind() feature.Type {
	switch {
	case !g.seen:
		return feature.Scalar(feature.String)
	case !g.notInt:
		return feature.Scalar(feature.Int64)
	case !g.notFloat:
		return feature.Scalar(feature.Float64)
	case !g.notTruth:
		return feature.Scalar(feature.Bool)
	default:
		return feature.Scalar(feature.String)
	}
}

// canonicalInt takes 0, 17 and -5, and leaves 007, +5 and -0 to be text: they
// would not be written back as they were.
func canonicalInt(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == s
}

// canonicalFloat takes decimal and exponent notation, NaN and infinities, and
// leaves to text what looks like a code: leading zeros, plus signs, whole numbers
// beyond int64, hexadecimal and underscores.
func canonicalFloat(s string) bool {
	switch s {
	case "NaN", "nan", "inf", "-inf", "Inf", "-Inf", "+Inf":
		return true
	}
	digits := s
	if digits[0] == '-' {
		digits = digits[1:]
	}
	if digits == "" || digits[0] < '0' && digits[0] != '.' || digits[0] > '9' {
		return false
	}
	if len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		return false
	}
	whole := true
	for i := range len(digits) {
		switch c := digits[i]; {
		case c == 'x' || c == 'X' || c == '_' || c == 'p' || c == 'P':
			return false
		case c < '0' || c > '9':
			whole = false
		}
	}
	if whole && !canonicalInt(s) {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}
