package parquet_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/decimal256"
	"github.com/apache/arrow/go/v17/arrow/float16"
	"github.com/apache/arrow/go/v17/arrow/memory"
	pq "github.com/parquet-go/parquet-go"

	"github.com/quiver-features/quiver/offline/parquet"
)

// TestRandomRecordsComeBack writes random records of random types, cut in two
// random ways: the bytes agree, and what the library reads, row by row, is what
// the arrays hold.
func TestRandomRecordsComeBack(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
			rows := []int{0, 1, 2, 50, 1024, 1025, 5000}[g.IntN(7)]
			in := g.record(rows)
			options := parquet.Options{Uncompressed: g.IntN(2) == 0, RowGroupRows: 1024 * g.IntN(4)}
			dir := t.TempDir()
			one, other := filepath.Join(dir, "one.parquet"), filepath.Join(dir, "other.parquet")
			if err := write(t, one, options, in); err != nil {
				t.Fatal(err)
			}
			if err := write(t, other, options, g.cut(in)...); err != nil {
				t.Fatal(err)
			}
			a, b := mustRead(t, one), mustRead(t, other)
			if !bytes.Equal(a, b) {
				t.Error("other records of the same rows give other bytes")
			}
			f, err := pq.OpenFile(bytes.NewReader(a), int64(len(a)))
			if err != nil {
				t.Fatal(err)
			}
			got := make([]any, rows+1)
			n, err := pq.NewGenericReader[any](f, f.Schema()).Read(got)
			if err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if n != rows || f.NumRows() != int64(rows) {
				t.Fatalf("%d rows and %d in the footer, want %d", n, f.NumRows(), rows)
			}
			for i := range rows {
				row, ok := got[i].(map[string]any)
				if !ok {
					t.Fatalf("row %d is a %T", i, got[i])
				}
				for c, field := range in.Schema().Fields() {
					want, got := arrowText(in.Column(c), i), goText(reflect.ValueOf(row[field.Name]))
					if want != got {
						t.Fatalf("row %d, column %s of type %s: got %.300s, want %.300s", i, field.Name, field.Type, got, want)
					}
				}
			}
		})
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type generator struct{ *rand.Rand }

// record makes a record with all kinds of columns.
func (g *generator) record(rows int) arrow.Record {
	var fields []arrow.Field
	for i := range 1 + g.IntN(12) {
		fields = append(fields, arrow.Field{Name: fmt.Sprint("c", i), Type: g.typ(3, false), Nullable: g.IntN(4) > 0})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for i, f := range fields {
		nulls := []float64{0, 0.1, 0.9, 1}[g.IntN(4)]
		distinct := []int{1, 20, 1e6}[g.IntN(3)]
		for range rows {
			g.fill(b.Field(i), f, nulls, distinct)
		}
	}
	return b.NewRecord()
}

// cut cuts a record into pieces, some of them empty.
func (g *generator) cut(in arrow.Record) []arrow.Record {
	var pieces []arrow.Record
	most := []int64{3, 700, 3000}[g.IntN(3)]
	for at := int64(0); at < in.NumRows() || at == 0 && len(pieces) == 0; {
		n := min(g.Int64N(most+1), in.NumRows()-at)
		pieces = append(pieces, in.NewSlice(at, at+n))
		at += n
	}
	return pieces
}

// typ is a random type. Inside maps the library does not mind what decimals and
// unsigned numbers mean, so there are none.
func (g *generator) typ(depth int, inMap bool) arrow.DataType {
	scalars := []arrow.DataType{
		arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32,
		arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64, arrow.FixedWidthTypes.Float16,
		arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.Binary, &arrow.FixedSizeBinaryType{ByteWidth: 5},
		arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Time32ms, arrow.FixedWidthTypes.Time64us, arrow.FixedWidthTypes.Timestamp_us,
		&arrow.TimestampType{Unit: arrow.Nanosecond}, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String},
	}
	if !inMap {
		scalars = append(scalars, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
			&arrow.Decimal128Type{Precision: 12, Scale: 2}, &arrow.Decimal256Type{Precision: 50, Scale: 3})
	}
	if depth > 0 {
		switch g.IntN(6) {
		case 0:
			return arrow.ListOfField(arrow.Field{Name: "item", Type: g.typ(depth-1, inMap), Nullable: g.IntN(3) > 0})
		case 1:
			return arrow.StructOf(
				arrow.Field{Name: "z", Type: g.typ(depth-1, inMap), Nullable: g.IntN(3) > 0},
				arrow.Field{Name: "a", Type: g.typ(depth-1, inMap), Nullable: g.IntN(3) > 0})
		case 2:
			return arrow.MapOf(arrow.BinaryTypes.String, g.typ(depth-1, true))
		}
	}
	return scalars[g.IntN(len(scalars))]
}

