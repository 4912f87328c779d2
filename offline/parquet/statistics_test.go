package parquet_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/quiver-features/quiver/offline/parquet"
)

// single writes one column and opens the file with the library.
func single(t *testing.T, options parquet.Options, typ arrow.DataType, fill func(b array.Builder)) *pq.File {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "c", Type: typ, Nullable: true}}, nil))
	defer b.Release()
	fill(b.Field(0))
	path := filepath.Join(t.TempDir(), "out.parquet")
	if err := write(t, path, options, b.NewRecord()); err != nil {
		t.Fatal(err)
	}
	raw := mustRead(t, path)
	f, err := pq.OpenFile(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestStatisticsFollowTheOrderOfTheType(t *testing.T) {
	le64 := func(v uint64) string { return string(binary.LittleEndian.AppendUint64(nil, v)) }
	le32 := func(v uint32) string { return string(binary.LittleEndian.AppendUint32(nil, v)) }
	double := func(v float64) string { return le64(math.Float64bits(v)) }
	const none = "none"
	cases := []struct {
		typ          arrow.DataType
		values       string // JSON
		least, great string
		nulls        int64
	}{
		{arrow.PrimitiveTypes.Int64, `[3, null, -2, 0]`, le64(math.MaxUint64 - 1), le64(3), 1},
		{arrow.PrimitiveTypes.Uint64, `[3, "18446744073709551615", 1]`, le64(1), le64(math.MaxUint64), 0},
		{arrow.PrimitiveTypes.Int8, `[3, -128]`, le32(math.MaxUint32 - 127), le32(3), 0},
		{arrow.PrimitiveTypes.Uint32, `[3, 4294967295]`, le32(3), le32(math.MaxUint32), 0},
		{arrow.PrimitiveTypes.Float64, `["NaN", 1.5, null, -2.5, "NaN"]`, double(-2.5), double(1.5), 1},
		{arrow.PrimitiveTypes.Float64, `[0, 7]`, double(math.Copysign(0, -1)), double(7), 0},
		{arrow.PrimitiveTypes.Float64, `["-0", -7]`, double(-7), double(0), 0},
		{arrow.PrimitiveTypes.Float64, `["-Inf", "+Inf"]`, double(math.Inf(-1)), double(math.Inf(1)), 0},
		{arrow.PrimitiveTypes.Float64, `["NaN", "NaN"]`, none, none, 0},
		{arrow.PrimitiveTypes.Float64, `[null, null]`, none, none, 2},
		{arrow.FixedWidthTypes.Float16, `[1, 2]`, none, none, 0},
		{arrow.FixedWidthTypes.Boolean, `[true, true, null]`, "\x01", "\x01", 1},
		{arrow.FixedWidthTypes.Boolean, `[true, false]`, "\x00", "\x01", 0},
		{arrow.BinaryTypes.String, `["b", "", "é", "z"]`, "", "é", 0},
		{arrow.BinaryTypes.String, `["", ""]`, "", "", 0},
		{arrow.BinaryTypes.String, `["` + strings.Repeat("x", 300) + `"]`, none, none, 0},
		{&arrow.Decimal128Type{Precision: 3, Scale: 1}, `["-1.5", "0.2", "9.0"]`, "\xff\xf1", "\x00\x5a", 0},
		{&arrow.TimestampType{Unit: arrow.Second}, `["1970-01-01T00:00:02", "1969-12-31T23:59:59"]`, le64(math.MaxUint64 - 999), le64(2000), 0},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s %.30s", c.typ, c.values), func(t *testing.T) {
			f := single(t, parquet.Options{}, c.typ, func(b array.Builder) {
				if err := b.UnmarshalJSON([]byte(c.values)); err != nil {
					t.Fatal(err)
				}
			})
			s := f.Metadata().RowGroups[0].Columns[0].MetaData.Statistics
			least, great := string(s.MinValue), string(s.MaxValue)
			if s.MinValue == nil {
				least = none
			}
			if s.MaxValue == nil {
				great = none
			}
			if least != c.least || great != c.great || s.NullCount != c.nulls {
				t.Errorf("got %x to %x and %d nulls, want %x to %x and %d", least, great, s.NullCount, c.least, c.great, c.nulls)
			}
		})
	}
}

