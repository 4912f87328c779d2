package parquet

import (
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"github.com/quiver-features/quiver/feature"
)

// node is one element of a file's schema with its place in the levels of nested
// columns.
type node struct {
	elem     *format.SchemaElement
	children []*node
	leaf     int // index among the leaves, -1 for a group
	def, rep int // levels at which a value of this node is present
}

func (n *node) name() string { return n.elem.Name }

func (n *node) optional() bool {
	return n.elem.RepetitionType.Valid && n.elem.RepetitionType.V == format.Optional
}

func (n *node) repeated() bool {
	return n.elem.RepetitionType.Valid && n.elem.RepetitionType.V == format.Repeated
}

// schemaTree builds the tree of the flat list that the footer holds.
func schemaTree(elems []format.SchemaElement) (*node, error) {
	next, leaf := 0, 0
	var build func(depth, def, rep int) (*node, error)
	build = func(depth, def, rep int) (*node, error) {
		if next >= len(elems) || depth > 64 {
			return nil, fmt.Errorf("the schema in the footer is cut short or too deep: %w", feature.ErrInvalid)
		}
		n := &node{elem: &elems[next], leaf: -1}
		next++
		if depth > 0 {
			if n.optional() || n.repeated() {
				def++
			}
			if n.repeated() {
				rep++
			}
		}
		n.def, n.rep = def, rep
		if n.elem.Type.Valid {
			n.leaf = leaf
			leaf++
			return n, nil
		}
		for range n.elem.NumChildren.V {
			child, err := build(depth+1, def, rep)
			if err != nil {
				return nil, err
			}
			n.children = append(n.children, child)
		}
		return n, nil
	}
	return build(0, 0, 0)
}

// column is one top-level column that can be read: a scalar, or a list of
// scalars.
type column struct {
	name string
	leaf *node
	// list is whether there is one list level. listDef is the definition level of
	// a list that is present and empty; an item is present above it.
	list    bool
	listDef int
	logical logical
}

// nullable tells whether values of the column (for a list: whole lists) can be
// null.
func (c *column) nullable() bool {
	if c.list {
		return c.listDef > 0
	}
	return c.leaf.def > 0
}

// columnOf makes a column of a top-level node, or gives false for what is neither
// a scalar nor a list of scalars.
func columnOf(top *node) (*column, bool) {
	if top.leaf >= 0 {
		c := &column{name: top.name(), leaf: top, list: top.repeated(), logical: logicalOf(top.elem)}
		if c.list {
			c.listDef = top.def - 1
		}
		return c, true
	}
	if top.repeated() || !isList(top.elem) || len(top.children) != 1 || !top.children[0].repeated() {
		return nil, false
	}
	repeated := top.children[0]
	item := repeated
	if repeated.leaf < 0 {
		if len(repeated.children) != 1 || repeated.children[0].leaf < 0 || repeated.children[0].repeated() {
			return nil, false
		}
		// A repeated group named array or name_tuple is itself the item (a struct of
		// one field), by the rules for old writers; anything else wraps the item.
		if repeated.name() == "array" || repeated.name() == top.name()+"_tuple" {
			return nil, false
		}
		item = repeated.children[0]
	}
	return &column{
		name: top.name(), leaf: item, list: true, listDef: repeated.def - 1, logical: logicalOf(item.elem),
	}, true
}

func isList(e *format.SchemaElement) bool {
	if _, ok := e.LogicalType.Value.(*format.ListType); ok {
		return true
	}
	return e.ConvertedType.Valid && e.ConvertedType.V == deprecated.List
}

func isMap(e *format.SchemaElement) bool {
	if _, ok := e.LogicalType.Value.(*format.MapType); ok {
		return true
	}
	return e.ConvertedType.Valid && (e.ConvertedType.V == deprecated.Map || e.ConvertedType.V == deprecated.MapKeyValue)
}

// meaning is what a leaf's values stand for.
type meaning uint8

