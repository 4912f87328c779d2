package expression_test

import (
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

func TestTextsAreComparedByBytesAndCountedInCharacters(t *testing.T) {
	r := row{
		"s": {"string", "Héllo, 日本"}, "empty": {"string", ""}, "none": {"string", nil}, "csv": {"string", "a,,b,"},
		"broken": {"string", "a\xffb"}, "n": {"int64", int64(2)}, "minus": {"int64", int64(-1)}, "most": {"int64", int64(1<<63 - 1)}, "b": {"bytes", []byte{1, 2}},
	}
	cases{
		{"s + '!'", `string "Héllo, 日本!"`},
		{"b + b'\\x03'", `bytes "\x01\x02\x03"`},
		{"size(s)", "int64 9"},
		{"size(broken)", "int64 3"},
		{"size(empty)", "int64 0"},
		{"'a' < 'b' && 'Z' < 'a' && '' < 'a'", "bool true"},
		{"s == 'Héllo, 日本'", "bool true"},
		{"s.contains('llo')", "bool true"},
		{"contains(s, 'LLO')", "bool false"},
		{"s.contains('')", "bool true"},
		{"s.startsWith('H')", "bool true"},
		{"s.endsWith('本')", "bool true"},
		{"s.matches('^H.llo')", "bool true"},
		{"s.matches('llo$')", "bool false"},
		{"s.matches('^H.{0,900}$')", "bool true"},
		{"none.matches('a')", "bool null"},
		{"lower(s)", `string "héllo, 日本"`},
		{"upper(s)", `string "HéLLO, 日本"`},
		{"trim('\\t a b \\n')", `string "a b"`},
		{"substr(s, 1, 3)", `string "éll"`},
		{"substr(s, 7, 100)", `string "日本"`},
		{"substr(s, 8, most)", `string "本"`},
		{"substr(s, most, 1)", `string ""`},
		{"substr(s, 1, 0)", `string ""`},
		{"substr(s, minus, 1)", "string error"},
		{"substr(s, 1, minus)", "string error"},
		{"substr(none, minus, 1)", "string null"},
		{"substr(broken, 1, 1)", `string "\xff"`},
		{"replace(s, 'l', 'LL')", `string "HéLLLLo, 日本"`},
		{"replace(s, 'l', '')", `string "Héo, 日本"`},
		{"replace(s, '', 'x')", `string "Héllo, 日本"`},
		{"split(csv, ',')", `list<string> ["a", "", "b", ""]`},
		{"split(empty, ',')", `list<string> [""]`},
		{"split(empty, '')", `list<string> []`},
		{"split('日本a', '')", `list<string> ["日", "本", "a"]`},
		{"split(none, ',')", "list<string> null"},
		{"split(csv, ',')[n]", `string "b"`},
	}.run(t, r)
}

// A short expression can't make a text of any length.
func TestTextsEndAtAMebibyte(t *testing.T) {
	r := row{"s": {"string", strings.Repeat("a", 1000)}, "half": {"string", strings.Repeat("b", 1<<19)}}
	wide := "replace(s, 'a', '" + strings.Repeat("a", 1000) + "')"
	cases{
		{"size(" + wide + ")", "int64 1000000"},
		{"size(replace(" + wide + ", 'a', 'aa'))", "int64 error"},
		{"size(half + half)", "int64 1048576"},
		{"size(half + half + 'b')", "int64 error"},
	}.run(t, r)
}

func TestListsHaveItemsThatMayBeNull(t *testing.T) {
	r := row{
		"ints": {"list<int64>", []any{int64(5), nil, int64(7)}}, "empty": {"list<int64>", []any{}}, "none": {"list<int64>", nil},
		"small": {"list<int32>", []any{int32(1)}}, "floats": {"list<float32>[2]", []any{float32(3), float32(4)}}, "words": {"list<string>", []any{"a", "b"}},
		"gap": {"list<float64>", []any{1.0, nil}}, "zero": {"list<float64>", []any{0.0, 0.0}}, "unit": {"list<float64>", []any{1.0, 0.0}},
		"flags": {"list<bool>", []any{true, false}}, "n": {"int64", int64(1)}, "missing": {"int64", nil}, "x": {"float64", 2.5}, "w": {"string", "b"}, "yes": {"bool", true},
	}
	cases{
		{"ints[0]", "int64 5"},
		{"ints[n]", "int64 null"},
		{"ints[3]", "int64 error"},
		{"ints[-n]", "int64 error"},
		{"empty[0]", "int64 error"},
		{"none[0]", "int64 null"},
		{"ints[missing]", "int64 null"},
		{"small[0]", "int32 1"},
		{"words[n]", `string "b"`},
		{"flags[n]", "bool false"},
		{"size(ints)", "int64 3"},
		{"size(empty)", "int64 0"},
		{"size(none)", "int64 null"},
		{"7 in ints", "bool true"},
		{"6 in ints", "bool null"},
		{"n in small", "bool true"},
		{"n in empty", "bool false"},
		{"missing in empty", "bool null"},
		{"n in none", "bool null"},
		{"w in ['a', 'b']", "bool true"},
		{"x in [1, 2.5]", "bool true"},
		{"x in [1, 2]", "bool false"},
		{"yes in flags", "bool true"},
		{"[n, 2, missing]", "list<int64> [1, 2, null]"},
		{"[n, null]", "list<int64> [1, null]"},
		{"[x, 1]", "list<float64> [2.5, 1]"},
		{"[n / 0]", "list<int64> error"},
		{"[1, 2]", "list<int64> [1, 2]"},
		{"ints + [n]", "list<int64> [5, null, 7, 1]"},
		{"ints + []", "list<int64> [5, null, 7]"},
		{"floats", "list<float32>[2] [3, 4]"},
		{"floats[0]", "float32 3"},
		{"yes ? floats : floats", "list<float32>[2] [3, 4]"},
		{"yes ? one_hot(n, [1]) : one_hot(n, [1, 2])", "list<float32> [1]"},
		{"yes ? ints : [1]", "list<int64> [5, null, 7]"},
		{"coalesce(none, [n])", "list<int64> [1]"},
		{"coalesce(none, [])", "list<int64> []"},
		{"coalesce(none, empty)[0]", "int64 error"},
		{"none == null", "bool true"},
		{"one_hot(w, ['a', 'b', 'b'])", "list<float32>[3] [0, 1, 1]"},
		{"one_hot(n, [0, 1])", "list<float32>[2] [0, 1]"},
		{"one_hot(x, [1, 2])", "list<float32>[2] [0, 0]"},
		{"one_hot(yes, [false, true])", "list<float32>[2] [0, 1]"},
		{"one_hot(missing, [0, 1])", "list<float32>[2] null"},
		{"dot(floats, [1, 2])", "float64 11"},
		{"dot(floats, [1])", "float64 error"},
		{"dot(gap, unit)", "float64 null"},
		{"dot([], [])", "float64 0"},
		{"norm(floats)", "float64 5"},
		{"norm(gap)", "float64 null"},
		{"cosine(floats, unit)", "float64 0.6"},
		{"cosine(zero, unit)", "float64 NaN"},
		{"cosine(unit, [2, 0])", "float64 1"},
		{"sum(ints)", "int64 null"},
		{"sum([n, 5, -2])", "int64 4"},
		{"sum([9223372036854775807, n, -n])", "int64 9223372036854775807"},
		{"sum([9223372036854775807, n])", "int64 error"},
		{"sum(empty)", "int64 null"},
		{"sum(none)", "int64 null"},
		{"sum(floats)", "float64 7"},
		{"sum(small)", "int64 1"},
		{"mean(floats)", "float64 3.5"},
		{"mean([n, 2])", "float64 1.5"},
		{"mean([-n, 0, 0, 0])", "float64 -0.25"},
		{"mean([9223372036854775807, 9223372036854775807 * n])", "float64 9.223372036854776e+18"},
		{"mean([-9223372036854775808, -9223372036854775808 * n])", "float64 -9.223372036854776e+18"},
		{"mean(gap)", "float64 null"},
		{"mean(empty)", "float64 null"},
		{"min(floats)", "float64 3"},
		{"max([n, 5, 2])", "int64 5"},
		{"max(empty)", "int64 null"},
		{"n in [1, 2, 3, 4, 5, 6, 7, 8, 9]", "bool true"},
		{"n in [0, 2, 3, 4, 5, 6, 7, 8, 9]", "bool false"},
		{"missing in [0, 2, 3, 4, 5, 6, 7, 8, 9]", "bool null"},
		{"n in [0, 2, 3, 4, 5, 6, 7, 8, null]", "bool null"},
		{"w in ['1', '2', '3', '4', '5', '6', '7', '8', 'b']", "bool true"},
		{"w in ['1', '2', '3', '4', '5', '6', '7', '8', '']", "bool false"},
	}.run(t, r)
}

func TestBucketsAndHashesAreFixed(t *testing.T) {
	r := numbers()
	r["day"], r["when"], r["raw"] = value{"date", feature.CalendarDay(1)}, value{"timestamp", feature.Time(1)}, value{"bytes", []byte("abc")}
	cases{
		{"bucketize(minus, [0, 10, 20])", "int64 0"},
		{"bucketize(zero, [0, 10, 20])", "int64 1"},
		{"bucketize(seven, [0, 10, 20])", "int64 1"},
		{"bucketize(most, [0, 10, 20])", "int64 3"},
		{"bucketize(x, [0, 2.5, 20])", "int64 2"},
		{"bucketize(x, [3, 4])", "int64 0"},
		{"bucketize(seven, [7, 7])", "int64 2"},
		{"bucketize(nan, [1, 2])", "int64 2"},
		{"bucketize(-inf, [1, 2])", "int64 0"},
		{"bucketize(inf, [1, 2])", "int64 2"},
		{"bucketize(x, [])", "int64 0"},
		{"bucketize(none, [1])", "int64 null"},
		// XXH64 with seed 0 of "abc" is 0x44bc2cf5ad770999, of "" 0xef46db3751d8e999
		// (the reference implementation's test values).
		{"hash(word, most)", "int64 4952883123889572249"},
		{"hash('', 1000 + zero)", "int64 921"},
		// The 8 bytes of 7 and of -3, by an implementation in Python.
		{"hash(seven, 1000)", "int64 877"},
		{"hash(small, 1000)", "int64 603"},
		{"hash(raw, most) == hash(word, most)", "bool true"},
		{"hash(small, 10) == hash(int(small), 10)", "bool true"},
		{"hash(day, 1000) == hash(one, 1000)", "bool true"},
		{"hash(when, 1000) == hash(one, 1000)", "bool true"},
		{"hash(word, zero)", "int64 error"},
		{"hash(word, minus)", "int64 error"},
		{"hash(silence, 5)", "int64 null"},
		{"hash(word, one)", "int64 0"},
	}.run(t, r)
}
