package expression_test

import (
	"math"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

// cases are expressions over one row and what they give, worked out by hand.
type cases []struct{ text, want string }

func (c cases) run(t *testing.T, r row) {
	t.Helper()
	for _, e := range c {
		if got := evaluate(t, e.text, r); got != e.want {
			t.Errorf("%s\n got  %s\n want %s", e.text, got, e.want)
		}
	}
}

// numbers are variables at the edges; a variable is not folded as a literal is.
func numbers() row {
	return row{
		"zero": {"int64", int64(0)}, "one": {"int64", int64(1)}, "minus": {"int64", int64(-1)}, "seven": {"int64", int64(7)},
		"least": {"int64", int64(math.MinInt64)}, "most": {"int64", int64(math.MaxInt64)}, "none": {"int64", nil},
		"small": {"int32", int32(-3)}, "half": {"float32", float32(0.5)}, "tenth": {"float32", float32(0.1)},
		"x": {"float64", 2.5}, "nothing": {"float64", nil}, "fzero": {"float64", 0.0},
		"nan": {"float64", math.NaN()}, "inf": {"float64", math.Inf(1)}, "huge": {"float64", 1e300},
		"yes": {"bool", true}, "no": {"bool", false}, "maybe": {"bool", nil},
		"text": {"string", "12"}, "word": {"string", "abc"}, "silence": {"string", nil},
	}
}

func TestIntegersAreExactOrFail(t *testing.T) {
	cases{
		{"most + one", "int64 error"},
		{"least - one", "int64 error"},
		{"most - minus", "int64 error"},
		{"most + minus", "int64 9223372036854775806"},
		{"most * one", "int64 9223372036854775807"},
		{"least * minus", "int64 error"},
		{"minus * least", "int64 error"},
		{"most * most", "int64 error"},
		{"most * 2", "int64 error"},
		{"4611686018427387904 * (seven - 9)", "int64 -9223372036854775808"},
		{"least / minus", "int64 error"},
		{"least % minus", "int64 error"},
		{"one / zero", "int64 error"},
		{"one % zero", "int64 error"},
		{"-seven / 2", "int64 -3"},
		{"-seven % 2", "int64 -1"},
		{"seven % -2", "int64 1"},
		{"-least", "int64 error"},
		{"abs(least)", "int64 error"},
		{"abs(-seven)", "int64 7"},
		{"small", "int32 -3"},
		{"small + small", "int64 -6"},
		{"small * seven", "int64 -21"},
		{"-small", "int64 3"},
		{"sign(least)", "int64 -1"},
		{"sign(zero)", "int64 0"},
		{"sign(most)", "int64 1"},
		{"min(seven, one, small)", "int64 -3"},
		{"max(seven, one, small)", "int64 7"},
		{"clamp(seven, 0, 5)", "int64 5"},
		{"clamp(minus, 0, 5)", "int64 0"},
		{"clamp(seven, 5, 0)", "int64 error"},
	}.run(t, numbers())
}

func TestFloatsFollowIEEE754(t *testing.T) {
	cases{
		{"x / 0.0", "float64 Infinity"},
		{"-x / 0.0", "float64 -Infinity"},
		{"fzero / fzero", "float64 NaN"},
		{"huge * huge", "float64 Infinity"},
		{"inf - inf", "float64 NaN"},
		{"nan == nan", "bool false"},
		{"nan != nan", "bool true"},
		{"nan < x", "bool false"},
		{"nan >= x", "bool false"},
		{"-fzero == 0.0", "bool true"},
		{"half", "float32 0.5"},
		{"half + half", "float64 1"},
		{"tenth == 0.1", "bool false"}, // the nearest float32 is another number
		{"tenth == float32(0.1)", "bool true"},
		{"x * 2", "float64 5"},
		{"2 * x + 1", "float64 6"},
		{"x > 2", "bool true"},
		{"yes ? 1 : x", "float64 1"},
		{"abs(-x)", "float64 2.5"},
		{"sign(-x)", "float64 -1"},
		{"sign(nan)", "float64 NaN"},
		{"floor(-x)", "float64 -3"},
		{"ceil(-x)", "float64 -2"},
		{"round(x)", "float64 3"},
		{"round(-x)", "float64 -3"},
		{"sqrt(x - 0.25)", "float64 1.5"},
		{"sqrt(-x)", "float64 NaN"},
		{"exp(fzero)", "float64 1"},
		{"log(fzero)", "float64 -Infinity"},
		{"log(-x)", "float64 NaN"},
		{"log(exp(fzero))", "float64 0"},
		{"log10(x * 400)", "float64 3"},
		{"log1p(fzero)", "float64 0"},
		{"pow(x, 2)", "float64 6.25"},
		{"sin(fzero)", "float64 0"},
		{"cos(fzero)", "float64 1"},
		{"abs(sin(3.141592653589793 / 6.0 + fzero) - 0.5) < 1e-15", "bool true"},
		{"is_nan(nan)", "bool true"},
		{"is_nan(inf)", "bool false"},
		{"is_inf(-inf)", "bool true"},
		{"is_inf(nan)", "bool false"},
		{"min(x, nan)", "float64 NaN"},
		{"max(nan, x, 7)", "float64 NaN"},
		{"min(x, half)", "float64 0.5"},
		{"clamp(x, 0, 1)", "float64 1"},
		{"clamp(nan, 0, 1)", "float64 NaN"},
		{"clamp(x, 1, 0)", "float64 error"},
	}.run(t, numbers())
}

func TestNullsSpreadAndErrorsAreStronger(t *testing.T) {
	cases{
		{"none + one", "int64 null"},
		{"none / zero", "int64 null"},
		{"none + one / zero", "int64 error"},
		{"none * (most + one)", "int64 error"},
		{"-none", "int64 null"},
		{"none == none", "bool null"},
		{"none == null", "bool true"},
		{"null != none", "bool false"},
		{"one == null", "bool false"},
		{"one / zero == null", "bool error"},
		{"size(silence)", "int64 null"},
		{"pow(nothing, 0)", "float64 null"},
		{"coalesce(none, 5)", "int64 5"},
		{"coalesce(none, none)", "int64 null"},
		{"coalesce(none, small, 1)", "int64 -3"},
		{"coalesce(nothing, 1)", "float64 1"},
		{"coalesce(null, x)", "float64 2.5"},
		{"coalesce(one / zero, 5)", "int64 error"},
		{"coalesce(5, one / zero)", "int64 5"},
		{"coalesce(none, one / zero, 5)", "int64 error"},
		{"coalesce(silence, word)", `string "abc"`},
		{"yes ? one : one / zero", "int64 1"},
		{"no ? one : one / zero", "int64 error"},
		{"maybe ? one : 2", "int64 null"},
		{"maybe ? one / zero : 2", "int64 null"},
		{"one / zero == 1 ? 1 : 2", "int64 error"},
		{"yes ? null : one", "int64 null"},
		{"no ? null : one", "int64 1"},
		{"yes ? small : small", "int32 -3"},
		{"yes ? small : one", "int64 -3"},
	}.run(t, numbers())
}

func TestLogicHasThreeValuesAndErrorsThatMatter(t *testing.T) {
	r := numbers()
	r["bad"] = value{"string", "bad"} // bool(bad) fails
	operands := map[string]string{"true": "yes", "false": "no", "null": "maybe", "error": "bool(bad)"}
	for _, c := range []struct{ a, b, and, or string }{
		{"true", "true", "true", "true"},
		{"true", "false", "false", "true"},
		{"false", "false", "false", "false"},
		{"true", "null", "null", "true"},
		{"false", "null", "false", "null"},
		{"null", "null", "null", "null"},
		{"true", "error", "error", "true"},
		{"false", "error", "false", "error"},
		{"null", "error", "error", "error"},
		{"error", "error", "error", "error"},
	} {
		a, b := operands[c.a], operands[c.b]
		cases{
			{a + " && " + b, "bool " + c.and},
			{b + " && " + a, "bool " + c.and},
			{a + " || " + b, "bool " + c.or},
			{b + " || " + a, "bool " + c.or},
		}.run(t, r)
	}
	cases{{"!yes", "bool false"}, {"!maybe", "bool null"}, {"!bool(bad)", "bool error"}}.run(t, r)
}

func TestConversionsGiveTheNearestValueOrFail(t *testing.T) {
	r := numbers()
	r["raw"], r["broken"] = value{"bytes", []byte("h\u00e9")}, value{"bytes", []byte{0xff}}
	r["time"] = value{"timestamp", feature.Time(-1)}
	r["day"] = value{"date", feature.CalendarDay(-1)}
	cases{
		{"int(x)", "int64 2"},
		{"int(-x)", "int64 -2"},
		{"int(nan)", "int64 error"},
		{"int(inf)", "int64 error"},
		{"int(-inf)", "int64 error"},
		{"int(huge)", "int64 error"},
		{"int(double(least))", "int64 -9223372036854775808"},
		{"int(double(most))", "int64 error"}, // 2^63
		{"int(text)", "int64 12"},
		{"int(word)", "int64 error"},
		{"int(text + '.5')", "int64 error"},
		{"int(yes) + int(no)", "int64 1"},
		{"int(time)", "int64 -1"},
		{"int(small)", "int64 -3"},
		{"int32(seven)", "int32 7"},
		{"int32(most)", "int32 error"},
		{"int32(2147483647 + zero)", "int32 2147483647"},
		{"int32(2147483648 + zero)", "int32 error"},
		{"int32(-2147483649 + zero)", "int32 error"},
		{"double(most)", "float64 9.223372036854776e+18"},
		{"double(text)", "float64 12"},
		{"double(text + 'e400')", "float64 error"},
		{"double(word)", "float64 error"},
		{"double(yes)", "float64 1"},
		{"float32(0.1 + fzero)", "float32 0.1"},
		{"float32(huge)", "float32 Infinity"},
		{"double(float32(0.1 + fzero))", "float64 0.10000000149011612"},
		{"bool(text == '12' ? 'true' : '')", "bool true"},
		{"bool(word)", "bool error"},
		{"string(least)", `string "-9223372036854775808"`},
		{"string(x)", `string "2.5"`},
		{"string(tenth)", `string "0.1"`},
		{"string(yes)", `string "true"`},
		{"string(time)", `string "1969-12-31T23:59:59.999999Z"`},
		{"string(day)", `string "1969-12-31"`},
		{"string(raw)", `string "hé"`},
		{"string(broken)", `string error`},
		{"bytes(word)", `bytes "abc"`},
		{"size(raw)", "int64 3"},
		{"size(string(raw))", "int64 2"},
		{"timestamp('2001-06-30T12:00:00+02:00')", "timestamp 2001-06-30T10:00:00Z"},
		{"timestamp('2001-06-30')", "timestamp 2001-06-30T00:00:00Z"},
		{"timestamp(word)", "timestamp error"},
		{"timestamp(minus)", "timestamp 1969-12-31T23:59:59Z"},
		{"timestamp(most) == timestamp(most / 2)", "bool true"}, // both are beyond the times there are
		{"timestamp(day)", "timestamp 1969-12-31T00:00:00Z"},
		{"date(time)", "date 1969-12-31"},
		{"date('2000-02-29')", "date 2000-02-29"},
		{"date(word)", "date error"},
	}.run(t, r)
}