// fill appends one value.
func (g *generator) fill(b array.Builder, f arrow.Field, nulls float64, distinct int) {
	if f.Nullable && g.Float64() < nulls {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.MapBuilder:
		b.Append(true)
		items, _ := f.Type.(*arrow.MapType)
		for range g.IntN(4) {
			g.fill(b.KeyBuilder(), arrow.Field{Type: items.KeyType()}, 0, 1<<20)
			g.fill(b.ItemBuilder(), items.ItemField(), nulls, distinct)
		}
	case *array.ListBuilder:
		b.Append(true)
		items, _ := f.Type.(*arrow.ListType)
		for range g.IntN(4) {
			g.fill(b.ValueBuilder(), items.ElemField(), nulls, distinct)
		}
	case *array.StructBuilder:
		b.Append(true)
		items, _ := f.Type.(*arrow.StructType)
		for i, child := range items.Fields() {
			g.fill(b.FieldBuilder(i), child, nulls, distinct)
		}
	default:
		g.scalar(b, f, g.IntN(distinct))
	}
}

// scalar appends the k-th value of a type.
func (g *generator) scalar(b array.Builder, f arrow.Field, k int) {
	text := strings.Repeat("é", k%3) + fmt.Sprint(k) + strings.Repeat("x", k%90)
	if k%20 == 0 {
		text = ""
	}
	floats := []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), 1.5}
	float := float64(k) / 8
	if k < len(floats) {
		float = floats[k]
	}
	n := int64(k) * 7919 * int64(1-k%2*2)
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(k%3 == 0)
	case *array.Int8Builder:
		b.Append(int8(n))
	case *array.Int16Builder:
		b.Append(int16(n))
	case *array.Int32Builder:
		b.Append(int32(n << 8))
	case *array.Int64Builder:
		b.Append(n << 30)
	case *array.Uint8Builder:
		b.Append(uint8(n))
	case *array.Uint16Builder:
		b.Append(uint16(n))
	case *array.Uint32Builder:
		b.Append(uint32(n))
	case *array.Uint64Builder:
		b.Append(uint64(n))
	case *array.Float16Builder:
		b.Append(float16.New(float32(float)))
	case *array.Float32Builder:
		b.Append(float32(float))
	case *array.Float64Builder:
		b.Append(float)
	case *array.Date32Builder:
		b.Append(arrow.Date32(n))
	case *array.Time32Builder:
		b.Append(arrow.Time32(k))
	case *array.Time64Builder:
		b.Append(arrow.Time64(k))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(n << 20))
	case *array.Decimal128Builder:
		b.Append(decimal128.FromI64(n))
	case *array.Decimal256Builder:
		b.Append(decimal256.FromI64(n))
	case *array.FixedSizeBinaryBuilder:
		b.Append([]byte{byte(n), byte(n >> 8), byte(n >> 16), 7, 0})
	case *array.BinaryBuilder:
		b.Append([]byte(text))
	case *array.StringBuilder:
		b.Append(text)
	case *array.LargeStringBuilder:
		b.Append(text)
	case *array.BinaryDictionaryBuilder:
		if err := b.AppendString(fmt.Sprint(k % 100)); err != nil {
			panic(err)
		}
	default:
		panic(fmt.Sprintf("%T for %v", b, f.Type))
	}
}