const (
	plainValue meaning = iota
	text
	integer
	decimal
	date
	timeOfDay
	timestamp
	uuid
	float16
	interval
	allNull
)

// unit is the unit of a time.
type unit uint8

const (
	millis unit = iota
	micros
	nanos
)

// logical is the type of a leaf, read from either kind of annotation.
type logical struct {
	physical         format.Type
	length           int // of FIXED_LEN_BYTE_ARRAY
	meaning          meaning
	bits             int // of integer
	unsigned         bool
	scale, precision int
	unit             unit
	utc              bool   // a time adjusted to UTC
	special          string // json, enum, uuid or bson, which have no Arrow type of their own
}

func logicalOf(e *format.SchemaElement) logical {
	l := logical{physical: e.Type.V, length: int(e.TypeLength.V)}
	switch t := e.LogicalType.Value.(type) {
	case *format.StringType:
		l.meaning = text
	case *format.EnumType:
		l.meaning, l.special = text, "enum"
	case *format.JsonType:
		l.meaning, l.special = text, "json"
	case *format.BsonType:
		l.special = "bson"
	case *format.IntType:
		l.meaning, l.bits, l.unsigned = integer, int(t.BitWidth), !t.IsSigned
	case *format.DecimalType:
		l.meaning, l.scale, l.precision = decimal, int(t.Scale), int(t.Precision)
	case *format.DateType:
		l.meaning = date
	case *format.TimeType:
		l.meaning, l.unit, l.utc = timeOfDay, unitOf(t.Unit), t.IsAdjustedToUTC
	case *format.TimestampType:
		l.meaning, l.unit, l.utc = timestamp, unitOf(t.Unit), t.IsAdjustedToUTC
	case *format.UUIDType:
		l.meaning, l.special = uuid, "uuid"
	case *format.Float16Type:
		l.meaning = float16
	case *format.NullType:
		l.meaning = allNull
	default:
		if e.ConvertedType.Valid {
			l.convert(e)
		}
	}
	if l.physical == format.Int96 {
		l.meaning, l.unit, l.utc = timestamp, nanos, false
	}
	if !l.sound() {
		// The annotation means nothing for these values: they are what they are.
		l = logical{physical: l.physical, length: l.length}
	}
	return l
}

// sound tells whether the annotation can stand at the physical type.
func (l logical) sound() bool {
	bytes := l.physical == format.ByteArray || l.physical == format.FixedLenByteArray
	switch l.meaning {
	case text:
		return bytes
	case integer:
		small := l.bits == 8 || l.bits == 16 || l.bits == 32
		return l.physical == format.Int32 && small || l.physical == format.Int64 && l.bits == 64
	case decimal:
		return (bytes || l.physical == format.Int32 || l.physical == format.Int64) && l.precision > 0 && l.scale >= 0 && l.scale <= l.precision
	case date:
		return l.physical == format.Int32
	case timeOfDay:
		return l.physical == format.Int32 && l.unit == millis || l.physical == format.Int64 && l.unit != millis
	case timestamp:
		return l.physical == format.Int64 || l.physical == format.Int96
	case uuid:
		return l.physical == format.FixedLenByteArray && l.length == 16
	case float16:
		return l.physical == format.FixedLenByteArray && l.length == 2
	default:
		return true
	}
}

// convert reads the older kind of annotation.
func (l *logical) convert(e *format.SchemaElement) {
	switch t := e.ConvertedType.V; t {
	case deprecated.UTF8:
		l.meaning = text
	case deprecated.Enum:
		l.meaning, l.special = text, "enum"
	case deprecated.Json:
		l.meaning, l.special = text, "json"
	case deprecated.Bson:
		l.special = "bson"
	case deprecated.Decimal:
		l.meaning, l.scale, l.precision = decimal, int(e.Scale.V), int(e.Precision.V)
	case deprecated.Date:
		l.meaning = date
	case deprecated.TimeMillis:
		l.meaning, l.unit, l.utc = timeOfDay, millis, true
	case deprecated.TimeMicros:
		l.meaning, l.unit, l.utc = timeOfDay, micros, true
	case deprecated.TimestampMillis:
		l.meaning, l.unit, l.utc = timestamp, millis, true
	case deprecated.TimestampMicros:
		l.meaning, l.unit, l.utc = timestamp, micros, true
	case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
		l.meaning, l.unsigned, l.bits = integer, true, 8<<(t-deprecated.Uint8)
	case deprecated.Int8, deprecated.Int16, deprecated.Int32, deprecated.Int64:
		l.meaning, l.bits = integer, 8<<(t-deprecated.Int8)
	case deprecated.Interval:
		l.meaning = interval
	}
}

