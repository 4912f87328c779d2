package arrowconv_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/offline/arrowconv"
)

func TestTakeGivesTheValuesAtThePositions(t *testing.T) {
	types := []arrow.DataType{
		arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Float32,
		arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.Binary, &arrow.FixedSizeBinaryType{ByteWidth: 3},
		&arrow.Decimal128Type{Precision: 5, Scale: 1}, &arrow.Decimal256Type{Precision: 50, Scale: 1}, arrow.FixedWidthTypes.Date64,
		arrow.ListOf(arrow.BinaryTypes.String), arrow.LargeListOf(arrow.PrimitiveTypes.Int16), arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int32),
		arrow.StructOf(arrow.Field{Name: "a", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64), Nullable: true}),
		arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64), arrow.Null,
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String},
	}
	values := map[arrow.Type]string{
		arrow.BOOL: `[true,null,false,true,true]`, arrow.STRING: `["a",null,"","dd","e"]`, arrow.LARGE_STRING: `["a",null,"","dd","e"]`,
		arrow.BINARY: `["AA==",null,"","AAA=","AQ=="]`, arrow.FIXED_SIZE_BINARY: `["AAAA",null,"AQAB","AAAB","BBBB"]`,
		arrow.DECIMAL128: `["1.5",null,"-2.0","3.1","4.0"]`, arrow.DECIMAL256: `["1.5",null,"-2.0","3.1","4.0"]`,
		arrow.DATE64: `["2001-06-30",null,"1969-12-31","2001-07-01","2001-07-02"]`,
		arrow.LIST:   `[["a",null],null,[],["b","",""],["c"]]`, arrow.LARGE_LIST: `[[1,null],null,[],[2,3,4],[5]]`, arrow.FIXED_SIZE_LIST: `[[1,null],null,[2,3],[4,5],[6,7]]`,
		arrow.STRUCT: `[{"a":[1,null]},null,{"a":[]},{"a":null},{"a":[2]}]`, arrow.MAP: `[[{"key":"a","value":1}],null,[],[{"key":"b","value":null},{"key":"c","value":3}],[]]`,
		arrow.NULL: `[null,null,null,null,null]`, arrow.DICTIONARY: `["a",null,"b","a","b"]`,
	}
	for _, typ := range types {
		t.Run(typ.String(), func(t *testing.T) {
			text := values[typ.ID()]
			if text == "" {
				text = `[1,null,3,4,5]`
			}
			arr, _, err := array.FromJSON(memory.DefaultAllocator, typ, strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			defer arr.Release()
			for from := range 3 { // slices are taken from their own start
				part := array.NewSlice(arr, int64(from), 5)
				t.Cleanup(part.Release)
				positions := []int{1, 0, -1, 1, part.Len() - 1}
				got, err := arrowconv.Take(part, positions)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(got.Release)
				if got.Len() != len(positions) || !arrow.TypeEqual(got.DataType(), typ) {
					t.Fatalf("%d values of type %s", got.Len(), got.DataType())
				}
				for i, p := range positions {
					want := "(null)"
					if p >= 0 {
						want = part.ValueStr(p)
					}
					if text := got.ValueStr(i); text != want || typ != arrow.Null && got.IsNull(i) != (p < 0 || part.IsNull(p)) {
						t.Errorf("from %d, position %d: got %s, want %s", from, p, text, want)
					}
				}
			}
			none, err := arrowconv.Take(arr, nil)
			if err != nil || none.Len() != 0 {
				t.Errorf("nothing taken: %v, %v", none, err)
			}
		})
	}
}

func TestTakeRefusesWhatItCannotTakeApart(t *testing.T) {
	b := array.NewStringViewBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.Append("x")
	arr := b.NewArray()
	defer arr.Release()
	rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "v", Type: arr.DataType()}}, nil), []arrow.Array{arr}, 1)
	defer rec.Release()
	if _, err := arrowconv.TakeRecord(rec, []int{0}); err == nil || !strings.Contains(fmt.Sprint(err), `column "v": a column of Arrow type string_view`) {
		t.Errorf("got %v", err)
	}
}
