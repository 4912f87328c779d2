package expression_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

const mebi = 1 << 20

// compiled is a program with the columns of its variables.
func compiled(t *testing.T, text string, columns map[string]*feature.Column) (*expression.Program, []*feature.Column) {
	t.Helper()
	var vars []expression.Variable
	for name, c := range columns {
		vars = append(vars, expression.Variable{Name: name, Type: c.Type})
	}
	scope, err := expression.NewScope(vars)
	if err != nil {
		t.Fatal(err)
	}
	p, err := expression.Compile(text, scope)
	if err != nil {
		t.Fatal(err)
	}
	var args []*feature.Column
	for _, name := range p.Reads() {
		args = append(args, columns[name])
	}
	return p, args
}

func textsOf(values ...string) *feature.Column {
	c := feature.NewColumn(feature.Scalar(feature.String), len(values))
	for _, v := range values {
		c.AppendString(v)
	}
	return c
}

// A list counts 8 bytes an item, and the bytes of its texts.
func TestATextOrListOfMoreThanAMebibyteIsNotMade(t *testing.T) {
	long := strings.Repeat("x", mebi)
	ints := func(n int) []any {
		all := make([]any, n)
		for i := range all {
			all[i] = int64(i)
		}
		return all
	}
	texts := func(n, size int) []any {
		all := make([]any, n)
		for i := range all {
			all[i] = strings.Repeat("y", size)
		}
		return all
	}
	for name, c := range map[string]struct {
		text string
		v    value
		want string
	}{
		"a text":                   {"size(v + '')", value{"string", long}, "int64 1048576"},
		"a text too long":          {"size(v + 'x')", value{"string", long}, "int64 error"},
		"case":                     {"size(upper(v))", value{"string", long}, "int64 1048576"},
		"case, too long":           {"size(upper(v))", value{"string", long + "x"}, "int64 error"},
		"handed on":                {"size(coalesce(v, ''))", value{"string", long + "x"}, "int64 1048577"},
		"two lists":                {"size(v + v)", value{"list<int64>", ints(mebi / 16)}, "int64 131072"},
		"two lists, too long":      {"size(v + v)", value{"list<int64>", ints(mebi/16 + 1)}, "int64 error"},
		"lists of texts":           {"size(v + v)", value{"list<string>", texts(2, mebi/4-8)}, "int64 4"},
		"lists of texts, too long": {"size(v + v)", value{"list<string>", texts(2, mebi/4-7)}, "int64 error"},
		"a list handed on":         {"size(true ? v : v)", value{"list<int64>", ints(mebi / 4)}, "int64 262144"},
		"items":                    {"size([v, v])", value{"string", long[:mebi/2-8]}, "int64 2"},
		"items, too long":          {"size([v, v])", value{"string", long[:mebi/2-7]}, "int64 error"},
		"parts":                    {"size(split(v, ''))", value{"string", long[:mebi/9]}, fmt.Sprint("int64 ", mebi/9)},
		"parts, too many":          {"size(split(v, ''))", value{"string", long[:mebi/9+1]}, "int64 error"},
		"parts by a separator":     {"size(split(v, 'x'))", value{"string", long[:mebi/9]}, "int64 error"}, // one part more
		"a time":                   {"timestamp(v)", value{"string", "2001-06-30" + long}, "timestamp error"},
		"a date":                   {"date(v)", value{"string", "2001-06-30" + long}, "date error"},
	} {
		r := row{"v": c.v}
		if got := evaluate(t, c.text, r); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// Rows beside one another share the memory of what is made on the way, and give what each
// gives alone.
func TestWhatIsMadeOnTheWayTakesBoundedMemory(t *testing.T) {
	const rows, much = 1100, mebi / 16
	texts := feature.NewColumn(feature.Scalar(feature.String), rows)
	size := func(i int) int {
		if i%3 == 0 {
			return i
		}
		return much
	}
	long := strings.Repeat("x", much)
	for i := range rows {
		texts.AppendString(long[:size(i)])
	}
	for text, want := range map[string]func(i int) int{
		"size(bytes(s + s))": func(i int) int { return 2 * size(i) },
		"size(bytes(s + 'a')) + size(bytes((s + s) + ''))":     func(i int) int { return 3*size(i) + 1 },
		"size(bytes([s + 'a', s][0]))":                         func(i int) int { return size(i) + 1 },
		"size(split(substr(s, 0, 2000), '')) + size(bytes(s))": func(i int) int { return min(2000, size(i)) + size(i) },
		"size(split(substr(s, 0, 2000), '') + ['a'])":          func(i int) int { return min(2000, size(i)) + 1 },
		"size(size(bytes(s)) > 0 ? split(substr(s, 1, 9), '') : ['']) + size(one_hot(s, ['a', 'b']))": func(i int) int {
			return max(1, min(9, size(i)-1)) + 2 - b2i(size(i) == 1)
		},
	} {
		p, args := compiled(t, text, map[string]*feature.Column{"s": texts})
		dst := feature.NewColumn(p.Type(), rows)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		failed, err := p.NewMachine().Eval(rows, args, dst)
		runtime.ReadMemStats(&after)
		if err != nil || failed != nil {
			t.Fatalf("%s: %v, failed %v", text, err, failed != nil)
		}
		for i, got := range dst.Int64s {
			if got != int64(want(i)) {
				t.Fatalf("%s: row %d is %d, want %d", text, i, got, want(i))
			}
		}
		// 32 MiB at a time are allowed, and slices grow by a quarter.
		if took := after.TotalAlloc - before.TotalAlloc; took > 400*mebi {
			t.Errorf("%s: took %d MiB", text, took/mebi)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Of a row that needs too much by itself the value is missing, alone and beside others.
func TestARowThatNeedsTooMuchOnTheWayFailsAlone(t *testing.T) {
	parts := make([]string, 40)
	for i := range parts {
		parts[i] = fmt.Sprintf("size(bytes(s + '%02d'))", i)
	}
	text := strings.Join(parts, " + ")
	// 40 times 838,860 bytes are just below 32 MiB.
	values := []string{"a", strings.Repeat("x", 32*mebi/40-2), strings.Repeat("x", 32*mebi/40-1), "b"}
	p, args := compiled(t, text, map[string]*feature.Column{"s": textsOf(values...)})
	m, dst := p.NewMachine(), feature.NewColumn(p.Type(), 4)
	failed, err := m.Eval(4, args, dst)
	if err != nil {
		t.Fatal(err)
	}
	want := "[false false true false]"
	if got := fmt.Sprint(failed); got != want || fmt.Sprint(dst.Any(0), dst.Any(2), dst.Any(3)) != "120 <nil> 120" {
		t.Errorf("failed %s, want %s; values %v", got, want, dst.Int64s)
	}
	for i, v := range values {
		one := feature.NewColumn(p.Type(), 1)
		bad, err := m.Eval(1, []*feature.Column{textsOf(v)}, one)
		if err != nil || (bad != nil) != failed[i] || one.Any(0) != dst.Any(i) {
			t.Errorf("row %d alone: %v, failed %v; beside others: %v, failed %v; %v", i, one.Any(0), bad, dst.Any(i), failed[i], err)
		}
	}
}

func TestResultsBeyondALimitAreAnError(t *testing.T) {
	const rows = 2000
	s := textsOf(strings.Repeat("x", 1000))
	lists := feature.NewColumn(feature.ListOf(feature.Int64, 0), 1)
	if err := lists.AppendAny([]any{int64(1), nil}); err != nil {
		t.Fatal(err)
	}
	for text, size := range map[string]int{
		"s": 1000, "s + 'x'": 1001, "'constant'": 8, "coalesce(s, '')": 1000, "l": 16, "l + l": 32, "[s]": 1008, "size(s)": 0, "null == s ? '' : ''": 0,
	} {
		p, args := compiled(t, text, map[string]*feature.Column{"s": s, "l": lists})
		for _, limit := range []int{rows*size - 1, rows * size} {
			m, dst := p.NewMachine(), feature.NewColumn(p.Type(), 0)
			m.Limit(max(limit, 0))
			_, err := m.Eval(rows, args, dst)
			switch {
			case limit >= rows*size || size == 0:
				if err != nil || dst.Len() != rows || dst.Varying() != rows*size {
					t.Errorf("%s within %d bytes: %d rows of %d bytes, %v", text, limit, dst.Len(), dst.Varying(), err)
				}
			case !errors.Is(err, feature.ErrTooLarge):
				t.Errorf("%s within %d bytes: error %v, want ErrTooLarge", text, limit, err)
			}
		}
	}
}

func TestConstantsAreBoundedTogether(t *testing.T) {
	const ten = "'xxxxxxxxxx'"
	big := ten
	for range 5 {
		big = "replace(" + big + ", 'x', " + ten + ")"
	}
	// Each makes 10^2 + … + 10^6 bytes, so that 30 of them are within 32 MiB.
	sum := func(n int) string { return strings.Repeat("size("+big+") + ", n) + "n" }
	if got := evaluate(t, sum(30), row{"n": {"int64", int64(1)}}); got != "int64 30000001" {
		t.Error(got)
	}
	if got := evaluate(t, sum(31), row{"n": {"int64", int64(1)}}); !strings.Contains(got, "made of constants take more than 32 MiB") {
		t.Error(got)
	}
}
