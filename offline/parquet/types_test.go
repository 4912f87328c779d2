package parquet_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/parquet"
)

func mustType(t *testing.T, s string) feature.Type {
	t.Helper()
	typ, err := feature.ParseType(s)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

// table makes a table over files below testdata with columns given as
// name:type, declared with a !.
func table(t *testing.T, files string, columns ...string) *feature.Table {
	t.Helper()
	tab := &feature.Table{Source: "s", Parquet: []string{files}}
	for _, c := range columns {
		name, typ, _ := strings.Cut(c, ":")
		typ, declared := strings.CutSuffix(typ, "!")
		tab.Columns = append(tab.Columns, feature.TableColumn{Name: name, Column: name, Type: mustType(t, typ), Declared: declared})
	}
	return tab
}

func openOne(t *testing.T, root string, tab *feature.Table) (offline.TableFile, error) {
	t.Helper()
	files := parquet.New(root)
	list, err := files.List(t.Context(), tab)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		t.Fatalf("%d files, want one", len(list))
	}
	f, err := files.Open(t.Context(), tab, list[0])
	if err == nil {
		t.Cleanup(func() { _ = f.Close() })
	}
	return f, err
}

// scan reads a column of a file whole, boxed, and again by Gather, and compares.
func scan(t *testing.T, f offline.TableFile, column string, typ feature.Type) ([]any, error) {
	t.Helper()
	var all []any
	for g, rows := range f.Groups() {
		got := []any{}
		err := f.Scan(t.Context(), g, []string{column}, func(first int, chunk []*feature.Column) error {
			if first != len(got) {
				t.Errorf("chunk begins at row %d, want %d", first, len(got))
			}
			for i := range chunk[0].Len() {
				got = append(got, chunk[0].Any(i))
			}
			if v := chunk[0].Valid; v != nil && len(v) != chunk[0].Len() {
				t.Errorf("%d validities for %d values", len(v), chunk[0].Len())
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(got) != rows {
			t.Errorf("group %d: %d rows, want %d", g, len(got), rows)
		}
		everyThird := []int32{}
		want := []any{}
		for i := 0; i < rows; i += 3 {
			everyThird = append(everyThird, int32(i))
			want = append(want, got[i])
		}
		picked := feature.NewColumn(typ, 0)
		if err := f.Gather(t.Context(), g, column, everyThird, picked); err != nil {
			return nil, err
		}
		gathered := []any{}
		for i := range picked.Len() {
			gathered = append(gathered, picked.Any(i))
		}
		if diff := cmp.Diff(want, gathered, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("group %d: Gather differs from Scan (-scan +gather):\n%s", g, diff)
		}
		all = append(all, got...)
	}
	return all, nil
}

type typeCase struct {
	column, typ string
	up          bool // the column is the available timestamp
	want        []any
	fails       string // part of the error; the file's row group and row for values that do not fit
}

func typeCases() []typeCase {
	i32, i64, f32, tm, day := func(v int64) any { return int32(v) }, func(v int64) any { return v },
		func(v float64) any { return float32(v) }, func(v int64) any { return feature.Time(v) }, func(v int64) any { return feature.CalendarDay(v) }
	inf := math.Inf(1)
	return []typeCase{
		{column: "bool", typ: "bool", want: []any{true, nil, false, true, false}},
		{column: "int8", typ: "int32", want: []any{i32(1), nil, i32(-128), i32(127), i32(0)}},
		{column: "int16", typ: "int64", want: []any{i64(1), nil, i64(-32768), i64(32767), i64(0)}},
		{column: "int32", typ: "int32", want: []any{i32(1), nil, i32(math.MinInt32), i32(math.MaxInt32), i32(0)}},
		{column: "int32", typ: "int64", want: []any{i64(1), nil, i64(math.MinInt32), i64(math.MaxInt32), i64(0)}},
		{column: "int32", typ: "float64", want: []any{1.0, nil, -2147483648.0, 2147483647.0, 0.0}},
		{column: "int32", typ: "string!", want: []any{"1", nil, "-2147483648", "2147483647", "0"}},
		{column: "int32", typ: "string", fails: `column "int32" is of type int32, expected string`},
		{column: "int64", typ: "int64", want: []any{i64(1), nil, i64(math.MinInt64), i64(math.MaxInt64), i64(0)}},
		{column: "int64", typ: "int32", fails: `value -9223372036854775808 (int64 in the file) does not fit type int32`},
		{column: "int64", typ: "float64", fails: `value -9223372036854775808`},
		{column: "int64", typ: "timestamp", fails: `expected timestamp`},
		{column: "uint8", typ: "int32", want: []any{i32(1), nil, i32(0), i32(255), i32(7)}},
		{column: "uint16", typ: "int32", want: []any{i32(1), nil, i32(0), i32(65535), i32(7)}},
		{column: "uint32", typ: "int64", want: []any{i64(1), nil, i64(0), i64(math.MaxUint32), i64(7)}},
		{column: "uint32", typ: "int32", fails: `value 4294967295 (uint32 in the file) does not fit`},
		{column: "uint64", typ: "int64", want: []any{i64(1), nil, i64(0), i64(math.MaxInt64), i64(7)}},
		{column: "uint64_big", typ: "int64", fails: `value 18446744073709551615 (uint64 in the file) does not fit type int64`},
		{column: "float16", typ: "float32", want: []any{f32(1.5), nil, f32(-65504), f32(inf), f32(math.Pow(2, -24))}},
		{column: "float16", typ: "float64", want: []any{1.5, nil, -65504.0, inf, math.Pow(2, -24)}},
		{column: "float32", typ: "float32", want: []any{f32(1.5), nil, f32(-math.MaxFloat32), f32(inf), f32(math.NaN())}},
		{column: "float32", typ: "float64", want: []any{1.5, nil, -math.MaxFloat32, inf, math.NaN()}},
		{column: "float64", typ: "float64", want: []any{1.5, nil, -math.MaxFloat64, -inf, math.Copysign(0, -1)}},
		{column: "float64", typ: "float32", fails: `expected float32`},
		{column: "string", typ: "string", want: []any{"a", nil, "", "héllo", "a"}},
		{column: "string", typ: "bytes", want: []any{[]byte("a"), nil, []byte{}, []byte("héllo"), []byte("a")}},
		{column: "string", typ: "int64", fails: `column "string" is of type string, expected int64`},
		{column: "binary", typ: "bytes", want: []any{[]byte("a"), nil, []byte{}, []byte{0xff, 0}, []byte("a")}},
		{column: "binary", typ: "string", fails: `does not fit type string`},
		{column: "fixed", typ: "bytes", want: []any{[]byte("abc"), nil, []byte{0, 0, 0}, []byte{255, 255, 255}, []byte("abc")}},
		{column: "date", typ: "date", want: []any{day(11503), nil, day(-1), day(2932896), day(0)}},
		{column: "date", typ: "timestamp", want: []any{tm(11503 * 86_400_000_000), nil, tm(-86_400_000_000), tm(2932896 * 86_400_000_000), tm(0)}},
		{column: "time_us", typ: "int64", fails: `is of type time[us]`},
		{column: "ts_ms", typ: "timestamp", want: []any{tm(1000), nil, tm(-1000), feature.MaxTime, tm(0)}},
		{column: "ts_us", typ: "timestamp", want: []any{tm(1), nil, tm(-1), feature.MaxTime, feature.MinTime}},
		{column: "ts_ns", typ: "timestamp", want: []any{tm(0), nil, tm(-1), tm(9223372036854775), tm(1)}},
		{column: "ts_ns", typ: "timestamp", up: true, want: []any{tm(1), nil, tm(0), tm(9223372036854776), tm(1)}},
		{column: "ts_ms_utc", typ: "timestamp", want: []any{tm(1000), nil, tm(-1000), tm(0), tm(0)}},
		{column: "ts_ns_zone", typ: "timestamp", want: []any{tm(0), nil, tm(-1), tm(0), tm(0)}},
		{column: "dec9", typ: "float64!", want: []any{1.5, nil, -9999999.99, 9999999.99, 0.0}},
		{column: "dec9", typ: "float64", fails: `is of type decimal(9,2)`},
		{column: "dec18", typ: "float64!", want: []any{0.1, nil, -12345678901234567.8, 0.3, 0.0}},
		{column: "dec38", typ: "float64!", want: []any{1.5, nil, -12345678901234567890123456789012345.678, 0.001, 0.0}},
		{column: "dec0", typ: "int64!", want: []any{i64(15), nil, i64(-9), i64(math.MaxInt64), i64(0)}},
		{column: "dec76", typ: "float64!", want: []any{1.5, nil, -9.0, 0.5, 0.0}},
		{column: "list_int64", typ: "list<int64>", want: []any{[]any{i64(1), nil}, nil, []any{}, []any{i64(2), i64(3), i64(4)}, []any{i64(5)}}},
		{column: "list_int64", typ: "list<int32>", want: []any{[]any{i32(1), nil}, nil, []any{}, []any{i32(2), i32(3), i32(4)}, []any{i32(5)}}},
		{column: "list_int64", typ: "int64", fails: `is of type list<int64>, expected int64`},
		{column: "list_string", typ: "list<string>", want: []any{[]any{"a", ""}, nil, []any{}, []any{"b"}, []any{nil}}},
		{column: "list_float32", typ: "list<float64>[2]", want: []any{[]any{1.0, 2.0}, nil, []any{3.0, 4.0}, []any{5.0, 6.0}, []any{7.0, 8.0}}},
		{column: "list_float32", typ: "list<float32>[3]", fails: `a list of 2 items does not fit type list<float32>[3]`},
		{column: "all_null", typ: "string", want: []any{nil, nil, nil, nil, nil}},
		{column: "nested", typ: "int64", fails: `struct with fields x`},
		{column: "lacking", typ: "list<string>", want: []any{nil, nil, nil, nil, nil}},
	}
}

func TestEveryTypeIsReadWithoutLossOrNotAtAll(t *testing.T) {
	for _, file := range []string{"types_v1.parquet", "types_v2.parquet"} {
		for _, c := range typeCases() {
			t.Run(file+"/"+c.column+" as "+c.typ, func(t *testing.T) {
				tab := table(t, file, c.column+":"+c.typ)
				if c.up {
					tab.Available = c.column
				}
				var got []any
				f, err := openOne(t, "testdata", tab)
				if err == nil {
					got, err = scan(t, f, c.column, tab.Columns[0].Type)
				}
				if c.fails != "" {
					if err == nil || !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), c.fails) {
						t.Fatalf("got %v, want an error with %q that wraps ErrInvalid", err, c.fails)
					}
					for _, part := range []string{file, `column "` + c.column + `"`} {
						if !strings.Contains(err.Error(), part) {
							t.Errorf("the error does not name %s: %v", part, err)
						}
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, got, cmpopts.EquateNaNs()); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestAValueThatDoesNotFitIsNamedByRowGroupAndRow(t *testing.T) {
	// 2^64-1 stands in row 3 of the file: in row group 1, row 1 where groups have two rows.
	for file, place := range map[string]string{
		"types_v1.parquet": `types_v1.parquet: row group 0, row 3, column "uint64_big"`,
		"types_v2.parquet": `types_v2.parquet: row group 1, row 1, column "uint64_big"`,
	} {
		f, err := openOne(t, "testdata", table(t, file, "uint64_big:int64"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = scan(t, f, "uint64_big", feature.Scalar(feature.Int64)); err == nil || !strings.Contains(err.Error(), place) {
			t.Errorf("got %v, want the place %s", err, place)
		}
		g := len(f.Groups()) / 2
		dst := feature.NewColumn(feature.Scalar(feature.Int64), 0)
		if err = f.Gather(context.Background(), g, "uint64_big", []int32{int32(3 - 2*g)}, dst); err == nil || !strings.Contains(err.Error(), place) {
			t.Errorf("Gather: got %v, want the place %s", err, place)
		}
	}
}

func TestOldWritersFilesAreRead(t *testing.T) {
	f, err := openOne(t, "testdata", table(t, "int96.parquet", "ts_us_utc:timestamp", "list_int64:list<int64>"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := scan(t, f, "ts_us_utc", feature.Scalar(feature.Timestamp))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{feature.Time(1), nil, feature.Time(-1), feature.Time(0), feature.Time(0)}, got); diff != "" {
		t.Error(diff)
	}
	got, err = scan(t, f, "list_int64", feature.ListOf(feature.Int64, 0))
	if err != nil {
		t.Fatal(err)
	}
	want := []any{[]any{int64(1), nil}, nil, []any{}, []any{int64(2), int64(3), int64(4)}, []any{int64(5)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
