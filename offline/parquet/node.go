package parquet

import (
	"fmt"
	"math"
	"reflect"

	"github.com/apache/arrow/go/v17/arrow"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/quiver-features/quiver/feature"
)

// orderedGroup is a group whose fields keep their order; the library's own sorts
// them by name.
type orderedGroup struct {
	pq.Group
	fields []pq.Field
}

type orderedField struct {
	pq.Node
	name string
}

// Fields gives the fields in their order.
func (g *orderedGroup) Fields() []pq.Field { return g.fields }

// Name is the column's.
func (f *orderedField) Name() string { return f.name }

// Value is part of pq.Field and not used: values are written by column.
func (f *orderedField) Value(reflect.Value) reflect.Value { return reflect.Value{} }

func newGroup(names []string, nodes []pq.Node) *orderedGroup {
	g := &orderedGroup{Group: pq.Group{}}
	for i, name := range names {
		g.Group[name] = nodes[i]
		g.fields = append(g.fields, &orderedField{Node: nodes[i], name: name})
	}
	return g
}

// float16Type is FIXED_LEN_BYTE_ARRAY(2) with the annotation that the library has
// no node for.
type float16Type struct{ pq.Type }

// LogicalType is the annotation.
func (float16Type) LogicalType() *format.LogicalType {
	return &format.LogicalType{Value: &format.Float16Type{}}
}

// schemaOf gives the Parquet schema that carries an Arrow schema.
func schemaOf(schema *arrow.Schema) (*pq.Schema, error) {
	names := make([]string, schema.NumFields())
	nodes := make([]pq.Node, schema.NumFields())
	seen := map[string]bool{}
	for i, f := range schema.Fields() {
		if seen[f.Name] {
			return nil, fmt.Errorf("two columns are named %q: rename one of them: %w", f.Name, feature.ErrInvalid)
		}
		seen[f.Name], names[i] = true, f.Name
		var err error
		if nodes[i], err = nodeOf(f, 0); err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
	}
	return pq.NewSchema("schema", newGroup(names, nodes)), nil
}

func nodeOf(f arrow.Field, depth int) (pq.Node, error) {
	node, err := requiredNode(f, depth)
	if err == nil && f.Nullable {
		node = pq.Optional(node)
	}
	return node, err
}

func requiredNode(f arrow.Field, depth int) (pq.Node, error) {
	const deepest = 32
	if depth > deepest {
		return nil, fmt.Errorf("nested more than %d levels deep: %w", deepest, feature.ErrInvalid)
	}
	switch t := f.Type.(type) {
	case *arrow.DictionaryType:
		return requiredNode(arrow.Field{Name: f.Name, Type: t.ValueType}, depth)
	case *arrow.MapType:
		key, err := requiredNode(arrow.Field{Type: t.KeyType()}, depth+1)
		if err != nil {
			return nil, err
		}
		value, err := nodeOf(t.ItemField(), depth+1)
		if err != nil {
			return nil, err
		}
		return pq.Map(key, value), nil
	case arrow.ListLikeType:
		item, err := nodeOf(t.ElemField(), depth+1)
		if err != nil {
			return nil, err
		}
		return pq.List(item), nil
	case *arrow.StructType:
		return structNode(t, depth)
	}
	return leafNode(f)
}

func structNode(t *arrow.StructType, depth int) (pq.Node, error) {
	var names []string
	var nodes []pq.Node
	for _, child := range t.Fields() {
		n, err := nodeOf(child, depth+1)
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", child.Name, err)
		}
		names, nodes = append(names, child.Name), append(nodes, n)
	}
	if len(nodes) == 0 {
		return nil, fmt.Errorf("a struct without fields can't be written: %w", feature.ErrInvalid)
	}
	return newGroup(names, nodes), nil
}

func leafNode(f arrow.Field) (pq.Node, error) {
	special, _ := f.Metadata.GetValue(logicalKey)
	switch t := f.Type.(type) {
	case *arrow.BooleanType:
		return pq.Leaf(pq.BooleanType), nil
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Int64Type:
		return pq.Encoded(pq.Int(f.Type.(arrow.FixedWidthDataType).BitWidth()), &pq.DeltaBinaryPacked), nil //nolint:forcetypeassert,errcheck // integers have a width
	case *arrow.Uint8Type, *arrow.Uint16Type, *arrow.Uint32Type, *arrow.Uint64Type:
		return pq.Encoded(pq.Uint(f.Type.(arrow.FixedWidthDataType).BitWidth()), &pq.DeltaBinaryPacked), nil //nolint:forcetypeassert,errcheck // integers have a width
	case *arrow.Float16Type:
		return pq.Leaf(float16Type{pq.FixedLenByteArrayType(2)}), nil
	case *arrow.Float32Type:
		return pq.Leaf(pq.FloatType), nil
	case *arrow.Float64Type:
		return pq.Leaf(pq.DoubleType), nil
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType:
		switch special {
		case "json":
			return pq.Encoded(pq.JSON(), &pq.RLEDictionary), nil
		case "enum":
			return pq.Encoded(pq.Enum(), &pq.RLEDictionary), nil
		}
		return pq.Encoded(pq.String(), &pq.RLEDictionary), nil
	case *arrow.BinaryType, *arrow.LargeBinaryType, *arrow.BinaryViewType:
		if special == "bson" {
			return pq.Encoded(pq.BSON(), &pq.RLEDictionary), nil
		}
		return pq.Encoded(pq.Leaf(pq.ByteArrayType), &pq.RLEDictionary), nil
	case *arrow.FixedSizeBinaryType:
		if special == "uuid" && t.ByteWidth == 16 {
			return pq.UUID(), nil
		}
		return pq.Leaf(pq.FixedLenByteArrayType(t.ByteWidth)), nil
	case arrow.DecimalType:
		return pq.Decimal(int(t.GetScale()), int(t.GetPrecision()), pq.FixedLenByteArrayType(decimalWidth(int(t.GetPrecision())))), nil
	case *arrow.Date32Type, *arrow.Date64Type:
		return pq.Encoded(pq.Date(), &pq.DeltaBinaryPacked), nil
	case *arrow.Time32Type:
		return pq.TimeAdjusted(pq.Millisecond, false), nil
	case *arrow.Time64Type:
		return pq.TimeAdjusted(libraryUnit(t.Unit), false), nil
	case *arrow.TimestampType:
		return pq.Encoded(pq.TimestampAdjusted(libraryUnit(t.Unit), t.TimeZone != ""), &pq.DeltaBinaryPacked), nil
	case *arrow.NullType:
		return pq.Optional(pq.Leaf(pq.Int32Type)), nil
	default:
		return nil, fmt.Errorf("a column of Arrow type %s can't be written to Parquet: %w", f.Type, feature.ErrInvalid)
	}
}

// libraryUnit gives the unit that values are written in; seconds become
// milliseconds.
func libraryUnit(u arrow.TimeUnit) pq.TimeUnit {
	switch u {
	case arrow.Nanosecond:
		return pq.Nanosecond
	case arrow.Microsecond:
		return pq.Microsecond
	default:
		return pq.Millisecond
	}
}

// decimalWidth is the number of bytes that hold a number of so many digits.
func decimalWidth(precision int) int {
	return int(math.Ceil((float64(precision)*math.Log2(10) + 1) / 8))
}