func TestThePageIndexBoundsThePages(t *testing.T) {
	const rows = 400_000
	f := single(t, parquet.Options{}, arrow.PrimitiveTypes.Int64, func(b array.Builder) {
		for i := range rows {
			if i < 200_000 {
				b.AppendNull()
			} else {
				b.(*array.Int64Builder).Append(int64(i))
			}
		}
	})
	columns, offsets := f.ColumnIndexes()[0], f.OffsetIndexes()[0]
	pages := len(offsets.PageLocations)
	if pages < 2 || len(columns.MinValues) != pages || columns.BoundaryOrder != format.Ascending {
		t.Fatalf("%d pages, %d in the column index, order %v", pages, len(columns.MinValues), columns.BoundaryOrder)
	}
	for i, p := range offsets.PageLocations {
		end := int64(rows)
		if i+1 < pages {
			end = offsets.PageLocations[i+1].FirstRowIndex
		}
		if p.FirstRowIndex%1024 != 0 {
			t.Errorf("page %d begins at row %d", i, p.FirstRowIndex)
		}
		nulls := min(max(200_000-p.FirstRowIndex, 0), end-p.FirstRowIndex)
		least, great := binary.LittleEndian.Uint64(columns.MinValues[i]), binary.LittleEndian.Uint64(columns.MaxValues[i])
		if columns.NullCounts[i] != nulls || int64(least) != max(200_000, p.FirstRowIndex) || int64(great) != end-1 {
			t.Errorf("page %d, rows %d to %d: %d to %d, %d nulls", i, p.FirstRowIndex, end, least, great, columns.NullCounts[i])
		}
	}
}

func TestLongTextsHaveShortBoundsInThePageIndex(t *testing.T) {
	long := func(s string) string { return strings.Repeat(s, 100/len(s)) }
	for _, c := range []struct{ value, least, great string }{
		{long("x"), strings.Repeat("x", 64), strings.Repeat("x", 63) + "y"},
		{"a" + long("é"), "a" + strings.Repeat("é", 31), "a" + strings.Repeat("é", 30) + "ê"},
		{"a" + long("\U0010ffff"), "a" + strings.Repeat("\U0010ffff", 15), "b"},
		{long("\xff"), strings.Repeat("\xff", 64), long("\xff")},
		{"\x01" + long("\xff"), "\x01" + strings.Repeat("\xff", 63), "\x02"},
	} {
		f := single(t, parquet.Options{}, arrow.BinaryTypes.Binary, func(b array.Builder) {
			b.(*array.BinaryBuilder).Append([]byte(c.value))
		})
		index := f.ColumnIndexes()[0]
		if least, great := string(index.MinValues[0]), string(index.MaxValues[0]); least != c.least || great != c.great {
			t.Errorf("%.8q: bounds %q and %q, want %q and %q", c.value, least, great, c.least, c.great)
		}
		stats := f.Metadata().RowGroups[0].Columns[0].MetaData.Statistics
		if string(stats.MinValue) != c.value || string(stats.MaxValue) != c.value {
			t.Errorf("%.8q: the chunk's bounds are not exact: %q and %q", c.value, stats.MinValue, stats.MaxValue)
		}
	}
}

