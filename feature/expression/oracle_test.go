package expression_test

import (
	"math"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/quiver-features/quiver/feature"
)

// The naive oracle: what an expression gives for one row, by the rules of doc.go
// and nothing of the code. Integers are computed in math/big.

// result is nil for null, an error value, or int64, float64, bool, string or feature.Time.
type result any

type noValue struct{}

// strictly computes an operator of which a null or failed operand makes the result
// so, an error before a null.
func strictly(f func(args ...result) result, args ...result) result {
	null := false
	for _, a := range args {
		switch a.(type) {
		case noValue:
			return noValue{}
		case nil:
			null = true
		}
	}
	if null {
		return nil
	}
	return f(args...)
}

func arithmetic(op string, a, b result) result {
	if x, ok := a.(float64); ok {
		y := b.(float64)
		switch op {
		case "+":
			return x + y
		case "-":
			return x - y
		case "*":
			return x * y
		default:
			return x / y
		}
	}
	if x, ok := a.(string); ok {
		return x + b.(string)
	}
	x, y, r := big.NewInt(a.(int64)), big.NewInt(b.(int64)), new(big.Int)
	switch op {
	case "+":
		r.Add(x, y)
	case "-":
		r.Sub(x, y)
	case "*":
		r.Mul(x, y)
	case "/", "%":
		if y.Sign() == 0 || a == int64(math.MinInt64) && b == int64(-1) {
			return noValue{}
		}
		if op == "/" {
			r.Quo(x, y)
		} else {
			r.Rem(x, y)
		}
	}
	if !r.IsInt64() {
		return noValue{}
	}
	return r.Int64()
}

func compared(op string, a, b result) result {
	var less, equal bool
	switch x := a.(type) {
	case int64:
		less, equal = x < b.(int64), x == b.(int64)
	case float64:
		less, equal = x < b.(float64), x == b.(float64)
		if math.IsNaN(x) || math.IsNaN(b.(float64)) {
			return op == "!="
		}
	case bool:
		less, equal = !x && b.(bool), x == b.(bool)
	case string:
		less, equal = x < b.(string), x == b.(string)
	case feature.Time:
		less, equal = x < b.(feature.Time), x == b.(feature.Time)
	}
	switch op {
	case "<":
		return less
	case "<=":
		return less || equal
	case ">":
		return !less && !equal
	case ">=":
		return !less
	case "==":
		return equal
	default:
		return !equal
	}
}

// logical is && for by false, || for by true.
func logical(by bool, a, b result) result {
	if a == by || b == by {
		return by
	}
	for _, v := range []result{a, b} {
		if _, bad := v.(noValue); bad {
			return noValue{}
		}
	}
	if a == nil || b == nil {
		return nil
	}
	return !by
}

func chosen(condition, a, b result) result {
	switch condition {
	case true:
		return a
	case false:
		return b
	}
	return condition
}

func coalesced(args ...result) result {
	for _, a := range args {
		if a != nil {
			return a
		}
	}
	return nil
}

func isNull(a result, want bool) result {
	if _, bad := a.(noValue); bad {
		return a
	}
	return (a == nil) == want
}

func member(x result, items ...result) result {
	null := false
	for _, item := range items {
		switch {
		case item == nil:
			null = true
		case compared("==", x, item) == true:
			return true
		}
	}
	if null {
		return nil
	}
	return false
}

func textTest(op, a, b string) result {
	switch op {
	case "startsWith":
		return strings.HasPrefix(a, b)
	case "endsWith":
		return strings.HasSuffix(a, b)
	default:
		return strings.Contains(a, b)
	}
}

func length(s string) result { return int64(utf8.RuneCountInString(s)) }
