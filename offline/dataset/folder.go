package dataset

import (
	"fmt"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/arrowconv"
)

// hiveNull is the folder of nulls.
const hiveNull = "__HIVE_DEFAULT_PARTITION__"

// longestName is how many bytes the name of a folder may have on most file systems.
const longestName = 255

func namesFolders(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.BOOL, arrow.STRING, arrow.LARGE_STRING, arrow.DATE32, arrow.DATE64, arrow.TIMESTAMP:
		return true
	}
	return arrow.IsInteger(t.ID())
}

// folderOf gives what appends a row's folder: name=value, percent-encoded, for each
// column, with slashes between them.
func folderOf(record arrow.Record, names []string, columns []int) func(to []byte, row int) ([]byte, error) {
	texts := make([]func(row int) string, len(columns))
	for i, c := range columns {
		texts[i] = textOf(record.Column(c))
	}
	return func(to []byte, row int) ([]byte, error) {
		for i, c := range columns {
			if i > 0 {
				to = append(to, '/')
			}
			from := len(to)
			to = append(appendEscaped(to, names[i]), '=')
			if record.Column(c).IsNull(row) {
				to = append(to, hiveNull...)
				continue
			}
			text := texts[i](row)
			to = appendEscaped(to, text)
			if text == hiveNull || len(to)-from > longestName {
				return to, fmt.Errorf("column %q: %q can't name a folder: partition by another column, or write something else (a null, for example): %w",
					names[i], text[:min(len(text), 60)], feature.ErrInvalid)
			}
		}
		return to, nil
	}
}

func textOf(arr arrow.Array) func(row int) string {
	switch a := arr.(type) {
	case *array.String:
		return a.Value
	case *array.LargeString:
		return a.Value
	case *array.Boolean:
		return func(row int) string { return strconv.FormatBool(a.Value(row)) }
	case *array.Date32:
		return func(row int) string { return a.Value(row).ToTime().Format(time.DateOnly) }
	case *array.Date64:
		return func(row int) string { return arrow.Date32(arrowconv.Days(a.Value(row))).ToTime().Format(time.DateOnly) }
	case *array.Timestamp:
		unit := arrow.Microsecond
		if t, ok := arr.DataType().(*arrow.TimestampType); ok {
			unit = t.Unit
		}
		return func(row int) string { return a.Value(row).ToTime(unit).UTC().Format(time.RFC3339Nano) }
	}
	return arr.ValueStr
}

// appendEscaped percent-encodes what has a meaning in paths, in names of partitions
// or in glob patterns, and control characters, which Windows does not take either.
func appendEscaped(to []byte, text string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(text) {
		switch c := text[i]; {
		case c < 0x20, c == 0x7f, c == '"', c == '#', c == '%', c == '\'', c == '*', c == '/', c == ':', c == '=', c == '?', c == '\\',
			c == '{', c == '}', c == '[', c == ']', c == '^', c == '<', c == '>', c == '|', c == '+', c == '.' && i == 0:
			to = append(to, '%', hex[c>>4], hex[c&15])
		default:
			to = append(to, c)
		}
	}
	return to
}

func newRecord(schema *arrow.Schema, columns []arrow.Array) arrow.Record {
	return array.NewRecord(schema, columns, int64(columns[0].Len()))
}

// joined copies records into one.
func joined(schema *arrow.Schema, records []arrow.Record) (arrow.Record, error) {
	columns := make([]arrow.Array, schema.NumFields())
	defer func() {
		for _, c := range columns {
			if c != nil {
				c.Release()
			}
		}
	}()
	rows := int64(0)
	for _, r := range records {
		rows += r.NumRows()
	}
	for i := range columns {
		parts := make([]arrow.Array, len(records))
		for j, r := range records {
			parts[j] = r.Column(i)
		}
		var err error
		if columns[i], err = array.Concatenate(parts, memory.DefaultAllocator); err != nil {
			return nil, fmt.Errorf("column %q: %w: %w", schema.Field(i).Name, err, feature.ErrInvalid)
		}
	}
	return array.NewRecord(schema, columns, rows), nil
}

// sizeOf is about how many bytes a value takes in memory. It is a sum over rows, so
// that a file's end does not depend on the records.
func sizeOf(d arrow.ArrayData, row int) int64 {
	at := d.Offset() + row
	switch t := d.DataType().(type) {
	case *arrow.StringType, *arrow.BinaryType:
		return 4 + between[int32](d, at)
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		return 8 + between[int64](d, at)
	case *arrow.ListType, *arrow.MapType:
		return 4 + between[int32](d, at)*itemSize(d)
	case *arrow.LargeListType:
		return 8 + between[int64](d, at)*itemSize(d)
	case *arrow.FixedSizeListType:
		return int64(t.Len()) * itemSize(d)
	case *arrow.StructType:
		size := int64(0)
		for _, child := range d.Children() {
			size += sizeOf(child, at)
		}
		return size
	case arrow.FixedWidthDataType:
		return int64(t.Bytes())
	}
	return 1
}

func between[T int32 | int64](d arrow.ArrayData, at int) int64 {
	offsets := arrow.GetData[T](d.Buffers()[1].Bytes())
	return int64(offsets[at+1] - offsets[at])
}

// itemSize takes items of no fixed width for 16 bytes.
func itemSize(d arrow.ArrayData) int64 {
	if t, ok := d.Children()[0].DataType().(arrow.FixedWidthDataType); ok {
		return int64(t.Bytes())
	}
	return 16
}