func unitOf(u format.TimeUnit) unit {
	switch u.Value.(type) {
	case *format.NanoSeconds:
		return nanos
	case *format.MicroSeconds:
		return micros
	default:
		return millis
	}
}

// feature gives the type that the values are read as where nothing else is asked
// for; the zero type for what has none of its own (decimals, times of day).
func (l logical) feature() feature.Type {
	switch l.meaning {
	case text:
		return feature.Scalar(feature.String)
	case date:
		return feature.Scalar(feature.Date)
	case timestamp:
		return feature.Scalar(feature.Timestamp)
	case float16:
		return feature.Scalar(feature.Float32)
	case decimal, timeOfDay, interval, allNull:
		return feature.Type{}
	case integer:
		if l.bits == 64 || l.bits == 32 && l.unsigned {
			return feature.Scalar(feature.Int64)
		}
		return feature.Scalar(feature.Int32)
	}
	switch l.physical {
	case format.Boolean:
		return feature.Scalar(feature.Bool)
	case format.Int32:
		return feature.Scalar(feature.Int32)
	case format.Int64:
		return feature.Scalar(feature.Int64)
	case format.Float:
		return feature.Scalar(feature.Float32)
	case format.Double:
		return feature.Scalar(feature.Float64)
	default:
		return feature.Scalar(feature.Bytes)
	}
}

// feature gives the type that the column is read as where nothing else is asked
// for, or the zero type.
func (c *column) feature() feature.Type {
	t := c.logical.feature()
	if c.list && !t.IsZero() {
		t.List = true
	}
	return t
}

// String names the type for people: "uint32", "decimal(9,2)", "timestamp[ns, UTC]".
func (l logical) String() string {
	switch l.meaning {
	case text:
		return "string"
	case integer:
		if l.unsigned {
			return fmt.Sprintf("uint%d", l.bits)
		}
		return fmt.Sprintf("int%d", l.bits)
	case decimal:
		return fmt.Sprintf("decimal(%d,%d)", l.precision, l.scale)
	case date:
		return "date"
	case timeOfDay:
		return "time[" + l.unit.String() + "]"
	case timestamp:
		if l.utc {
			return "timestamp[" + l.unit.String() + ", UTC]"
		}
		return "timestamp[" + l.unit.String() + "]"
	case uuid:
		return "uuid"
	case float16:
		return "float16"
	case interval:
		return "interval"
	case allNull:
		return "null"
	}
	switch l.physical {
	case format.Boolean:
		return "bool"
	case format.Int32:
		return "int32"
	case format.Int64:
		return "int64"
	case format.Float:
		return "float32"
	case format.Double:
		return "float64"
	case format.FixedLenByteArray:
		return fmt.Sprintf("bytes[%d]", l.length)
	default:
		return "bytes"
	}
}

func (u unit) String() string { return [...]string{"ms", "us", "ns"}[u] }

// describe names the type of any top-level column for people.
func describe(top *node) string {
	if c, ok := columnOf(top); ok {
		if c.list {
			return "list<" + c.logical.String() + ">"
		}
		return c.logical.String()
	}
	switch {
	case isList(top.elem):
		return "list of lists or structs"
	case isMap(top.elem):
		return "map"
	}
	var names []string
	for _, child := range top.children {
		names = append(names, child.name())
	}
	return "struct with fields " + strings.Join(names, ", ")
}