func TestDictionariesStayWhereTheyPay(t *testing.T) {
	const rows = 100_000
	for _, c := range []struct {
		name      string
		value     func(i int) string
		encodings []format.Encoding
	}{
		{"few", func(i int) string { return fmt.Sprint("country ", i*7%200) }, []format.Encoding{format.RLE, format.RLEDictionary, format.Plain}},
		{"unique", func(i int) string { return fmt.Sprint("a rather long key ", i) }, []format.Encoding{format.RLE, format.Plain}},
		{"full later", func(i int) string { return fmt.Sprint("a rather long key ", max(0, i-50_000)) }, []format.Encoding{format.RLE, format.RLEDictionary, format.Plain}},
	} {
		f := single(t, parquet.Options{}, arrow.BinaryTypes.String, func(b array.Builder) {
			for i := range rows {
				b.(*array.StringBuilder).Append(c.value(i))
			}
		})
		meta := f.Metadata().RowGroups[0].Columns[0].MetaData
		if !slices.Equal(meta.Encoding, c.encodings) || (meta.DictionaryPageOffset > 0) != (len(c.encodings) == 3) {
			t.Errorf("%s: encodings %v, dictionary at %d", c.name, meta.Encoding, meta.DictionaryPageOffset)
		}
		got := make([]any, rows)
		if n, _ := pq.NewGenericReader[any](f, f.Schema()).Read(got); n != rows {
			t.Fatalf("%s: %d rows", c.name, n)
		}
		for i, row := range got {
			if v := row.(map[string]any)["c"]; v != c.value(i) {
				t.Fatalf("%s: row %d is %v", c.name, i, v)
			}
		}
	}
}

func TestPagesOfHugeValuesEndAtAnyRow(t *testing.T) {
	f := single(t, parquet.Options{}, arrow.BinaryTypes.Binary, func(b array.Builder) {
		for i := range 10 {
			b.(*array.BinaryBuilder).Append(bytes.Repeat([]byte{byte(i)}, 3<<20))
		}
	})
	var first []int64
	for _, p := range f.OffsetIndexes()[0].PageLocations {
		first = append(first, p.FirstRowIndex)
	}
	if want := []int64{0, 2, 4, 6, 8}; !slices.Equal(first, want) {
		t.Errorf("pages begin at rows %v, want %v", first, want)
	}
}

func TestRowGroupsInTheOrderOfATimeSaySo(t *testing.T) {
	const group = 300 << 10 // rows: more than a page
	for _, c := range []struct {
		name  string
		times func(i int) (at int64, null bool)
		want  []bool // of each row group
	}{
		{"ascending with equal ones", func(i int) (int64, bool) { return int64(i / 3), false }, []bool{true, true}},
		{"one earlier in the second page of the first row group", func(i int) (int64, bool) {
			if i == 250<<10 {
				return 5, false
			}
			return int64(i), false
		}, []bool{false, true}},
		{"a page that begins before the end of the one before", func(i int) (int64, bool) { return int64(i % (128 << 10)), false }, []bool{false, false}},
		{"a null at the end", func(i int) (int64, bool) { return int64(i), i == 2*group-1 }, []bool{true, false}},
		{"before the epoch", func(i int) (int64, bool) { return int64(i) - group, false }, []bool{true, true}},
	} {
		f := single(t, parquet.Options{RowGroupRows: group}, &arrow.TimestampType{Unit: arrow.Microsecond}, func(b array.Builder) {
			for i := range 2 * group {
				at, null := c.times(i)
				if null {
					b.AppendNull()
					continue
				}
				b.(*array.TimestampBuilder).Append(arrow.Timestamp(at))
			}
		})
		for g, want := range c.want {
			sorting := f.Metadata().RowGroups[g].SortingColumns
			if want != slices.Equal(sorting, []format.SortingColumn{{ColumnIdx: 0}}) || !want && len(sorting) > 0 {
				t.Errorf("%s: row group %d says it is sorted by %v, expected: %v", c.name, g, sorting, want)
			}
		}
	}
	f := single(t, parquet.Options{}, arrow.PrimitiveTypes.Int64, func(b array.Builder) { b.(*array.Int64Builder).Append(1) })
	if got := f.Metadata().RowGroups[0].SortingColumns; len(got) > 0 {
		t.Errorf("a column of numbers is said to be sorted: %v", got)
	}
}
