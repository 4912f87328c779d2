package expression_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// Each kind of mistake is told at its place, in Quiver's words, with what to do.
func TestErrorsSayWhereWhatAndWhatToDo(t *testing.T) {
	r := row{
		"delay": {"int64", int64(1)}, "mean": {"float64", 1.0}, "small": {"int32", int32(1)}, "city": {"string", "a"}, "late": {"bool", true}, "day": {"date", nil},
		"seen": {"timestamp", nil}, "tags": {"list<string>", nil}, "origin.busy": {"bool", true}, "vec": {"list<float32>[3]", nil},
	}
	for _, c := range []struct{ text, want string }{
		{"", "1:1: the expression is empty"},
		{" \n ", "1:1: the expression is empty"},
		{"delay +", "1:8: the expression ends where a value is expected"},
		{"delay +\n  'é' ++ delay", `2:8: "+" is not expected here`},
		{"(delay", "1:7: expected ')'"},
		{"delay and late", `1:7: "and" is not expected here; write a && b`},
		{"delay = 3", `1:7: "=" is not expected here; write a == b`},
		{"city like 'a%'", `1:6: "like" is not expected here; write startsWith(a, b), contains(a, b) or matches(a, b)`},
		{"delay == NULL", "1:10: unknown name NULL; write null"},
		{"late == True", "1:9: unknown name True; write true"},
		{"city || city", "1:6: operator || takes (bool, bool), not (string, string); texts are joined by +"},
		{"lower(late)", "1:1: lower takes (string), not (bool); the text with a to z for A to Z; other letters stay"},
		{"if late", `1:1: "if" is a reserved word; write condition ? a : b`},
		{"delay # 3", `1:7: "# 3" is not part of the language`},
		{"'abc", "1:1: the text has no closing quote"},
		{`'\q'`, `1:1: the text has an unknown escape sequence; write \\ for a backslash, or r"…" for a text without escapes`},
		{"99999999999999999999", `1:1: "99999999999999999999" does not fit an int64`},
		{"1e999", `1:1: "1e999" does not fit a float64`},
		{"1u", "1:1: integers without a sign are not part of the language; write 1"},
		{"{1: 2}", "1:1: maps and structs are not part of the language"},
		{"has(city.x)", "1:1: has is not part of the language; write x != null"},
		{"tags.exists(city, late)", "1:6: exists is not part of the language: expressions do not loop over lists"},
		{"delya + 1", "1:1: unknown name delya; did you mean delay?"},
		{"1 + origin.bussy", "1:5: unknown name origin.bussy; did you mean origin.busy?"},
		{"origin", "1:1: unknown name origin; known are city, day, delay, late, mean, origin.busy, seen, small, tags, vec"},
		{"abs", "1:1: abs is a function, not a value; call it: abs(…)"},
		{"lowwer(city)", "1:1: unknown function lowwer; did you mean lower?"},
		{"lengtth(city)", "1:1: unknown function lengtth; did you mean size?"},
		{"city.length()", "1:6: unknown function length; did you mean size?"},
		{"Substring(city, 0, 1)", "1:1: unknown function Substring; did you mean substr?"},
		{"city.starts_with('a')", "1:6: unknown function starts_with; did you mean startsWith?"},
		{"dyn(delay)", "1:1: dyn is not part of the language: types are strict, and integers have a sign"},
		{"(late ? city : city).x", "1:21: .x: values have no fields"},
		{"delay * mean", "1:7: operator * takes (int64, int64) or (float64, float64), not (int64, float64); convert the integers: double(x)"},
		{"mean % 2", "1:6: operator % takes (int64, int64), not (float64, int64); convert the floats: int(x)"},
		{"hash(mean, 3)", "1:1: hash takes (int64, int64) or (string, int64) or (bytes, int64) or (date, int64) or (timestamp, int64), not (float64, int64); convert the floats: int(x)"},
		{"mean > delay", "1:6: operator > takes two values of one type, not (float64, int64); convert the integers: double(x)"},
		{"city == 12", "1:6: operator == takes two values of one type, or a value and null, not (string, int64); convert the text, int(x), or the number, string(x)"},
		{"seen < '2001-01-01'", "1:6: operator < takes two values of one type, not (timestamp, string); convert the text: timestamp(x)"},
		{"seen < day", "1:6: operator < takes two values of one type, not (timestamp, date); convert the date: timestamp(x)"},
		{"seen + 30", "1:6: operator + takes " + plus + ", not (timestamp, int64); make a duration of the number: seconds(x), hours(x), days(x)"},
		{"late && delay", "1:6: operator && takes (bool, bool), not (bool, int64); make a bool of the number: x != 0"},
		{"delay && late", "1:7: operator && takes (bool, bool), not (int64, bool); make a bool of the number: x != 0"},
		{"delay ? 1 : 2", "1:7: operator ?: takes (bool, any, any), both branches of one type, not (int64, int64, int64); make a bool of the number: x != 0"},
		{"late ? 'a' : 2", "1:6: operator ?: takes (bool, any, any), both branches of one type, not (bool, string, int64); convert the text, int(x), or the number, string(x)"},
		{"coalesce(delay, 0.5)", "1:1: coalesce takes values of one type, not (int64, float64); convert the integers: double(x)"},
		{"delay + null", "1:7: operator + takes " + plus + ", not (int64, null); null stands beside ==, !=, in coalesce(…), in lists and behind ? and :"},
		{"city in vec", "1:6: operator in takes a value and a list of its type, not (string, list<float32>)"},
		{"sqrt(delay)", "1:1: sqrt takes (float64), not (int64); convert the integers: double(x)"},
		{"clamp(delay)", "1:1: clamp takes (int64, int64, int64) or (float64, float64, float64), not (int64); x, but at least lo and at most hi, as clamp(x, lo, hi)"},
		{"city.matches(city)", "1:6: argument 2 of matches has to be a constant; write it out as a literal"},
		{"city.matches('x{1000}y{1000}')", "1:6: the pattern of matches is too large: it takes 2002 steps, at most 2000 are allowed; repeat less: x{n} counts as n times x"},
		{"city.matches('(')", "1:6: error parsing regexp: missing closing ): `(`; patterns are RE2's: https://github.com/google/re2/wiki/Syntax"},
		{"bucketize(delay, [2, 1])", "1:1: the boundaries of bucketize have to ascend, without null and NaN; write them in ascending order"},
		{"one_hot(city, [])", "1:1: one_hot needs values, none of them null"},
		{"mean == [1, 2]", "1:6: operator == takes two values of one type, or a value and null, not (float64, list<int64>)"},
		{"tags == tags", "1:6: lists are not compared with ==; compare their items"},
		{"[tags]", "1:1: a list of list<string> is not part of the language"},
		{"1 + 1 / 0", "1:7: / of these constants never has a value: a whole number is divided by zero, or the result is beyond int64"},
		{"date('2001-02-30') < day", "1:1: date of these constants never has a value: the text is no date"},
		{"seen - seen", "1:6: the result is a duration, which no feature can be; make a number of it: seconds(…), hours(…), days(…)"},
		{"null", "1:1: the result is always null, which has no type; name a type, as in coalesce(x, …)"},
		{"[]", "1:1: the result is always an empty list, which has no type; name a type, as in coalesce(x, …)"},
		{"9007199254740993 * mean", "1:18: the integer is too large to stand for a float exactly; write it as a float"},
		{strings.Repeat("(", 300) + "1", tooLarge},
		{strings.Repeat("delay + ", 300) + "1", tooLarge},
		{"[" + strings.Repeat("1, ", 1100) + "1]", tooLarge},
		{strings.Repeat(" ", 16<<10) + "1", "1:1: the expression is 16385 bytes long, at most 16384 are allowed; compute parts of it as features of their own"},
	} {
		p, err := expression.Compile(c.text, scopeOf(t, r))
		if err == nil {
			t.Errorf("%.60q compiles to %s", c.text, p.Type())
			continue
		}
		if err.Error() != c.want {
			t.Errorf("%.60q\n got  %s\n want %s", c.text, err, c.want)
		}
		var e *expression.Error
		if !errors.Is(err, feature.ErrInvalid) || !errors.As(err, &e) || !strings.HasPrefix(err.Error(), fmt.Sprintf("%d:%d: ", e.Line, e.Column)) {
			t.Errorf("%.60q: the error is %T", c.text, err)
		}
	}
}

const (
	plus = "(int64, int64) or (float64, float64) or (string, string) or (bytes, bytes) or (timestamp, duration) or (duration, timestamp) or " +
		"(date, duration) or (duration, duration) or (list<any>, list<any>)"
	tooLarge = "1:1: the expression is too large: at most 200 nested parts and 1000 names, literals and operators are allowed; compute parts of it as features of their own"
)