// arrowText is value i of an array as text, in the form of goText.
func arrowText(arr arrow.Array, i int) string {
	if arr.IsNull(i) {
		return "null"
	}
	switch a := arr.(type) {
	case *array.Struct:
		parts := map[string]string{}
		t, _ := a.DataType().(*arrow.StructType)
		for k, f := range t.Fields() {
			parts[goText(reflect.ValueOf(f.Name))] = arrowText(a.Field(k), i)
		}
		return sorted(parts)
	case *array.Map:
		parts := map[string]string{}
		lo, hi := a.ValueOffsets(i)
		for k := int(lo); k < int(hi); k++ {
			parts[arrowText(a.Keys(), k)] = arrowText(a.Items(), k)
		}
		return sorted(parts)
	case *array.List:
		var parts []string
		lo, hi := a.ValueOffsets(i)
		for k := int(lo); k < int(hi); k++ {
			parts = append(parts, arrowText(a.ListValues(), k))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case *array.Dictionary:
		return arrowText(a.Dictionary(), a.GetValueIndex(i))
	case *array.Decimal128:
		t, _ := a.DataType().(*arrow.Decimal128Type)
		return goText(reflect.ValueOf(a.Value(i).ToFloat64(t.Scale)))
	case *array.Decimal256:
		t, _ := a.DataType().(*arrow.Decimal256Type)
		return goText(reflect.ValueOf(a.Value(i).ToFloat64(t.Scale)))
	case *array.Uint64: // the library gives the signed number
		return fmt.Sprint(int64(a.Value(i)))
	case *array.Float16:
		h := a.Value(i).Uint16()
		return goText(reflect.ValueOf([]byte{byte(h), byte(h >> 8)}))
	case *array.String:
		return goText(reflect.ValueOf(a.Value(i)))
	case *array.LargeString:
		return goText(reflect.ValueOf(a.Value(i)))
	case *array.Binary:
		return goText(reflect.ValueOf(a.Value(i)))
	case *array.FixedSizeBinary:
		return goText(reflect.ValueOf(a.Value(i)))
	default:
		return goText(reflect.ValueOf(arr).MethodByName("Value").Call([]reflect.Value{reflect.ValueOf(i)})[0])
	}
}

// goText is a value of the library's as text.
func goText(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Invalid:
		return "null"
	case reflect.Interface, reflect.Pointer:
		return goText(v.Elem())
	case reflect.Map:
		if v.IsNil() {
			return "null"
		}
		parts := map[string]string{}
		for _, k := range v.MapKeys() {
			parts[goText(k)] = goText(v.MapIndex(k))
		}
		return sorted(parts)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return fmt.Sprintf("%x", v.Interface())
		}
		var parts []string
		for i := range v.Len() {
			parts = append(parts, goText(v.Index(i)))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case reflect.Struct:
		if number, ok := v.Interface().(big.Float); ok {
			return number.Text('g', 12)
		}
		if v.NumField() == 1 && v.Field(0).Kind() == reflect.Slice {
			return rawText(v.Type().Field(0).Tag.Get("parquet"), v.Field(0))
		}
		parts := map[string]string{}
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("parquet"), ",")
			parts[goText(reflect.ValueOf(name))] = goText(v.Field(i))
		}
		return sorted(parts)
	case reflect.String:
		return fmt.Sprintf("%x", v.String())
	case reflect.Float32, reflect.Float64:
		return fmt.Sprintf("%.12g", v.Float())
	default:
		return fmt.Sprint(v.Interface())
	}
}

// rawText is a list or map as text. Inside maps the library gives them as they are
// stored, as groups.
func rawText(tag string, items reflect.Value) string {
	var list []string
	pairs := map[string]string{}
	for i := range items.Len() {
		item := items.Index(i)
		list = append(list, goText(item.Field(0)))
		if strings.HasPrefix(tag, "key_value") {
			pairs[goText(item.Field(0))] = goText(item.Field(1))
		}
	}
	if strings.HasPrefix(tag, "key_value") {
		return sorted(pairs)
	}
	return "[" + strings.Join(list, " ") + "]"
}

func sorted(parts map[string]string) string {
	var all []string
	for k, v := range parts {
		all = append(all, k+":"+v)
	}
	sort.Strings(all)
	return "{" + strings.Join(all, " ") + "}"
}
